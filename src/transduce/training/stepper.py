"""PyTorch's optimisers as the loop sees them: a step at a given rate, and state as plain named tensors."""

import torch
from torch import Tensor


class Stepper:
    """One or several optimisers, each over some of the parameters, that move together."""

    def __init__(self, *optimisers: torch.optim.Optimizer) -> None:
        self.optimisers = optimisers

    def step(self, rate: float) -> None:
        """Moves every parameter by its gradient; one whose gradient is None stays."""
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()

    def tensors(self) -> dict[str, Tensor]:
        """The state by name, "<optimiser>/<parameter number>.<quantity>": every quantity is a tensor."""
        return {
            f"{place}/{number}.{name}": torch.as_tensor(held)
            for place, optimiser in enumerate(self.optimisers)
            for number, kept in optimiser.state_dict()["state"].items()
            for name, held in kept.items()
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Puts back what `tensors` gave."""
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.optimisers]
        for key, held in tensors.items():
            place, _, rest = key.partition("/")
            number, _, name = rest.partition(".")
            states[int(place)].setdefault(int(number), {})[name] = held
        for optimiser, state in zip(self.optimisers, states, strict=True):
            optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})

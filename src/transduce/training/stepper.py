"""PyTorch's optimisers as the loop sees them: a step at a given rate, and state as plain named tensors."""

import torch
from torch import Tensor


class Stepper:
    """One or several optimisers, each over some of the named parameters, that move together."""

    def __init__(self, *optimisers: torch.optim.Optimizer) -> None:
        self.optimisers = optimisers

    def step(self, rate: float) -> None:
        """Moves every parameter by its gradient; one whose gradient is None stays."""
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()

    def tensors(self) -> dict[str, Tensor]:
        """The state by name, "<parameter>/<quantity>": every quantity is a tensor. Parameters never moved have none."""
        return {
            f"{names[number]}/{quantity}": torch.as_tensor(value)
            for optimiser, names in zip(self.optimisers, self._names(), strict=True)
            for number, state in optimiser.state_dict()["state"].items()
            for quantity, value in state.items()
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restores the state from what `tensors` gave. ValueError for a parameter that no optimiser moves."""
        states: dict[str, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            name, _, quantity = key.rpartition("/")
            states.setdefault(name, {})[quantity] = value
        if unknown := sorted(states.keys() - {name for names in self._names() for name in names}):
            raise ValueError(
                f"the optimiser's state is of another network: it has {unknown[0]!r}, which is no parameter"
            )
        for optimiser, names in zip(self.optimisers, self._names(), strict=True):
            own = {number: states[name] for number, name in enumerate(names) if name in states}
            optimiser.load_state_dict({"state": own, "param_groups": optimiser.state_dict()["param_groups"]})

    def _names(self) -> list[list[str]]:
        """The parameter names of each optimiser, in the order in which it numbers them."""
        return [[name for group in each.param_groups for name in group["param_names"]] for each in self.optimisers]

"""The network computes in bfloat16; the optimiser moves a float32 master of every weight.

This is faster than autocast: it casts once per step, autocast at every use. Bfloat16 alone would lose updates smaller than
1/256 of a weight.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from transduce.networks.tensors import tensors_of

PRECISIONS = {"bf16": torch.bfloat16, "float32": torch.float32}


class MasterWeights:
    """Float32 masters beside the network's own weights; in float32 the two are the same tensors."""

    def __init__(self, network: nn.Module, compute: torch.dtype) -> None:
        self.network = network
        self.names = [name for name, _ in network.named_parameters()]
        master = [parameter.detach().float().clone() for parameter in network.parameters()]
        network.to(compute)
        self.weights: list[Tensor] = list(network.parameters())
        self.separate = compute != torch.float32
        self.masters: list[Tensor] = [m.requires_grad_() for m in master] if self.separate else list(self.weights)

    @torch.no_grad()
    def collect(self) -> None:
        """Adds the network's gradients to the masters' in float32, and clears them: once per micro-batch.

        A weight without a gradient, as of a layer that layer dropout skips, stays without: the optimiser skips it.
        """
        if not self.separate:
            return
        for master, weight in zip(self.masters, self.weights, strict=True):
            if weight.grad is not None:
                master.grad = weight.grad.float() if master.grad is None else master.grad.add_(weight.grad)
                weight.grad = None

    def clear(self) -> None:
        """Drops all gradients."""
        for tensor in (*self.masters, *self.weights):
            tensor.grad = None

    def scale_gradients(self, factor: float) -> None:
        torch._foreach_mul_([master.grad for master in self.masters if master.grad is not None], factor)

    @torch.no_grad()
    def publish(self) -> None:
        """Rounds the masters into the network's weights: once per update."""
        if self.separate:
            torch._foreach_copy_(self.weights, self.masters)

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The tensors that an optimiser moves, by parameter name."""
        return dict(zip(self.names, self.masters, strict=True))

    @contextmanager
    def swap_in(self, tensors: dict[str, Tensor]) -> Iterator[None]:
        """Within the block the network computes with other weights; afterwards its own weights are back, bit for bit."""
        own = [] if self.separate else [master.detach().clone() for master in self.masters]
        with torch.no_grad():
            for name, weight in zip(self.names, self.weights, strict=True):
                weight.copy_(tensors[name])
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self.weights, own or self.masters)

    def state(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint by name: float32 weights and the network's persistent buffers."""
        return {**tensors_of(self.network), **self.tensors()}

    def tensors(self) -> dict[str, Tensor]:
        """Float32 weights by parameter name."""
        return {name: master.detach() for name, master in zip(self.names, self.masters, strict=True)}

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restores a result of `state`."""
        for name, own in {**tensors_of(self.network), **self.parameters}.items():
            own.copy_(tensors[name])
        self.publish()

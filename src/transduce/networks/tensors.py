"""The tensors of a network that files hold: parameters and persistent buffers, by name."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def tensors_of(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers by name, a tied one once."""
    names = network.state_dict(keep_vars=True).keys()
    buffers = {name: buffer for name, buffer in network.named_buffers() if name in names}
    return {**dict(network.named_parameters()), **buffers}


def check_tensors(network: nn.Module, values: Mapping[str, Tensor]) -> None:
    """ValueError unless `values` has the tensors of the network, in their shapes; floating-point ones in float32."""
    tensors = tensors_of(network)
    if missing := sorted(tensors.keys() - values.keys()):
        raise ValueError(f"it lacks {missing[0]!r} and {len(missing) - 1} more")
    if extra := sorted(values.keys() - tensors.keys()):
        raise ValueError(f"it holds {extra[0]!r}, for which the network has no place")
    for name, tensor in tensors.items():
        value, dtype = values[name], torch.float32 if tensor.is_floating_point() else tensor.dtype
        if value.shape != tensor.shape or value.dtype != dtype:
            raise ValueError(
                f"{name} should be {tuple(tensor.shape)} {str(dtype).removeprefix('torch.')}, found {tuple(value.shape)} "
                f"{str(value.dtype).removeprefix('torch.')}; the files are not of one model"
            )


def computes_tensors(network: nn.Module) -> bool:
    """Whether modules have tensors that no file holds: building the network computes them."""
    stored = {id(tensor) for tensor in tensors_of(network).values()}
    values = (each for module in network.modules() for each in (*module.buffers(recurse=False), *vars(module).values()))
    return any(isinstance(each, Tensor) and id(each) not in stored for each in values)


def set_tensors(network: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Puts `values` in place of the network's own tensors."""
    shared = {
        id(own): nn.Parameter(values[name]) if isinstance(own, nn.Parameter) else values[name].to(own.dtype)
        for name, own in tensors_of(network).items()
    }
    for owner in network.modules():  # a tied parameter has several owners
        parameters = owner.named_parameters(recurse=False, remove_duplicate=False)
        buffers = owner.named_buffers(recurse=False, remove_duplicate=False)
        for name, own in [*parameters, *buffers]:
            if id(own) in shared:
                setattr(owner, name, shared[id(own)])

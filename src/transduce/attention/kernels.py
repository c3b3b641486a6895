"""The kernel that computes a call of `attend`, and the reason. Pure: the same request always has the same plan."""

from dataclasses import dataclass
from typing import Literal

Backend = Literal["reference", "matmul", "sdpa"]

SHORT_ON_CPU = 512  # keys: up to here plain products beat PyTorch's CPU flash kernel, forward and backward (measured)


@dataclass(frozen=True)
class Request:
    """The properties of a call of `attend` that select its kernel."""

    device: str
    keys: int
    dot_product: bool  # the score is a scaled dot product
    softmax: bool  # the normaliser is a softmax


@dataclass(frozen=True)
class Plan:
    """A kernel and the reason for it."""

    backend: Backend
    reason: str


def plan(request: Request, backend: Backend | None = None) -> Plan:
    """The fastest exact kernel, or `backend`. ValueError where that one cannot compute the request."""
    obstacle = None
    if not request.dot_product:
        obstacle = "the score is no scaled dot product"
    elif not request.softmax:
        obstacle = "the weights are not normalised by a softmax"
    if backend is not None:
        if backend != "reference" and obstacle:
            raise ValueError(f"attention backend {backend!r} cannot do this: {obstacle}; use 'reference'")
        return Plan(backend, "the caller sets it")
    if obstacle:
        return Plan("reference", obstacle)
    if request.device == "cpu" and request.keys <= SHORT_ON_CPU:
        return Plan("matmul", f"at most {SHORT_ON_CPU} keys on a CPU: plain products are faster than the flash kernel")
    return Plan("sdpa", "a scaled dot product with a softmax: PyTorch's fused kernel")

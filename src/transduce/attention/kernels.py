"""Which backend serves a request for attention, and why. Pure: the same request always gets the same plan."""

from dataclasses import dataclass
from typing import Literal

Backend = Literal["reference", "matmul", "sdpa"]

SHORT_ON_CPU = 512  # keys: up to here plain products beat PyTorch's CPU flash kernel, forward and backward (measured)


@dataclass(frozen=True)
class Request:
    """What a call of `attend` looks like from outside."""

    device: str
    keys: int
    dot_product: bool  # the score is a scaled dot product
    softmax: bool  # the normaliser is a softmax


@dataclass(frozen=True)
class Plan:
    backend: Backend
    reason: str


def plan(request: Request, wanted: Backend | None = None) -> Plan:
    """The backend for `request`; `wanted` is obeyed, and refused with a ValueError where it cannot do the job."""
    unable = None
    if not request.dot_product:
        unable = "the score is no scaled dot product"
    elif not request.softmax:
        unable = "the weights are not normalised by a softmax"
    if wanted is not None:
        if wanted != "reference" and unable:
            raise ValueError(f"attention backend {wanted!r} cannot do this: {unable}; use 'reference'")
        return Plan(wanted, "asked for")
    if unable:
        return Plan("reference", unable)
    if request.device == "cpu" and request.keys <= SHORT_ON_CPU:
        return Plan("matmul", f"at most {SHORT_ON_CPU} keys on a CPU: plain products are faster than the flash kernel")
    return Plan("sdpa", "a scaled dot product with a softmax: PyTorch's fused kernel")

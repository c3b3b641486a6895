"""The kernel that computes a call of `attend`, and the reason. Pure: the same request always has the same plan."""

from dataclasses import dataclass
from typing import Literal, get_args

Backend = Literal["reference", "matmul", "sdpa", "windowed", "linear"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)

# Keys up to which plain products beat PyTorch's CPU flash kernel, forward and backward (measured), by bytes of a number.
SHORT_ON_CPU = {2: 512, 4: 128, 8: 128}
LONG = 512  # keys from which a narrow window is worth its chunks
CHUNKS = 4  # a window of at most a quarter of the keys is faster in chunks


@dataclass(frozen=True)
class Request:
    """The properties of a call of `attend` that select its kernel."""

    device: str
    keys: int
    dot_product: bool  # the score is a dot product of mapped queries and keys
    softmax: bool  # the normaliser is a softmax
    window: int | None = (
        None  # keys that a query sees at most, of a mask that is a band of a square; None: no such mask
    )
    bias: bool = False
    bytes: int = 4  # of a number
    sums: bool = False  # the score is a kernel of features, under a mask that sums over the keys can respect


@dataclass(frozen=True)
class Plan:
    """A kernel and the reason for it."""

    backend: Backend
    reason: str


def plan(request: Request, backend: Backend | None = None) -> Plan:
    """The fastest exact kernel, or `backend`. ValueError for an unknown one, and where it cannot compute the request."""
    if backend is not None and backend not in BACKENDS:
        raise ValueError(f"a backend of attention is one of {', '.join(map(repr, BACKENDS))}, found {backend!r}")
    obstacle = "" if request.sums and backend in (None, "linear") else _obstacle(request)
    if backend is not None:
        if backend == "windowed":
            obstacle = obstacle or _obstacle_of_windows(request)
        if backend == "linear" and not request.sums:
            obstacle = (
                "it needs a FeatureKernel, a softmax, no bias, no dropout, and a mask of keys alone or the causal one"
            )
        if backend != "reference" and obstacle:
            raise ValueError(f"attention backend {backend!r} cannot do this: {obstacle}; use 'reference'")
        return Plan(backend, "the caller sets it")
    if obstacle:
        return Plan("reference", obstacle)
    if request.sums:
        return Plan("linear", "the score is a kernel of features: sums over the keys need no weights")
    if not _obstacle_of_windows(request) and narrow(request.window, request.keys):
        return Plan("windowed", "the mask is a narrow window: chunks of queries need no weights outside it")
    short = SHORT_ON_CPU[request.bytes]
    if request.device == "cpu" and request.keys <= short:
        return Plan("matmul", f"at most {short} keys on a CPU: plain products are faster than the flash kernel")
    return Plan("sdpa", "a scaled dot product with a softmax: PyTorch's fused kernel")


def _obstacle(request: Request) -> str:
    """Why no fused kernel computes the request; "" where one does."""
    if not request.dot_product:
        return "the score is no scaled dot product"
    return "" if request.softmax else "the weights are not normalised by a softmax"


def _obstacle_of_windows(request: Request) -> str:
    if request.window is None:
        return "the mask is no window over as many keys as queries"
    return "a bias is added to the scores" if request.bias else ""


def narrow(window: int | None, keys: int) -> bool:
    """Whether chunks compute a window of that many keys faster than a kernel over all keys."""
    return window is not None and keys > LONG and keys >= CHUNKS * window

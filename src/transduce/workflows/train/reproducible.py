"""What the results of a run depend on beside its settings and data: states of random generators, and the number of threads."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from transduce.data.records import plural

log = logging.getLogger(__name__)


@contextmanager
def random_states_restored(device: str) -> Iterator[None]:
    """Afterwards, the random generators that training uses have their earlier states: that of the CPU, and of a GPU."""
    with torch.random.fork_rng([torch.device(device)] if is_gpu(device) else []):
        yield


def seed_generators(seed: int, device: str) -> None:
    """As torch.manual_seed, without the GPUs that the run does not use."""
    torch.default_generator.manual_seed(seed)
    if is_gpu(device):
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


def check_threads(began: int, device: str) -> None:
    """A warning where a run on a CPU began with another number of threads."""
    if not is_gpu(device) and began != torch.get_num_threads():
        log.warning(
            "this run began with %s and continues with %s, which round sums in another order; "
            "torch.set_num_threads(%d) before training keeps it exact",
            threads_text(began),
            threads_text(torch.get_num_threads()),
            began,
        )


def threads_text(count: int) -> str:
    return f"{count} {plural('thread', count)}"


def is_gpu(device: str) -> bool:
    return device.startswith("cuda")

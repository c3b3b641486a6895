"""The hardware that this process may use: cores, instruction sets, a GPU.

Inside a container the limits of its control group count, not the machine's. Unknown values are empty (systems other than
Linux tell less); nothing here fails.
"""

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median


def bf16_is_fast(device: str) -> bool:
    """Whether matrix products in bfloat16 run in hardware there: AMX or AVX512-bf16, or a GPU of 2020 or later."""
    if device.startswith("cuda"):
        import torch

        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.startswith("cpu") and not instruction_sets().isdisjoint({"amx_bf16", "avx512_bf16"})


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: a MemoryError, or torch's RuntimeError, which on a CPU has no class of its own."""
    text = str(error)
    of_torch = isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
    return isinstance(error, MemoryError) or of_torch


def choose_threads() -> int:
    """Sets how many threads torch computes with on the CPU, and returns it: one for each of `cores`, or one fewer.

    Threads wait for each other at the end of every product. Where another program uses a core, one of them waits for its
    turn again and again, and all are many times slower than one fewer (measured on two cores: 300 tokens per second in
    training against 7,500). The trial takes half a second, more on a busy machine. OMP_NUM_THREADS, if set, decides.
    """
    import torch

    if "OMP_NUM_THREADS" in os.environ:
        return torch.get_num_threads()
    most = min(torch.get_num_threads(), cores())  # torch counts the machine's cores, not the container's
    torch.set_num_threads(most)
    if most == 1:
        return most
    timings: dict[int, list[float]] = {most: [], most - 1: []}
    for _ in range(5):
        for threads, seconds in timings.items():
            torch.set_num_threads(threads)
            seconds.append(_time_products())
    best = most if median(timings[most]) < 1.2 * median(timings[most - 1]) else most - 1
    torch.set_num_threads(best)
    return best


def _time_products() -> float:
    """Seconds of a few matrix products, of the size of a small model's."""
    import torch

    left, right = torch.ones(512, 256), torch.ones(256, 512)
    start = time.perf_counter()
    for _ in range(40):
        left @ right
    return time.perf_counter() - start


def cores(root: Path = Path("/")) -> int:
    """Whole cores that this process may use at once: those it may run on, within its control group's share of time.

    A share of 2.5 cores is 2: of three threads one would often wait, and the others would wait for it.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [int(share) for share in _cpu_shares(root)]
    return max(1, min([usable, *quotas]))


def _cpu_shares(root: Path) -> Iterator[float]:
    for group in _control_groups(root):
        quota, _, period = _read(group / "cpu.max").partition(" ")  # version 2: "150000 100000" or "max 100000"
        quota = quota or _read(group / "cpu.cfs_quota_us")  # version 1: -1 is no limit
        period = period or _read(group / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(period):
            yield int(quota) / int(period)


def _control_groups(root: Path) -> Iterator[Path]:
    """The folders of this process's control group for CPU time and of all around it; each may set a limit.

    Lines of /proc/self/cgroup: `0::/path` (version 2), `4:cpu,cpuacct:/path` (version 1). In a container the path may
    be the host's, of which only the end of the chain, the mount point, exists.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, name = (*line.split(":", 2), "", "")[:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        inner = Path(name.lstrip("/"))
        yield from (mount / group for group in (inner, *inner.parents) if ".." not in group.parts)


def cpu_name(root: Path = Path("/")) -> str:
    """The name of the CPU as its maker gives it, or the machine's architecture."""
    match = re.search(r"^model name\s*:\s*(.+)$", _read(root / "proc/cpuinfo"), re.MULTILINE)
    name = match[1] if match else _sysctl("-n", "machdep.cpu.brand_string")
    return name.strip() or platform.processor() or platform.machine() or "unknown"


def instruction_sets(root: Path = Path("/")) -> frozenset[str]:
    """Instruction sets that every core has: x86 `flags`, ARM `Features`; macOS's names in lower case (`bf16`)."""
    lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", _read(root / "proc/cpuinfo"), re.MULTILINE)
    if lines:
        return frozenset.intersection(*(frozenset(line.split()) for line in lines))
    features = re.findall(r"^hw\.optional\.(?:arm\.FEAT_)?(\w+): 1$", _sysctl("hw.optional"), re.MULTILINE)
    return frozenset(feature.lower() for feature in features)


def _sysctl(*arguments: str) -> str:
    if sys.platform != "darwin":
        return ""
    try:
        return subprocess.run(["sysctl", *arguments], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""

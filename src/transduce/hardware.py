"""What this machine can do, as far as this process may use it: cores, instruction sets, memory, GPUs.

Inside a container the limits of its control group count, not what the machine has. What cannot be found out (other
systems than Linux tell less) is left empty; nothing here fails.
"""

import ctypes
import math
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Hardware:
    """Cores usable at once, name of the CPU, its instruction sets in Linux's names, bytes of memory, names of GPUs."""

    cores: int
    cpu: str
    instruction_sets: frozenset[str]
    memory_bytes: int | None
    gpus: tuple[str, ...]


def describe() -> Hardware:
    """Everything at once. Imports torch, to ask it for GPUs."""
    return Hardware(cores(), cpu_name(), instruction_sets(), memory_bytes(), _gpus())


def best_device() -> str:
    """Where to compute: "cuda" where there is a GPU that torch can use, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


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
    """Sets how many threads torch computes with on the CPU, and returns it: all of them, or one fewer.

    Threads wait for each other at the end of every product. Where another program keeps a core busy, one of them is
    made to wait for its turn again and again, and all together are many times slower than one fewer would be (measured
    on two cores: 300 tokens per second in training against 7,500). Trying it out takes half a second, more on a
    busy machine. What the user has set in OMP_NUM_THREADS stays.
    """
    import torch

    most = torch.get_num_threads()
    if most == 1 or "OMP_NUM_THREADS" in os.environ:
        return most
    taken: dict[int, list[float]] = {most: [], most - 1: []}
    for _ in range(5):
        for threads, seconds in taken.items():
            torch.set_num_threads(threads)
            seconds.append(_products_take())
    chosen = most if median(taken[most]) < 1.2 * median(taken[most - 1]) else most - 1
    torch.set_num_threads(chosen)
    return chosen


def _products_take() -> float:
    """Seconds for a few matrix products of the size that a small model makes."""
    import torch

    left, right = torch.ones(512, 256), torch.ones(256, 512)
    began = time.perf_counter()
    for _ in range(40):
        left @ right
    return time.perf_counter() - began


def _gpus() -> tuple[str, ...]:
    import torch

    return tuple(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))


def cores(root: Path = Path("/")) -> int:
    """Cores that this process may use at once: those it may run on, within its control group's share of time."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [math.ceil(share) for share in _cpu_shares(root)]
    return max(1, min([usable, *quotas]))


def _cpu_shares(root: Path) -> Iterator[float]:
    for group in _control_groups(root, "cpu"):
        quota, _, period = _read(group / "cpu.max").partition(" ")  # version 2: "150000 100000" or "max 100000"
        quota = quota or _read(group / "cpu.cfs_quota_us")  # version 1: -1 is no limit
        period = period or _read(group / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(period):
            yield int(quota) / int(period)


def memory_bytes(root: Path = Path("/")) -> int | None:
    """Bytes of memory that this process may use: the machine's, or the limit of its control group; None if unknown."""
    limits = []
    for group in _control_groups(root, "memory"):
        limits += [_read(group / "memory.max"), _read(group / "memory.limit_in_bytes")]
    sizes = [int(limit) for limit in limits if limit.isdecimal()]
    machine = _machine_memory(root)
    return min([machine, *sizes]) if machine else min(sizes, default=None)


def _machine_memory(root: Path) -> int | None:
    found = re.search(r"^MemTotal:\s*(\d+) kB", _read(root / "proc/meminfo"), re.MULTILINE)
    if found:
        return int(found[1]) * 1024
    if sys.platform == "win32":
        return _windows_memory()
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _windows_memory() -> int | None:
    kilobytes = ctypes.c_ulonglong()
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009  (mypy knows it on Windows only)
    found = kernel.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))
    return kilobytes.value * 1024 if found else None


def _control_groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's control group and of all around it; each may set a limit.

    Lines of /proc/self/cgroup: `0::/path` (version 2), `4:cpu,cpuacct:/path` (version 1). In a container the path may
    be the host's, of which only the end of the chain, the mount point, exists.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, name = (*line.split(":", 2), "", "")[:3]
        if controllers and controller not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / (controller if controllers else "")
        inner = Path(name.lstrip("/"))
        yield from (mount / group for group in (inner, *inner.parents) if ".." not in group.parts)


def cpu_name(root: Path = Path("/")) -> str:
    """The name of the CPU as its maker gives it, or the machine's architecture."""
    found = re.search(r"^model name\s*:\s*(.+)$", _read(root / "proc/cpuinfo"), re.MULTILINE)
    name = found[1] if found else _sysctl("-n", "machdep.cpu.brand_string")
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

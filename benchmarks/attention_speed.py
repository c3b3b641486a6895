"""Times `attend` against PyTorch's own call, and the kernels that are linear in the length: `python -m benchmarks.attention_speed`.

Forward and backward together, in turns, medians. Letters: B batch, H heads, T tokens, E width of a head.
"""

import argparse
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from transduce.attention.attend import attend, explain
from transduce.attention.masks import causal, window
from transduce.attention.scores import FeatureKernel
from transduce.machine.memory import keep_steady

HEADS, WIDTH = 8, 64
SENTENCES = 8
LENGTHS = (64, 512, 4096)
WINDOW, WINDOWED_LENGTHS = 256, (4096, 8192, 16384)
LINEAR_LENGTHS = (1024, 4096, 16384, 65536)
RESULTS = Path(__file__).parent / "results/attention_speed.md"

Call = Callable[[Tensor, Tensor, Tensor], Tensor]


def direct(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def composed(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return attend(query, key, value, causal())


def windowed(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return attend(query, key, value, window(WINDOW - 1))


def dense_window(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return attend(query, key, value, window(WINDOW - 1), backend="sdpa")


def linear(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return attend(query, key, value, causal(), score=FeatureKernel())


CALLS: dict[str, Call] = {each.__name__: each for each in (direct, composed, windowed, dense_window, linear)}


def inputs(batch: int, heads: int, length: int) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(batch, heads, length, WIDTH, requires_grad=True) for _ in range(3)]


def seconds(call: Call, tensors: list[Tensor], probe: Tensor) -> float:
    start = time.perf_counter()
    torch.autograd.grad(call(*tensors), tensors, probe)
    return time.perf_counter() - start


def medians(calls: list[Call], batch: int, heads: int, length: int, repeats: int) -> list[float]:
    """Seconds of each call, in turns, without the first two rounds."""
    tensors = inputs(batch, heads, length)
    probe = torch.randn_like(tensors[0])
    rounds = [[seconds(call, tensors, probe) for call in calls] for _ in range(repeats + 2)][2:]
    return [statistics.median(each) for each in zip(*rounds, strict=True)]


def peak(call: str, length: int) -> float:
    """MiB of a process that makes one call, above those of its inputs."""
    code = f"from benchmarks.attention_speed import measure_peak; measure_peak({call!r}, {length})"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)


def measure_peak(call: str, length: int) -> None:
    tensors = inputs(1, HEADS, length)
    probe = torch.randn_like(tensors[0])
    CALLS[call](*(each[:, :, :64] for each in tensors))  # loads the kernels
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew (Linux)
    before = _kib("VmRSS")
    torch.autograd.grad(CALLS[call](*tensors), tensors, probe)
    print((_kib("VmHWM") - before) / 1024)


def _kib(name: str) -> int:
    match = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match is not None
    return int(match[1])


def report(repeats: int) -> str:
    lines = [
        "# Speed of attention",
        "",
        f"`python -m benchmarks.attention_speed --repeats {repeats}`: torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, float32, {HEADS} heads of {WIDTH}, "
        "forward and backward in turns, medians; the heap keeps its pages, as `transduce train` sets it.",
        "",
        f"## Causal attention: `attend` against `scaled_dot_product_attention`, {SENTENCES} sentences",
        "",
        "| tokens | kernel of `attend` | direct call, ms | `attend`, ms | ratio |",
        "|---|---|---|---|---|",
    ]
    for length in LENGTHS:
        theirs, ours = medians([direct, composed], SENTENCES, HEADS, length, repeats)
        x = torch.empty(1, 1, length, 1)
        kernel = explain(x, x, causal()).backend
        lines.append(f"| {length:,} | {kernel} | {1e3 * theirs:.2f} | {1e3 * ours:.2f} | {ours / theirs:.2f} |")
    lines += [
        "",
        f"## A window of {WINDOW} keys, one sentence: chunks against the dense mask",
        "",
        "| tokens | dense, ms | chunks, ms | times as fast | dense, MiB | chunks, MiB |",
        "|---|---|---|---|---|---|",
    ]
    for length in WINDOWED_LENGTHS:
        dense, chunks = medians([dense_window, windowed], 1, HEADS, length, max(3, repeats // 4))
        memory = [peak(call, length) for call in ("dense_window", "windowed")]
        lines.append(
            f"| {length:,} | {1e3 * dense:.0f} | {1e3 * chunks:.0f} | {dense / chunks:.1f} | {memory[0]:.0f} | {memory[1]:.0f} |"
        )
    lines += ["", "## Causal linear attention, one sentence", "", "| tokens | microseconds per token |", "|---|---|"]
    for length in LINEAR_LENGTHS:
        (each,) = medians([linear], 1, HEADS, length, max(3, repeats // 4))
        lines.append(f"| {length:,} | {1e6 * each / length:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    keep_steady()  # as the command line does: else page faults of new tensors dominate short calls
    options.out.write_text(report(options.repeats), encoding="utf-8")
    print(options.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

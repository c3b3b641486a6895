"""Runs as they would be measured."""

from benchmarks.training_speed.results import Run

BASE = Run(
    size="small",
    system="transduce",
    form="bf16",
    round=1,
    tokens_per_second=5000.0,
    tokens_per_cpu_second=2600.0,
    updates=20,
    seconds=16.0,
    tokens_per_update=4000.0,
    padded_tokens_per_update=4096.0,
    peak_bytes=2**30,
    parameters=9_421_824,
    threads=2,
    version="0.1.0",
    torch="2.13.0",
    python="3.11.7",
    own_log=None,
    load=0.1,
)
CIRCUMSTANCES: dict[str, object] = {
    "cpu": "some CPU",
    "cores": 2,
    "instruction-sets": ["avx2"],
    "threads": 2,
    "seconds": 20.0,
    "corpus": {"name": "made-up words", "pairs": 1000, "source-tokens": 20_000, "target-tokens": 21_000},
}

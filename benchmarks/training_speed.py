"""Training speed of the small model, in target tokens per second without padding, on made-up ids of life-like lengths.

    python benchmarks/training_speed.py [--precision auto|bf16|float32] [--updates N]

256 wide, 4 + 3 layers, 4 heads, 1,024 feed-forward, one vocabulary of 8,000, batches of 4,096 padded target tokens. Run it
with nothing else running; the median over updates is what counts, the first ones are left out.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from transduce import hardware, models
from transduce.architectures.presets import transformer_small
from transduce.data.loader import Loader
from transduce.data.store import StoreWriter, TokenStore
from transduce.tasks import translation
from transduce.training.config import TrainingConfig
from transduce.training.precision import PRECISIONS, MasterWeights
from transduce.training.state import TrainState
from transduce.training.update import Trainable, update

VOCABULARY = 8000
PAIRS = 20_000
WARM_UP = 3


def lengths(generator: np.random.Generator, count: int) -> np.ndarray:
    """Subword counts of technical text: median 14, a tenth beyond 50 (log-normal), at most 200."""
    return np.clip(np.round(np.exp(generator.normal(np.log(14), 1.0, count))), 1, 200).astype(int)


def write_store(path: Path) -> TokenStore:
    """Pairs of random ids whose target is about as long as the source."""
    generator = np.random.default_rng(1)
    source = lengths(generator, PAIRS)
    target = np.maximum(1, np.round(source * generator.uniform(0.85, 1.2, PAIRS)).astype(int))
    with StoreWriter(path, ["source", "target"]) as store:
        store.write(
            {
                "source": [generator.integers(4, VOCABULARY, n).tolist() for n in source],
                "target": [generator.integers(4, VOCABULARY, n).tolist() for n in target],
            }
        )
    return TokenStore(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", choices=["auto", "bf16", "float32"], default="auto")
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    found = measure(options.precision, options.updates)
    print(json.dumps(found, indent=1))
    options.results.mkdir(exist_ok=True)
    path = options.results / f"training-speed-{found['precision']}-{found['device']}.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measure(precision: str, updates: int) -> dict[str, object]:
    device = hardware.best_device()
    config = TrainingConfig()
    torch.manual_seed(1)
    network = replace(transformer_small(), decoder_layers=3)
    network = models.build(models.ModelSpec(network, VOCABULARY)).to(device).train()
    if precision == "auto":
        precision = "bf16" if hardware.bf16_is_fast(device) else "float32"
    masters = MasterWeights(network, PRECISIONS[precision])

    def loss(source, target):
        return translation.loss(network, translation.batch_of(source, target, device), config.label_smoothing)

    job = Trainable(network, loss, masters, config.optimiser.build(masters.masters), config)
    rates, padded, tokens = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        loader = Loader(write_store(Path(folder) / "pairs.arrow"), config.batch_tokens, seed=1)
        for rows in islice(loader.from_position(0, 0), updates + WARM_UP):
            began = time.perf_counter()
            measured = update(job, [rows], TrainState())
            rates.append(measured.tokens / (time.perf_counter() - began))
            padded += len(rows.target) * (max(map(len, rows.target)) + 1)
            tokens += measured.tokens
    return {
        "target_tokens_per_second": round(statistics.median(rates[WARM_UP:])),
        "updates": updates,
        "precision": "bf16" if masters.separate else "float32",
        "parameters": sum(master.numel() for master in masters.masters),
        "padding_share": round(1 - tokens / padded, 4),
        "peak_resident_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "device": device,
        "cpu": hardware.cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": sys.version.split()[0],
    }


if __name__ == "__main__":
    main()

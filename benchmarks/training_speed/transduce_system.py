"""transduce: `transduce train RUN.toml`, as a user would."""

import json
from pathlib import Path

from benchmarks.training_speed.settings import (
    BATCH_TOKENS,
    BETA1,
    BETA2,
    CLIP_NORM,
    DROPOUT,
    LABEL_SMOOTHING,
    LEARNING_RATE,
    MANY_UPDATES,
    WARMUP,
)
from benchmarks.training_speed.system import Job, Rates, System

FORMS = {"bf16": "bf16, float32 masters", "float32": "float32"}


def configure(job: Job) -> list[str]:
    size = job.size
    run = job.folder / "run.toml"
    text = f"""{job.data.head}
[model]
preset = "transformer-small"
d-model = {size.width}
heads = {size.heads}
feed-forward = {size.feed_forward}
encoder-layers = {size.layers}
decoder-layers = {size.layers}
dropout = {DROPOUT}

[training]
steps = {MANY_UPDATES}
validate-every = {MANY_UPDATES}
batch-tokens = {BATCH_TOKENS}
learning-rate = {LEARNING_RATE}
schedule = {{ kind = "inverse-square-root", warmup = {WARMUP} }}
optimiser = {{ kind = "adam", beta1 = {BETA1}, beta2 = {BETA2}, eps = 1e-8 }}
label-smoothing = {LABEL_SMOOTHING}
clip-norm = {CLIP_NORM}
precision = "{job.form}"
"""
    run.write_text(f"seed = {job.seed}\n\n{text}", encoding="utf-8")
    (job.folder / "prepared").symlink_to(job.data.prepared, target_is_directory=True)
    return ["train", run.name]


def own_rates(folder: Path, output: str) -> Rates:
    """Of single updates, one in twenty: metrics.jsonl has {"kind": "train", "step": 20, "tokens-per-second": 5012.3, ...}."""
    rates = {}
    for path in folder.glob("runs/*/metrics.jsonl"):
        for event in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            if event["kind"] == "train":
                rates[int(event["step"])] = float(event["tokens-per-second"])
    return rates


TRANSDUCE = System("transduce", FORMS, configure, own_rates)

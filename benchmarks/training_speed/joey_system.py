"""Joey NMT: `python -m joeynmt train config.yaml --skip-test`.

Its only 16-bit format is fp16, which it switches off on a CPU. It makes its batches of pairs in the order that they come
in, whatever their lengths; what it gains from a corpus that brings like lengths together is a form of its own here.
"""

import json
import re
from pathlib import Path

from benchmarks.training_speed.grouping import grouped
from benchmarks.training_speed.settings import (
    BATCH_TOKENS,
    BETA1,
    BETA2,
    CLIP_NORM,
    DROPOUT,
    LABEL_SMOOTHING,
    LEARNING_RATE,
    MANY_UPDATES,
    MAX_LENGTH,
    VOCABULARY,
    WARMUP,
    Size,
)
from benchmarks.training_speed.system import Job, Rates, System

GROUPED = "float32-grouped"
FORMS = {"float32": "float32", GROUPED: "float32, file grouped by length beforehand"}
SIDES = (".source", ".target")
SYMBOLS = {
    "unk_token": "<unk>",
    "unk_id": 0,
    "pad_token": "<pad>",
    "pad_id": 1,
    "bos_token": "<s>",
    "bos_id": 2,
    "eos_token": "</s>",
    "eos_id": 3,
}
LINE = re.compile(r"Step:\s+(\d+),.*?Tokens per Sec:\s+([\d.]+)")


def configure(job: Job) -> list[str]:
    stack = _stack(job.size)
    config = {
        "name": "training-speed",
        "joeynmt_version": "2.3.0",
        "model_dir": "model",
        "use_cuda": False,
        "random_seed": job.seed,
        "data": _data(job),
        "testing": {"n_best": 1, "beam_size": 4, "batch_size": 32, "batch_type": "sentence", "max_output_length": 100},
        "training": _training(shuffle=job.form != GROUPED),
        "model": {
            "initializer": "xavier_uniform",
            "bias_initializer": "zeros",
            "embed_initializer": "xavier_uniform",
            "tied_embeddings": True,
            "tied_softmax": True,
            "encoder": stack,
            "decoder": stack,
        },
    }
    (job.folder / "config.yaml").write_text(json.dumps(config, indent=1), encoding="utf-8")  # JSON is YAML
    return ["train", "config.yaml", "--skip-test"]


def _data(job: Job) -> dict[str, object]:
    data = job.data
    side = {
        "max_length": MAX_LENGTH + 1,
        "lowercase": False,
        "normalize": False,
        "level": "word",
        "voc_limit": VOCABULARY,
        "voc_min_freq": 1,
        "voc_file": str(data.vocabulary),
    }
    return {
        "train": str(_write_grouped(job) if job.form == GROUPED else data.ids),
        "dev": str(data.dev_ids),
        "dataset_type": "plain",
        "src": {"lang": "source", **side},
        "trg": {"lang": "target", **side},
        "special_symbols": SYMBOLS,
    }


def _write_grouped(job: Job) -> Path:
    """The pairs in an order of their own, as GROUPED.source and GROUPED.target."""
    texts = {side: job.data.ids.with_suffix(side).read_text(encoding="utf-8").splitlines() for side in SIDES}
    source, target = ([line.count(" ") + 1 for line in lines] for lines in texts.values())
    order = grouped(source, target, BATCH_TOKENS, job.seed)
    path = job.folder / "grouped"
    for side, lines in texts.items():
        path.with_suffix(side).write_text("".join(f"{lines[number]}\n" for number in order), encoding="utf-8")
    return path


def _stack(size: Size) -> dict[str, object]:
    return {
        "type": "transformer",
        "num_layers": size.layers,
        "num_heads": size.heads,
        "embeddings": {"embedding_dim": size.width, "scale": True, "dropout": DROPOUT},
        "hidden_size": size.width,
        "ff_size": size.feed_forward,
        "dropout": DROPOUT,
        "layer_norm": "pre",
    }


def _training(shuffle: bool) -> dict[str, object]:
    return {
        "optimizer": "adam",
        "adam_betas": [BETA1, BETA2],
        "learning_rate": LEARNING_RATE,
        "learning_rate_min": 0.0,
        "scheduling": "warmupinversesquareroot",
        "learning_rate_warmup": WARMUP,
        "label_smoothing": LABEL_SMOOTHING,
        "batch_size": BATCH_TOKENS,
        "batch_type": "token",
        "normalization": "tokens",
        "epochs": 1000,
        "updates": MANY_UPDATES,
        "validation_freq": MANY_UPDATES,
        "logging_freq": 1,
        "shuffle": shuffle,
        "overwrite": True,
        "clip_grad_norm": CLIP_NORM,
        "keep_best_ckpts": 1,
    }


def own_rates(folder: Path, output: str) -> Rates:
    """Lines like `Epoch   1, Step:        5, Batch Loss: ..., Tokens per Sec:      812, Lr: 0.000006`."""
    return {int(step): float(rate) for step, rate in LINE.findall(output)}


JOEY = System("Joey NMT", FORMS, configure, own_rates)

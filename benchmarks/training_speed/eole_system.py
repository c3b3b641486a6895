"""Eole: `eole train -config config.yaml`."""

import json
import re
from pathlib import Path

from benchmarks.training_speed.settings import (
    BATCH_TOKENS,
    BETA1,
    BETA2,
    CLIP_NORM,
    DROPOUT,
    LABEL_SMOOTHING,
    MANY_UPDATES,
    VOCABULARY,
    WARMUP,
    Size,
    noam_factor,
)
from benchmarks.training_speed.system import Job, Rates, System

FORMS = {"bf16": "bf16 autocast", "bf16-weights": "bf16 throughout, no float32 masters", "float32": "float32"}
MOST_SORTED = 262_144  # pairs that it sorts by length at once, unless told otherwise
LINE = re.compile(r"Step\s+(\d+)/\s*\d+;.*?([\d.]+)/\s*([\d.]+) tok/s")


def configure(job: Job) -> list[str]:
    data = job.data
    config = {
        "seed": job.seed,
        "report_every": 1,
        "src_vocab": str(data.counted_vocabulary),
        "tgt_vocab": str(data.counted_vocabulary),
        "src_vocab_size": VOCABULARY,
        "tgt_vocab_size": VOCABULARY,
        "share_vocab": True,
        "overwrite": True,
        "data": {"corpus": {"path_src": f"{data.ids}.source", "path_tgt": f"{data.ids}.target", "transforms": []}},
        "save_data": "data",
        "training": _training(job),
        "model": _model(job.size),
    }
    (job.folder / "config.yaml").write_text(json.dumps(config, indent=1), encoding="utf-8")  # JSON is YAML
    return ["train", "-config", "config.yaml"]


def _model(size: Size) -> dict[str, object]:
    return {
        "architecture": "transformer",
        "layers": size.layers,
        "heads": size.heads,
        "hidden_size": size.width,
        "transformer_ff": size.feed_forward,
        "add_qkvbias": True,
        "add_ffnbias": True,
        "share_embeddings": True,
        "share_decoder_embeddings": True,
        "embeddings": {"word_vec_size": size.width, "position_encoding_type": "SinusoidalInterleaved"},
    }


def _training(job: Job) -> dict[str, object]:
    return {
        "world_size": 0,
        "gpu_ranks": [],
        "train_steps": MANY_UPDATES,
        "valid_steps": MANY_UPDATES,
        "save_checkpoint_steps": MANY_UPDATES,
        "model_path": "model",
        "batch_size": BATCH_TOKENS,
        "batch_type": "tokens",
        "normalization": "tokens",
        # all pairs once, as far as its default goes; beyond the corpus it would read pairs a second time
        "bucket_size": min(job.data.pairs, MOST_SORTED),
        "num_workers": 0,  # another process would take a core from those that compute
        "optim": "adam",
        "learning_rate": round(noam_factor(job.size.width), 6),
        "adam_beta1": BETA1,
        "adam_beta2": BETA2,
        "warmup_steps": WARMUP,
        "decay_method": "noam",
        "label_smoothing": LABEL_SMOOTHING,
        "dropout_steps": [0],
        "dropout": [DROPOUT],
        "attention_dropout": [0.0],
        "param_init_method": "xavier_uniform",
        "compute_dtype": "fp32" if job.form == "float32" else "bf16",
        "use_amp": job.form == "bf16",
        "accum_count": [1],
        "max_grad_norm": CLIP_NORM,
        "log_attention_entropy": False,  # on by default, for a figure in the log that takes time
    }


def own_rates(folder: Path, output: str) -> Rates:
    """Lines like `Step  5/100000; acc: 0.0; ...; bsz: 1540/1949/124; 407/515 tok/s;     29 sec;`: source, then target."""
    return {int(step): float(target) for step, _, target in LINE.findall(output)}


EOLE = System("Eole", FORMS, configure, own_rates)

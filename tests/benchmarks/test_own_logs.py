"""What the systems' own logs say of their speed, read from lines that they wrote."""

import json
from pathlib import Path

from benchmarks.training_speed import eole_system, joey_system, transduce_system

EOLE_OUTPUT = """\
[2026-11-22 00:05:29,512 INFO] Starting training on CPU, could be very slow
[2026-11-22 00:05:33,186 INFO] Step  1/100000; acc: 0.0; ppl: 8087.19; xent: 9.00; aux: 0.000; mtp: 0.000; \
attn_ent: 0.000; lr: 1.25e-06; sents:     240; bsz: 3360/2958/240; 1199/1056 tok/s;      3 sec;
[2026-11-22 00:25:19,235 INFO] Step 12/100000; acc: 0.0; ppl: 7996.55; xent: 8.99; aux: 0.000; mtp: 0.000; \
attn_ent: 0.000; lr: 6.25e-06; sents:     124; bsz: 1540/1949/124;  70/ 89 tok/s;    708 sec;
"""

JOEY_OUTPUT = """\
2026-11-22 00:06:33,842 - INFO - joeynmt.training - Epoch   1, Step:        1, Batch Loss:     7.818847, \
Batch Acc: 0.000000, Tokens per Sec:       43, Lr: 0.000100
2026-11-22 00:06:51,755 - INFO - joeynmt.training - Epoch   1, Step:        2, Batch Loss:     7.570737, \
Batch Acc: 0.074703, Tokens per Sec:     1133, Lr: 0.000100
"""


def test_eole_names_source_then_target(tmp_path: Path) -> None:
    assert eole_system.own_rates(tmp_path, EOLE_OUTPUT) == {1: 1056.0, 12: 89.0}


def test_joey(tmp_path: Path) -> None:
    assert joey_system.own_rates(tmp_path, JOEY_OUTPUT) == {1: 43.0, 2: 1133.0}


def test_transduce_logs_some_updates(tmp_path: Path) -> None:
    events = [
        {"kind": "train", "step": 1, "loss": 9.5, "tokens-per-second": 940.5},
        {"kind": "validation", "step": 10, "loss": 8.0},
        {"kind": "train", "step": 20, "loss": 8.5, "tokens-per-second": 5012.25},
    ]
    log = tmp_path / "runs" / "run" / "metrics.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    assert transduce_system.own_rates(tmp_path, "") == {1: 940.5, 20: 5012.25}


def test_logs_without_updates(tmp_path: Path) -> None:
    for system in (eole_system, joey_system, transduce_system):
        assert system.own_rates(tmp_path, "Traceback (most recent call last): ...") == {}

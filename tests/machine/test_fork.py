"""A forked child predicts although its parent has computed with several threads, and models go to worker processes."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import tiny_model
import transduce

SCRIPT = """
import multiprocessing, sys, torch, transduce

torch.set_num_threads(2)
model = transduce.load(sys.argv[1])
large = torch.ones(600, 600)
large @ large  # the threads exist from here on
expected = model.translate(["a b"])

def work(line):
    torch.ones(600, 600) @ large
    return model.translate([line])

with multiprocessing.get_context("fork").Pool(1) as pool:
    assert pool.apply_async(work, ("a b",)).get(timeout=60) == expected
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_translates(tmp_path: Path) -> None:
    tiny_model.write(tmp_path / "model")
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path / "model")]
    subprocess.run(command, check=True, timeout=120, env={**os.environ, "OMP_NUM_THREADS": "2"})


def test_a_model_is_pickled(tmp_path: Path) -> None:
    tiny_model.write(tmp_path / "model")
    model = transduce.load(tmp_path / "model")
    again = pickle.loads(pickle.dumps(model))
    assert again.translate(["a b", "b"], beam=2) == model.translate(["a b", "b"], beam=2)

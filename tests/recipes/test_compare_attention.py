"""recipes/compare-attention on a few words: it measures each variant once, and reports."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from recipe_scripts import load_script

from transduce.attention.catalogue import MODEL_ATTENTIONS

RECIPE = Path(__file__).parents[2] / "recipes/compare-attention"


def test_intervals_are_those_of_students_t() -> None:
    compare = load_script(RECIPE / "compare.py")
    mean, half = compare.interval([5.0, 6.0, 7.0])
    assert (mean, half) == (6.0, pytest.approx(4.303 / math.sqrt(3)))  # t of 2 degrees of freedom, from a table
    assert math.isnan(compare.interval([5.0])[1])


def test_every_variant_is_an_attention_of_models_or_a_recurrent_network() -> None:
    names = {name for name in load_script(RECIPE / "compare.py").VARIANTS if not name.startswith(("LSTM", "GRU"))}
    assert names <= set(MODEL_ATTENTIONS) and len(names) >= 12


@pytest.mark.slow
def test_it_measures_each_variant_once_and_continues(tmp_path: Path) -> None:
    folder, data = tmp_path / "compare-attention", tmp_path / "pronounce-en/data"
    shutil.copytree(RECIPE, folder, ignore=shutil.ignore_patterns("runs", "prepared", "results*"))
    data.mkdir(parents=True)
    for name, words in (("train", ("ab", "abc", "cab", "bca")), ("dev", ("ba", "cb")), ("test", ("ac", "bb", "ca"))):
        lines = "".join(f"{word}\t{' '.join(word.upper())}\n" for word in words)
        (data / f"{name}.tsv").write_text(lines, encoding="utf-8")
    command = [sys.executable, "compare.py", "--seeds", "2", "--steps", "3", "--words", "2"]
    for only in (["kernel"], ["kernel", "local"]):
        subprocess.run([*command, "--only", *only], cwd=folder, check=True, capture_output=True)
    lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
    runs = [(each["name"], each["seed"], each["steps"]) for each in map(json.loads, lines)]
    assert runs == [("kernel", 1, 3), ("kernel", 2, 3), ("local", 1, 3), ("local", 2, 3)]
    table = (folder / "results.md").read_text(encoding="utf-8")
    assert "| kernel |" in table and "| local |" in table and (folder / "errors.png").exists()

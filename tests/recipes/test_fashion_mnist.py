"""Recipe fashion-mnist: what it takes out of the package, and its run file."""

from pathlib import Path

import numpy as np
import pytest
from recipe_scripts import RECIPES, load_script

from picture_toy import write_idx
from transduce.tasks.image_classification import ImageClassification
from transduce.workflows.train.run_file import read_run

RECIPE = RECIPES / "fashion-mnist"


def test_pictures_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = load_script(RECIPE / "get_data.py")
    monkeypatch.setattr(script, "PARTS", {"train": 4, "t10k": 2})
    place, out = tmp_path / "package" / "usr", tmp_path / "out"
    place.mkdir(parents=True)
    for part, count in (("train", 4), ("t10k", 2)):
        write_idx(place / f"{part}-images-idx3-ubyte.gz", np.zeros((count, 28, 28), np.uint8))
        write_idx(place / f"{part}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8))
    out.mkdir()
    counts = script.extract(tmp_path / "package", out)
    assert counts["train"].total() == 4 and (out / "train-images-idx3-ubyte.gz").is_file()
    assert (out / "t10k-labels.txt").read_text() == "T-shirt/top\nTrouser\n"
    write_idx(place / "t10k-labels-idx1-ubyte.gz", np.array([1, 10], np.uint8))
    with pytest.raises(ValueError, match="expected labels from 0 to 9, found 10"):
        script.extract(tmp_path / "package", out)
    (place / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ValueError, match=r"holds 0 files called t10k-labels-idx1-ubyte\.gz, expected one"):
        script.extract(tmp_path / "package", out)


def test_the_run_file() -> None:
    assert isinstance(read_run(RECIPE / "run.toml").run.task, ImageClassification)

"""Recipe fashion-mnist: what it takes out of the package, and its run file."""

from pathlib import Path

import numpy as np
import pytest
from recipe_scripts import RECIPES, load_script

from picture_toy import picture, write_idx
from transduce import config
from transduce.data.columns import Labels
from transduce.data.picture_column import PixelValues
from transduce.data.processors import Processors
from transduce.decoding.config import Generation
from transduce.models.folder import ModelConfig
from transduce.models.model import Model
from transduce.networks.picture_presets import alexnet_mini, vit_mini
from transduce.networks.table import NETWORKS
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


@pytest.mark.parametrize("name", ["alexnet", "efficientnet", "vit"])
def test_the_run_files(name: str) -> None:
    run = read_run(RECIPE / f"{name}.toml").run
    assert isinstance(run.task, ImageClassification) and config.name_of("model", NETWORKS, run.model) == name


def test_figures(tmp_path: Path) -> None:
    """A panel of saliency for each network, and of attention for a Vision Transformer; shares of right pictures."""
    rows = [{"image": str(tmp_path / f"{n}.png"), "label": label} for n, label in enumerate(("Bag", "Coat", "Bag"))]
    for row in rows:
        picture("red", 1, (28, 28)).save(row["image"])
    processors = Processors({"image": PixelValues(28, 1, (0.5,), (0.2,)), "label": Labels(("Bag", "Coat"))})
    task, models = ImageClassification(size=28, channels=1), {}
    for name, network_config in (("conv", alexnet_mini()), ("patches", vit_mini())):
        network = task.network(network_config, processors).eval()
        models[name] = Model(ModelConfig(task, network_config), network, processors, Generation())
    script = load_script(RECIPE / "figures.py")
    labels = [axes.get_ylabel() for axes in script.saliency(models, script.first_of_each(rows)).axes]
    assert len(labels) == 4 * 2 and {*labels} == {"", "conv: saliency", "patches: saliency", "patches: attention"}
    label = models["conv"].predict([rows[0]["image"]])[0].text
    right = sum(row["label"] == label for row in rows) / 3
    assert script.confusion(models["conv"], rows).axes[0].get_title() == f"{right:.2%} of 3 pictures are right"

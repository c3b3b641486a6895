"""Configs of picture networks describe networks of a finite size, and models with others are refused before they are built."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import transduce
from transduce import files
from transduce.data.columns import Labels
from transduce.data.processors import Processors
from transduce.models import folder as model_folder
from transduce.models.folder import ModelConfig
from transduce.networks.alexnet import AlexNetConfig, Convolution
from transduce.networks.efficientnet import EfficientNetConfig, Stage
from transduce.networks.picture_presets import alexnet_mini, efficientnet_mini
from transduce.networks.tensors import tensors_of
from transduce.tasks.image_classification import ImageClassification

TASK = ImageClassification(size=28, channels=1)
HUGE = 10**18
BLOCK = "    { blocks = 1000, channels = 16, expansion = 1, kernel = 3, stride = 1 },\n"


@pytest.mark.parametrize(
    "build",
    [
        lambda: Convolution(groups=HUGE),
        lambda: Convolution(columns=HUGE),
        lambda: AlexNetConfig(grid=HUGE),
        lambda: AlexNetConfig(hidden=(HUGE,)),
        lambda: AlexNetConfig(hidden=(1,) * 1_001),
        lambda: AlexNetConfig(convolutions=(Convolution(),) * 1_001),
        lambda: Stage(expansion=HUGE),
        lambda: Stage(kernel=HUGE + 1),
        lambda: Stage(stride=HUGE),
        lambda: EfficientNetConfig(stem_channels=HUGE),
        lambda: EfficientNetConfig(stem_stride=HUGE),
        lambda: EfficientNetConfig(last_channels=HUGE),
        lambda: EfficientNetConfig(stages=(Stage(),) * 1_001),
        lambda: EfficientNetConfig(stages=(Stage(1_000),) * 6),
        lambda: EfficientNetConfig(stages=(Stage(20),), depth_factor=100.0),
    ],
)
def test_no_size_is_unlimited(build: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r" to [\d,]+, found|at most 1,000|1 to 1,000 rows"):
        build()


@pytest.mark.parametrize(
    ("network", "before", "after", "words"),
    [
        (alexnet_mini(), "grid = 3", "grid = 1000000000", "network.grid must be 1 to 1,024"),
        (alexnet_mini(), r"hidden = \[[^\]]*\]", "hidden = [1000000000000]", "hidden must be widths of 1 to 1,048,576"),
        (efficientnet_mini(), "stem-channels = 16", "stem-channels = 99999999999999999", "stem-channels must be 1 to 65,536"),
        (efficientnet_mini(), r"    \{ blocks = 1,.*\n", 6 * BLOCK, "at most 1,000 blocks after scaling, found 6,005"),
    ],
)  # fmt: skip
def test_altered_model_folders(
    tmp_path: Path, network: AlexNetConfig | EfficientNetConfig, before: str, after: str, words: str
) -> None:
    processors = Processors({"image": TASK.columns["image"].example(), "label": Labels(("a", "b"))})
    module = TASK.network(network, processors)
    folder = tmp_path / "m"
    model_folder.save(folder, ModelConfig(TASK, network), tensors_of(module), processors, None, "# x\n")
    path = folder / model_folder.CONFIG
    altered, count = re.subn(before, after, path.read_text(), count=1)
    assert count == 1
    path.write_text(altered)
    files.write_manifest(folder, model_folder.VERSION, editable=model_folder.EDITABLE)
    begin = time.process_time()
    with pytest.raises(ValueError, match=rf"config\.toml.*{words}"):
        transduce.load(folder, device="cpu")
    assert time.process_time() - begin < 2

"""Networks with learned places read and write no more tokens than they have places: longer sources are cut, outputs end."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tiny_model
import transduce
from toy import write_toy
from transduce.attention.mechanisms.location_based import LocationBasedAttention
from transduce.data.cleaning.rules import Clean
from transduce.decoding.config import Decoding
from transduce.models import folder as model_folder
from transduce.models.ensemble import EnsembleModel
from transduce.models.folder import ModelConfig
from transduce.models.model import Model
from transduce.networks.layer_config import CrossingDecoderAttention, EncoderAttention
from transduce.networks.picture_presets import vit_mini
from transduce.networks.presets import convolutional_tiny, encoder_only_tiny, recurrent_tiny, transformer_tiny
from transduce.networks.recurrent_attention import LocationAttention
from transduce.networks.tensors import tensors_of
from transduce.tasks.classification import Classification
from transduce.tasks.image_classification import ImageClassification
from transduce.tasks.translation import TRANSLATION
from transduce.workflows.train.run import prepare_run
from transduce.workflows.train.run_file import open_run
from transduce.workflows.train.run_network import require_lengths, require_usable

PLACES = 6
LOCATION = LocationBasedAttention(places_of_keys=PLACES)
NETWORKS: dict[str, Any] = {
    "convolutional": replace(convolutional_tiny(), d_model=8, places=PLACES),
    "recurrent": replace(recurrent_tiny(), d_model=8, attention=LocationAttention(places=PLACES)),
    "encoder": replace(transformer_tiny(), d_model=8, encoder=EncoderAttention(LOCATION)),
    "cross-attention": replace(
        transformer_tiny(), d_model=8, decoder=CrossingDecoderAttention(cross_attention=LOCATION)
    ),
}
LINE = " ".join(tiny_model.WORDS[:20])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return transduce.load(tiny_model.write(tmp_path_factory.mktemp("tiny") / "m"), device="cpu")


def saved(tiny: Model, folder: Path, network: Any) -> Model:
    module = TRANSLATION.network(network, tiny.processors)
    config = ModelConfig(TRANSLATION, network)
    model_folder.save(folder, config, tensors_of(module), tiny.processors, tiny.generation, "# places\n")
    return transduce.load(folder, device="cpu")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_long_line_is_cut_whatever_its_neighbours(tiny: Model, tmp_path: Path, name: str) -> None:
    model = saved(tiny, tmp_path / "m", NETWORKS[name])
    assert model.generation.max_source == PLACES
    with pytest.warns(UserWarning, match="line 2 has more than 6 tokens: its beginning was translated"):
        outputs = model.translate(["bar", LINE], max_length=30, max_extra=30, min_length=30)
    limit = model.longest_target or 30
    assert [len(output.split()) for output in outputs] == [limit, limit]
    assert model.translate([" ".join(tiny_model.WORDS[: PLACES - 1])], beam=1)  # no warning


def test_limits_of_decoding(tiny: Model, tmp_path: Path) -> None:
    model = saved(tiny, tmp_path / "m", NETWORKS["convolutional"])
    assert model.decoding().max_length == model.generation.max_length == PLACES
    both = EnsembleModel([tiny, model])
    assert both.decoding(max_length=30).max_length == both.generation.max_source == PLACES
    assert Decoding(max_length=9, min_length=8).within(7) == Decoding(max_length=7, min_length=7)
    assert Decoding().within(None) == Decoding()


@pytest.mark.parametrize("name", NETWORKS)
def test_places_are_enough_for_what_is_learnt_from(name: str) -> None:
    require_lengths(NETWORKS[name], Clean(max_length=PLACES - 1))
    words = r"data\.clean\.max-length must be at most 5, found 6: the network has places for a source of 6 tokens"
    with pytest.raises(ValueError, match=words):
        require_lengths(NETWORKS[name], Clean(max_length=PLACES))


def test_too_few_places_are_known_before_the_data_is_read(tmp_path: Path) -> None:
    model = {"kind": "convolutional", "preset": "convolutional-tiny", "places": 9}
    with pytest.raises(ValueError, match=r"data\.clean\.max-length must be at most 8, found 250"):
        prepare_run(open_run(write_toy(tmp_path), {"model": model}), tmp_path)
    assert not (tmp_path / "prepared").exists()


def test_encoders_of_texts_and_pictures_need_places_for_them() -> None:
    encoder = EncoderAttention(LOCATION)
    with pytest.raises(ValueError, match=r"task\.max-tokens has 7 tokens, but .* reads at most 6"):
        require_usable(Classification(max_tokens=7), replace(encoder_only_tiny(), encoder=encoder))
    with pytest.raises(ValueError, match="a picture of 28 x 28 pixels has 49 tokens"):
        require_usable(ImageClassification(size=28, channels=1), replace(vit_mini(), encoder=encoder))

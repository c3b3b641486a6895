"""Every preset of the table of networks: written as TOML, read again, and started from."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import pytest
import torch

from transduce import config
from transduce.models.card import describe
from transduce.models.folder import ModelConfig
from transduce.networks.alexnet import AlexNetConfig
from transduce.networks.picture_presets import PICTURES, alexnet_mini, efficientnet_mini, vit_mini
from transduce.networks.series import SeriesGRUConfig, SeriesTransformerConfig
from transduce.networks.table import NETWORKS, PRESETS_BY_KIND, NetworkConfig, kind_of
from transduce.networks.transfer import transfer
from transduce.networks.transformer import EncoderOnly
from transduce.tasks.classification import Classification
from transduce.workflows.train.start_from import Start

PRESETS = [(kind, name) for kind, presets in PRESETS_BY_KIND.items() for name in presets]


@dataclass(frozen=True)
class Holder:
    network: Annotated[NetworkConfig, "a network", NETWORKS] = SeriesGRUConfig()


@pytest.mark.parametrize(("kind", "name"), PRESETS)
def test_a_preset_survives_toml(kind: str, name: str) -> None:
    network = PRESETS_BY_KIND[kind][name]()
    assert kind_of(network) == kind
    assert config.build(Holder, config.tree_of(Holder(network)), "x.toml") == Holder(network)


def test_a_list_of_convolutions_may_be_given() -> None:
    rows = [{"channels": 8, "kernel": 5, "padding": 2, "pool": True}]
    holder = config.build(Holder, {"network": {"kind": "alexnet", "convolutions": rows, "hidden": [32]}}, "x.toml")
    assert isinstance(holder.network, AlexNetConfig) and holder.network.build(3, 1, 28)(
        torch.zeros(2, 1, 28, 28)
    ).shape == (2, 3)
    with pytest.raises(ValueError, match=r"x\.toml: network\.convolutions.* must be 1 to 65,536, found 0"):
        config.build(Holder, {"network": {"kind": "alexnet", "convolutions": [{"channels": 0}]}}, "x.toml")


def test_pictures_name_every_picture_preset() -> None:
    assert PICTURES.keys() == {name for kind, name in PRESETS if kind in ("alexnet", "efficientnet", "vit")}


@pytest.mark.parametrize(
    "network", [alexnet_mini(), efficientnet_mini(), vit_mini()], ids=["alexnet", "efficientnet", "vit"]
)
def test_other_classes_take_the_body_and_get_a_new_head(network: NetworkConfig) -> None:
    torch.manual_seed(0)
    start, new = network.build(10, 1, 28), network.build(3, 1, 28)
    result = transfer(start, network, new, network)
    assert set(result.new) == {"head.weight", "head.bias"}
    for name, tensor in start.state_dict().items():
        assert name.startswith("head.") or torch.equal(tensor, new.state_dict()[name])


def test_a_network_of_another_kind_has_no_place() -> None:
    start, new = alexnet_mini().build(10, 1, 28), efficientnet_mini().build(10, 1, 28)
    text = PRESETS_BY_KIND["encoder-decoder"]["transformer-tiny"]()
    pairs = [(start, alexnet_mini(), new, efficientnet_mini()), (start, alexnet_mini(), text.build(9), text)]
    for pair in (*pairs, (text.build(9), text, start, alexnet_mini())):
        with pytest.raises(ValueError, match=r"no weight of the .* network to start from has a place"):
            transfer(*pair)
    model = ModelConfig(Classification(), alexnet_mini())
    with pytest.raises(
        ValueError,
        match="models/a is an alexnet network, whose layers have no place in the encoder-only network",
    ):
        Start(Path("models/a"), Path("models/a"), model).body("encoder-only")


def test_a_model_card_names_the_network() -> None:
    assert describe(ModelConfig(Classification(), alexnet_mini())) == "alexnet"
    assert describe(ModelConfig(Classification(), vit_mini())) == "6 layers, 96 wide, 4 heads, pre-norm"


def test_layers_of_a_series_network_may_come_from_an_encoder() -> None:
    """Both have a stack "encoder" with the same names."""
    torch.manual_seed(0)
    series = SeriesTransformerConfig(d_model=8, heads=2, feed_forward=12)
    text = replace(PRESETS_BY_KIND["encoder-only"]["transformer-tiny"](), d_model=8, heads=2, feed_forward=12)
    start = text.build(11)
    assert isinstance(start, EncoderOnly)
    result = transfer(start, text, series.build(2, 5, 3), series)
    assert all(name.startswith("encoder.") for name in result.matches)

"""What is said about models and presets, and that a damaged model is found."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch

import tiny_model
from transduce.cli.main import main
from transduce.models.model import load
from transduce.networks.presets import PRESETS
from transduce.workflows.info.run import ModelInfo, PresetInfo, info, run_file_keys


def kinds_of(name: str, vocabulary: int = 37_000) -> dict[str, PresetInfo]:
    presets = info(name, vocabulary)
    assert isinstance(presets, tuple)
    return {each.kind: each for each in presets}


def test_a_preset_is_described_for_every_kind_of_network() -> None:
    kinds = kinds_of("transformer-small", 100)
    assert list(kinds) == ["encoder-decoder", "decoder-only", "encoder-only"]
    assert kinds["decoder-only"].network["layers"] == "8"


@pytest.mark.parametrize(("name", "total"), [("transformer-base", 63_082_496), ("transformer-big", 214_245_376)])
def test_presets_count_as_the_paper_s_models_do(name: str, total: int) -> None:
    """Vaswani et al. 2017, table 3, rounds to 65M and 213M; section 3 and 37,000 pieces give the exact figures."""
    found = kinds_of(name)["encoder-decoder"]
    assert found.parameters.total == total == sum(found.parameters.parts.values())
    d, f = int(found.network["d-model"]), int(found.network["feed-forward"])
    attention, feed_forward, norm = 4 * (d * d + d), 2 * d * f + d + f, 2 * d
    assert found.parameters.parts == {
        "encoder": 6 * (attention + feed_forward + 2 * norm),
        "decoder": 6 * (2 * attention + feed_forward + 3 * norm),
        "source embeddings = target embeddings = output": 37_000 * d,
    }


@pytest.mark.parametrize(
    ("name", "kind", "total"),
    [("alexnet", "alexnet", 60_965_224), ("efficientnet-b7", "efficientnet", 66_347_960), ("vit-mini", "vit", 456_202)],
)
def test_presets_for_pictures_are_built_for_their_pictures(name: str, kind: str, total: int) -> None:
    found = kinds_of(name)
    assert list(found) == [kind] and found[kind].text
    assert found[kind].parameters.total == total == sum(found[kind].parameters.parts.values())
    assert found[kind].sizes["pixels"] == {"alexnet": "224 x 224", "efficientnet": "600 x 600", "vit": "28 x 28"}[kind]


def test_every_field_of_a_preset_is_there() -> None:
    found = kinds_of("transformer-tiny", vocabulary=10)["encoder-decoder"]
    preset = PRESETS["transformer-tiny"]()
    given = [field.name for field in dataclasses.fields(preset) if getattr(preset, field.name) is not None]
    assert found.network.keys() == {name.replace("_", "-") for name in given}
    assert found.network["norm"] == '{ kind = "layer-norm", eps = 1e-05 }'
    assert found.parameters.parts["source embeddings = target embeddings = output"] == 10 * 64


@pytest.mark.parametrize("shared", [True, False])
def test_a_model_folder_is_described(tmp_path: Path, shared: bool) -> None:
    folder = tiny_model.write(tmp_path / "model", shared)
    found = info(str(folder))
    assert isinstance(found, ModelInfo)
    model = load(folder, "cpu")
    assert found.parameters.total == sum(p.numel() for p in model.network.parameters())
    sizes = {column: processor.size for column, processor in model.processors.items()}
    assert found.processors == (
        {"source, target": f"words, {sizes['source']:,} pieces"}
        if shared
        else {column: f"words, {size:,} pieces" for column, size in sizes.items()}
    )
    assert found.generation["max-source"] == "40"
    assert found.files["model.safetensors"] == (folder / "model.safetensors").stat().st_size
    expected = (
        ["source embeddings = target embeddings = output"]
        if shared
        else ["source embeddings", "target embeddings = output"]
    )
    assert [name for name in found.parameters.parts if "embeddings" in name] == expected


def test_tags_are_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tiny_model.write(tmp_path / "model", tags=("de", "fr"))
    found = info(str(folder))
    assert isinstance(found, ModelInfo) and found.tags == "de, fr"
    assert main(["info", str(folder)]) == 0
    assert re.search(r"^  tags +de, fr$", capfd.readouterr().out, re.MULTILINE)


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    folder = tiny_model.write(tmp_path / "model")
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.safetensors: is damaged or was changed"):
        info(str(folder))
    weights.unlink()
    with pytest.raises(ValueError, match=r"model\.safetensors: is missing"):
        info(str(folder))
    (folder / "config.toml").unlink()
    with pytest.raises(ValueError, match=r"config\.toml: is missing"):
        info(str(folder))


def test_pickle_is_refused(tmp_path: Path) -> None:
    folder = tiny_model.write(tmp_path / "model")
    torch.save({"weight": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match="looks like pickle"):
        info(str(folder))


@pytest.mark.parametrize(
    ("name", "near"), [("transformer_base", "did you mean transformer-base?"), ("zzz", "presets: transformer-base")]
)
def test_an_unknown_name_is_neither(name: str, near: str) -> None:
    with pytest.raises(ValueError) as error:
        info(name)
    assert str(error.value).startswith(f"{name} is neither a model folder nor a preset; {near}")


def test_a_vocabulary_has_a_piece_at_least() -> None:
    with pytest.raises(ValueError, match="vocabulary must be at least 1, found 0"):
        info("transformer-base", 0)


def test_run_file_keys_are_listed_with_the_preset_first_in_its_table() -> None:
    keys = {each.key: each for each in run_file_keys()}
    assert keys["training.steps"].default == "none"
    names = [key for key in keys if key.startswith("model.")]
    assert names[:2] == ["model.preset", "model.d-model"]
    assert all(each.text for each in keys.values())

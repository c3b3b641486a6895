"""Model folders that are not what they should be."""

import json
import pickle
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

import tiny_model
import transduce
from transduce import files
from transduce.decoding.config import Decoding, Generation
from transduce.models import folder as model_folder
from transduce.networks.tensors import tensors_of
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("good") / "model"
    tiny_model.write(folder)
    return folder


@pytest.fixture
def folder(good, tmp_path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "model"))


def refused(folder: Path, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        transduce.load(folder)


@pytest.mark.parametrize("name", ["config.toml", "model.safetensors", "tokenizer.json", "manifest.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    refused(folder, name)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_named(folder, share):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    refused(folder, "model.safetensors")


def test_files_that_the_owner_may_edit_can_be_changed_or_removed(folder):
    (folder / "README.md").write_text("# mine\n")
    (folder / "generation.toml").write_text("beam = 7\nmax-source = 30\n")
    assert transduce.load(folder).generation == Generation(beam=7, max_source=30)
    for name in model_folder.EDITABLE:
        (folder / name).unlink()
    assert transduce.load(folder).generation == Generation()


def test_a_newer_model_in_the_folder_leaves_edited_files_alone(folder):
    model = model_folder.load_folder(folder)
    weights = tensors_of(model.network)

    def save(beam: int, card: str) -> None:
        model_folder.save(folder, model.config, weights, model.processors, Generation(beam=beam), card)

    (folder / "generation.toml").write_text("beam = 7  # mine\n")
    for beam in (3, 4):  # a second time too
        save(beam, f"# {beam}\n")
        assert (folder / "README.md").read_text() == f"# {beam}\n"
        assert (folder / "generation.toml").read_text() == "beam = 7  # mine\n"
        assert transduce.load(folder).generation == Generation(beam=7)
    (folder / "generation.toml").unlink()
    (folder / "README.md").write_bytes(b"# 4\r\n")  # line ends are no edit
    save(5, "# 5\n")
    assert not (folder / "generation.toml").exists() and (folder / "README.md").read_text() == "# 5\n"
    (folder / "generation.toml").symlink_to("nowhere")
    (folder / "README.md").unlink()
    (folder / "README.md").mkdir()
    save(6, "# 6\n")
    assert transduce.load(folder).generation.beam == 6 and (folder / "README.md").read_text() == "# 6\n"


@pytest.mark.parametrize("words", ["classes\nof\nwords\n", "\x80\x04 draft", "PK\x03\x04 is a zip file"])
def test_a_card_may_hold_any_words(folder, words):
    (folder / "README.md").write_bytes(words.encode("latin-1"))
    transduce.load(folder)


def test_a_card_may_be_elsewhere(folder, tmp_path):
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to(tmp_path / "card.md")
    transduce.load(folder)


@settings(max_examples=4)
@given(
    changed=st.sets(st.sampled_from(["config.toml", "generation.toml", "manifest.json", "README.md", "tokenizer.json"]))
)
def test_line_ends_of_windows_in_any_text_file_change_no_output(good, tmp_path_factory, changed):
    folder = Path(shutil.copytree(good, tmp_path_factory.mktemp("lines") / "model"))
    for name in changed:
        content = (folder / name).read_bytes()
        assert b"\n" in content and b"\r" not in content
        (folder / name).write_bytes(content.replace(b"\n", b"\r\n"))
    model, before = transduce.load(folder, "cpu"), transduce.load(good, "cpu")
    assert (model.generation, model.config) == (before.generation, before.config)
    assert model.processors.sha256() == before.processors.sha256()
    assert model.translate(["bar dar"]) == before.translate(["bar dar"])


@settings(max_examples=40)
@given(data=st.data())
def test_any_flipped_bit_is_found(good, tmp_path_factory, data):
    folder = Path(shutil.copytree(good, tmp_path_factory.mktemp("flip") / "model"))
    protected = [path for path in folder.iterdir() if path.name not in model_folder.EDITABLE]
    path = data.draw(st.sampled_from(sorted(protected)))
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with pytest.raises(ValueError):
        transduce.load(folder)


def test_another_format_version(folder):
    files.write_manifest(folder, model_folder.VERSION + 1)
    refused(folder, "version")


class Payload:
    def __reduce__(self):
        return (Path.touch, (Path("payload-ran"),))


@pytest.mark.parametrize("name", ["model.safetensors", "config.toml", "extra.bin"])
def test_pickle_is_refused_and_never_runs(folder, name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (folder / name).write_bytes(pickle.dumps(Payload()))
    if name != "extra.bin":
        with pytest.raises(ValueError):
            files.write_manifest(folder, model_folder.VERSION)
            transduce.load(folder)
    else:
        refused(folder, "extra.bin|pickle")
    assert not (tmp_path / "payload-ran").exists()


def changed(folder: Path, change) -> None:
    """Weights changed by somebody who also wrote a manifest that fits them."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    files.write_manifest(folder, model_folder.VERSION)


BIAS = "encoder.layers.0.self_attention.to_query_key_value.bias"


def test_weights_that_do_not_fit_the_config(folder):
    changed(folder, lambda tensors: tensors.update({BIAS: torch.zeros(3)}))
    refused(
        folder,
        r"does not fit config\.toml and its processors: .*to_query_key_value\.bias should be \(\d+,\) float32, found \(3,\)",
    )


def test_missing_and_extra_weights(folder):
    changed(folder, lambda tensors: tensors.pop(BIAS))
    refused(folder, f"lacks '{BIAS}'")
    changed(
        folder,
        lambda tensors: tensors.update({BIAS: torch.zeros(1), "x": torch.zeros(1)}),
    )
    refused(folder, "holds 'x', for which the network has no place")


def test_a_config_of_monstrous_size_allocates_nothing(folder):
    text = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(
        text.replace("d-model = 64", "d-model = 65536").replace("heads = 4", "heads = 4")
    )
    files.write_manifest(folder, model_folder.VERSION)
    refused(folder, "should be")


def test_a_vocabulary_that_is_not_the_tokenizers(folder):
    config = TokenizerConfig(kind="words", vocabulary=400)
    train(tiny_model.WORDS[1:], config, config).save(folder / "tokenizer.json")
    files.write_manifest(folder, model_folder.VERSION)
    refused(folder, "the files are not of one model")


def test_a_tokenizer_that_the_manifest_does_not_list_is_not_read(tmp_path):
    """One of both sides would be taken before one of each."""
    folder = tiny_model.write(tmp_path / "model", shared=False)
    before = transduce.load(folder).processors.sha256()
    shutil.copyfile(folder / "target.json", folder / "tokenizer.json")
    assert transduce.load(folder).processors.sha256() == before
    (folder / "tokenizer.json").unlink()
    (folder / "source.json").unlink()
    refused(folder, r"source\.json: is missing")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("max-ratio = 1e308", "max-ratio must be 0 to 1,000"),
        ("max-source = -5", "max-source must be 2 to"),
        ("beam = 2000000000", "beam must be 1 to 1,000"),
        ("max-length = 1000000000", "max-length must be 1 to"),
        ("groups = 3", r"groups must divide beam \(2\) evenly, found 3"),
    ],
)
def test_a_generation_table_out_of_all_bounds(folder, line, message):
    key = line.split(" ")[0]
    text = (folder / "generation.toml").read_text()
    (folder / "generation.toml").write_text(re.sub(rf"(?m)^{key} = .*$", line, text))
    refused(folder, f"generation.toml.*{message}")


def test_no_folder_at_all(tmp_path):
    with pytest.raises(ValueError, match="nowhere"):
        transduce.load(tmp_path / "nowhere")


@dataclass(frozen=True)
class HomeMadeNorm:
    """A part that no table names."""

    def module(self, width: int) -> nn.Module:
        return nn.LayerNorm(width)


def test_a_home_made_part_computes_but_is_refused_by_name_when_saved(good, tmp_path):
    loaded = model_folder.load_folder(good)
    model = replace(loaded.config, network=replace(loaded.config.network, norm=HomeMadeNorm()))
    network = model.task.network(model.network, loaded.processors)
    weights = tensors_of(network)
    with pytest.raises(ValueError, match="HomeMadeNorm"):
        model_folder.save(tmp_path / "model", model, weights, loaded.processors, loaded.generation, "")
    assert not (tmp_path / "model").exists()


def test_the_manifest_lists_every_file_that_is_not_to_be_edited(good):
    manifest = json.loads((good / "manifest.json").read_text())
    assert set(manifest["files"]) == {path.name for path in good.iterdir()} - {"manifest.json", *model_folder.EDITABLE}


def test_a_model_keeps_every_setting_of_its_search():
    trained_with = Decoding(
        beam=6, alpha=0.5, max_length=70, max_ratio=2.0, max_extra=9, min_length=2, no_repeat_ngram=3,
        repetition_penalty=1.1, coverage_penalty=0.2, groups=3, diversity=0.4,
    )  # fmt: skip
    assert Generation.of(trained_with, 99).decoding() == trained_with
    assert Generation().decoding() == Decoding()

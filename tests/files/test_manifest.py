"""Manifests find every change; pickle is refused; hashes are what they say."""

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from subjects import VERSION, make_model

from transduce import files


def test_a_whole_folder_passes(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    (model / "notes.txt").write_text("unlisted files are nobody's business")
    manifest = files.verify_manifest(model, VERSION, required=["config.toml", "more/weights"])
    assert manifest["format"] == VERSION
    assert (manifest["steps"], manifest["note"]) == (1000, "ü")
    weights = (model / "more" / "weights").read_bytes()
    assert manifest["files"]["more/weights"] == {"bytes": 3000, "sha256": hashlib.sha256(weights).hexdigest()}
    assert sorted(manifest["files"]) == ["config.toml", "empty", "more/weights"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "model")


@settings(max_examples=150)
@given(st.data())
def test_every_flipped_bit_and_every_truncation_is_found(model: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["manifest.json", "config.toml", "more/weights"]))
    content = (model / name).read_bytes()
    offset = data.draw(st.integers(0, len(content) - 1))
    bit = data.draw(st.none() | st.integers(0, 7))
    changed = bytearray(content)
    if bit is None:
        del changed[offset:]
    else:
        changed[offset] ^= 1 << bit
    try:
        (model / name).write_bytes(changed)
        with pytest.raises(ValueError, match=rf"^{model}"):
            files.verify_manifest(model, VERSION)
    finally:
        (model / name).write_bytes(content)
    files.verify_manifest(model, VERSION)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name in ("config.toml", "empty", "more/weights"):
        model = make_model(tmp_path / name)
        (model / name).unlink()
        with pytest.raises(ValueError, match=rf"{name}: is missing; copy the folder again, or make it again"):
            files.verify_manifest(model, VERSION)
    with pytest.raises(ValueError, match=r"vocabulary.json is not in manifest.json"):
        files.verify_manifest(make_model(tmp_path / "model"), VERSION, required=["vocabulary.json"])


def test_what_is_no_folder_of_ours_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for name, message in [
        ("absent", "absent: no such folder"),
        ("file", "file: is a file, expected a folder"),
        ("folder", "folder: has no manifest.json"),
    ]:
        with pytest.raises(ValueError, match=message):
            files.verify_manifest(tmp_path / name, VERSION)


def test_another_format_version_says_what_to_do(model: Path) -> None:
    with pytest.raises(ValueError, match=r"has format 3, but this version reads format 2; update"):
        files.verify_manifest(model, 2)
    with pytest.raises(ValueError, match=r"has format 3, but this version reads format 4; make the folder again"):
        files.verify_manifest(model, 4)


def forge(folder: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Change the manifest as somebody would who knows its format, digest included."""
    content = json.loads((folder / "manifest.json").read_text())
    del content["digest"]
    change(content["files"])
    content["digest"] = files.tree_digest(content)
    (folder / "manifest.json").write_text(json.dumps(content, sort_keys=True, indent=1) + "\n")


@pytest.mark.parametrize(
    "name",
    [
        *("../secret", "more/../../secret", "/etc/passwd", "..", "..\\secret", "C:secret"),
        *(".", "", "./config.toml", "more//weights", "more/", "config.toml\0", "\ud800", "x" * 5000),
    ],
    ids=lambda name: ascii(name)[:20],
)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    model = make_model(tmp_path / "model")
    secret = tmp_path / "secret"
    secret.write_text("s")
    forge(model, lambda listed: listed.update({name: {"bytes": 1, "sha256": files.sha256(secret)}}))
    with pytest.raises(ValueError, match=r"outside the folder|is missing|is not a file"):
        files.verify_manifest(model, VERSION)


def test_links_are_refused(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    (model / "config.toml").rename(tmp_path / "config.toml")
    (model / "config.toml").symlink_to(tmp_path / "config.toml")
    with pytest.raises(ValueError, match=r"config.toml: is a symbolic link"):
        files.verify_manifest(model, VERSION)
    with pytest.raises(ValueError, match=r"config.toml: is a symbolic link"):
        files.write_manifest(model, VERSION)
    (model / "config.toml").unlink()
    (tmp_path / "config.toml").rename(model / "config.toml")
    (model / "more").rename(tmp_path / "more")
    (model / "more").symlink_to(tmp_path / "more")
    with pytest.raises(ValueError, match=r"more: is a symbolic link"):
        files.verify_manifest(model, VERSION)


@pytest.mark.parametrize("entry", [None, 3, [], {}, {"bytes": 21}, {"bytes": "21", "sha256": None}])
def test_crafted_entries_are_refused(tmp_path: Path, entry: object) -> None:
    model = make_model(tmp_path / "model")
    forge(model, lambda listed: listed.update({"config.toml": entry}))
    with pytest.raises(ValueError, match=r"config.toml: (has 21 bytes, expected|is damaged)"):
        files.verify_manifest(model, VERSION)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "[" * 100_000, '{"format": 3}', '{"format": 3, "files": []}'])
def test_crafted_manifests_are_refused(tmp_path: Path, text: str) -> None:
    model = make_model(tmp_path / "model")
    (model / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest.json: is damaged or was changed"):
        files.verify_manifest(model, VERSION)


# --- Pickle


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("false",)


@pytest.mark.parametrize("value", [Evil(), [Evil()], {"a": Evil()}, (Evil(),), {"weight": [1.0]}])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_is_refused_whatever_its_protocol_and_name(tmp_path: Path, value: object, protocol: int) -> None:
    model = make_model(tmp_path / "model")
    (model / "model.safetensors").write_bytes(pickle.dumps(value, protocol))
    with pytest.raises(ValueError, match=r"model.safetensors: looks like pickle"):
        files.verify_manifest(model, VERSION)  # not listed
    files.write_manifest(model, VERSION)
    with pytest.raises(ValueError, match=r"model.safetensors: looks like pickle"):
        files.verify_manifest(model, VERSION)  # listed


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saves_is_refused(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "tokenizer.json"
    torch.save({"a": torch.zeros(3)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"tokenizer.json: looks like pickle"):
        files.refuse_pickle(path)


def test_what_models_hold_does_not_look_like_pickle(tmp_path: Path) -> None:
    path = tmp_path / "file"
    lengths = set()
    for count in range(1, 40):  # lengths of headers that begin like pickle, 0x80 0x02 and so on, among them
        save_file({f"tensor-{i:02}": torch.zeros(1) for i in range(count)}, path)
        lengths.add(path.read_bytes()[:1])
        files.refuse_pickle(path)
    assert b"\x80" in lengths
    for text in (
        "",
        "{}",
        "[1]",
        '{\n "a": 1}',
        "task = 1\n",
        "[model]\n",
        "# Model card\n",
        "care of\nit\n",
        "(c) us\n",
    ):
        path.write_text(text)
        files.refuse_pickle(path)


# --- Hashes


def test_hashes_are_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.sha256(tmp_path / "file") == expected


def test_tree_digests_depend_on_content_only() -> None:
    assert files.tree_digest({"a": 1, "b": (1, 2)}) == files.tree_digest({"b": [1, 2], "a": 1})
    different = [{"a": 1}, {"a": 1.5}, {"a": "1"}, {"a": [1]}, {"a": None}, {"a": True}, {"b": 1}, {"a": "\ud800"}]
    assert len({files.tree_digest(value) for value in different}) == len(different)


def test_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    (model / "config.toml").write_bytes(b"a = 1\nb = 2\n" * 200_000)
    files.write_manifest(model, VERSION)
    for name in ("config.toml", "manifest.json"):
        content = (model / name).read_bytes()
        (model / name).write_bytes(content.replace(b"\n", b"\r\n"))
    files.verify_manifest(model, VERSION)
    (model / "config.toml").write_bytes((model / "config.toml").read_bytes() + b"\r")
    with pytest.raises(ValueError, match=r"config.toml: has 2400001 bytes, expected 2400000"):
        files.verify_manifest(model, VERSION)


def test_edits_are_known_to_the_next_writer(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    assert files.edited_files(model, VERSION) == []
    for name in ("README.md", "mine.toml"):
        (model / name).write_text("a\n")
    files.write_manifest(model, VERSION, editable=["README.md", "mine.toml", "other.toml"])
    (model / "mine.toml").write_bytes(b"a\r\n")
    assert files.edited_files(model, VERSION) == []
    (model / "mine.toml").write_text("b\n")
    (model / "README.md").unlink()
    assert files.edited_files(model, VERSION) == ["README.md", "mine.toml"]
    assert files.edited_files(model, VERSION + 1) == files.edited_files(tmp_path, VERSION) == []


def test_editable_files_are_not_protected(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    (model / "README.md").write_text("a card")
    files.write_manifest(model, VERSION, editable=["README.md"])
    (model / "README.md").write_text("another card")
    assert "README.md" not in files.verify_manifest(model, VERSION)["files"]
    (model / "README.md").unlink()
    files.verify_manifest(model, VERSION)
    (model / "README.md").write_text("cards\nand\npickle\n")  # as pickle begins, which imports a name
    files.verify_manifest(model, VERSION, editable=["README.md"])
    with pytest.raises(ValueError, match=r"README.md: looks like pickle"):
        files.verify_manifest(model, VERSION)

"""Files of any origin that are broken, lie, or would take for ever: one line that names the file."""

import base64
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreign_tokenizers import LINES, STYLES, rewrite, write
from transduce.text.imported_tokenizer import ImportedTokenizer, load
from transduce.text.tokenizer_file import MOST_BYTES

Tree = dict[str, Any]
Change = Callable[[Tree], object]


def set_key(path: str, value: object) -> Change:
    def change(tree: Tree) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            tree = tree[parent]
        tree[last] = value

    return change


def add_token(**changes: object) -> Change:
    return lambda tree: tree["added_tokens"].append(
        {**tree["added_tokens"][0], "content": "<new>", "id": len(tree["model"]["vocab"])} | changes
    )


def split_by(pattern: str) -> Change:
    return set_key(
        "pre_tokenizer", {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    )


def replace_with(content: str, times: int = 1) -> Change:
    step = {"type": "Replace", "pattern": {"String": "a"}, "content": content}
    return set_key("normalizer", {"type": "Sequence", "normalizers": [step] * times})


def precompiled(mapped: bytes) -> Change:
    table = base64.b64encode((8).to_bytes(4, "little") + bytes(8) + mapped).decode()
    return set_key("normalizer", {"type": "Precompiled", "precompiled_charsmap": table})


def nested(depth: int) -> Tree:
    tree: Tree = {"type": "ByteLevel"}
    for _ in range(depth):
        tree = {"type": "Sequence", "processors": [tree]}
    return tree


CHANGES: dict[str, tuple[str, Change, str]] = {
    "no model": ("bert", lambda tree: tree.pop("model"), '"model" to be a JSON object'),
    "unknown model": ("bert", set_key("model.type", "Transformer"), "model is 'Transformer'; known: BPE"),
    "no vocabulary": ("bert", set_key("model.vocab", None), "vocabulary to be a JSON object"),
    "list for a mapping": ("gpt2", set_key("model.vocab", []), "vocabulary to be a JSON object"),
    "mapping for a list": ("t5", set_key("model.vocab", {}), "list of pieces"),
    "unknown word without an id": (
        "bert",
        set_key("model.unk_token", "[NONE]"),
        "unk_token, '.NONE.', is not in the voc",
    ),
    "id is text": ("bert", set_key("model.vocab.fox", "7"), "whole number"),
    "id is a fraction": ("bert", set_key("model.vocab.fox", 7.5), "whole number"),
    "id is true": ("bert", set_key("model.vocab.fox", True), "whole number"),
    "id is beyond the pieces": ("bert", set_key("model.vocab.fox", 10**6), r"each id from 0 to \d+ once"),
    "id is endless": ("bert", set_key("model.vocab.fox", 10**30), r"each id from 0 to \d+ once"),
    "id is negative": ("bert", set_key("model.vocab.fox", -1), r"each id from 0 to \d+ once.*, found -1"),
    "id twice": ("bert", set_key("model.vocab.fox", 7), r"each id from 0 to \d+ once.*, found 7"),
    "id missing": ("gpt2", lambda tree: tree["model"]["vocab"].pop("a"), "id from 0"),
    "piece twice": ("t5", lambda tree: tree["model"]["vocab"].append(["e", -3.0]), "a piece occurs twice"),
    "endless score": ("t5", lambda tree: tree["model"]["vocab"].append(["new", 10**400]), "to be a number|refuses"),
    "score is text": ("t5", lambda tree: tree["model"]["vocab"].append(["new", "x"]), "to be a number"),
    "unknown id beyond": ("t5", set_key("model.unk_id", 10**6), "refuses it"),
    "piece is a number": ("t5", lambda tree: tree["model"]["vocab"].append([5, -3.0]), "to be text"),
    "endless piece": ("t5", lambda tree: tree["model"]["vocab"].append(["a" * 30_000, -3.0]), "has 30,000 characters"),
    "surrogate": ("bert", set_key("model.vocab.\ud800", 250), "lone surrogate"),
    "added id elsewhere": (
        "bert",
        lambda tree: tree["added_tokens"][0].update(id=9),
        "has id 9, expected 0",
    ),
    "added id beyond": ("bert", add_token(id=10**9), r"'<new>' has id 1000000000, expected \d+"),
    "added id taken": ("bert", add_token(id=3), r"'<new>' has id 3, expected \d+"),
    "added token twice": (
        "bert",
        lambda tree: tree["added_tokens"].append(tree["added_tokens"][0]),
        "added token occurs twice",
    ),
    "added tokens in another order": (
        "roberta",
        lambda tree: tree["added_tokens"].reverse(),
        "has id .*, expected",
    ),
    "added token is empty": ("bert", add_token(content=""), "content and id"),
    "added token is text": ("bert", lambda tree: tree["added_tokens"].append("[X]"), "added tokens to be a list"),
    "merges are text": ("gpt2", set_key("model.merges", "a b"), "list of pairs"),
    "merges of three": ("gpt2", set_key("model.merges", [["a", "b", "c"]]), "list of pairs"),
    "merges without their prefix": (
        "gpt2",
        set_key("model.continuing_subword_prefix", "xx"),
        "does not begin with continuing_subword_prefix, 'xx'",
    ),
    "merges of unknown pieces": ("gpt2", set_key("model.merges", [["qqq", "zzz"]]), "refuses it"),
    "unknown normaliser": ("bert", set_key("normalizer", {"type": "Shell", "command": "ls"}), "refuses it"),
    "wrong post-processor": ("bert", set_key("post_processor", {"type": "BertProcessing", "cls": 3}), "refuses it"),
    "exponential pattern": ("gpt2", split_by("(a+)+$"), "regular expression .* repeats a group"),
    "cubic pattern": ("gpt2", split_by(r"\s*\s+[xy]|."), "regular expression .* takes more than"),
    "broken pattern": ("gpt2", split_by("("), "regular expression .* fails"),
    "slow normaliser": (
        "bert",
        set_key("normalizer", {"type": "Replace", "pattern": {"Regex": "(a|a)*b"}, "content": ""}),
        "regular expression .* repeats a group",
    ),
    "swelling": ("t5", replace_with("aa", 40), "normalizer could make a text more than 100 times as long"),
    "swelling at once": ("t5", replace_with("b" * 5000), "normalizer could make a text more than 100 times"),
    "swelling decoder": (
        "t5",
        set_key("decoder", {"type": "Replace", "pattern": {"String": "a"}, "content": "b" * 5000}),
        "decoder could make a text more than 100 times",
    ),
    "many parts": (
        "t5",
        set_key("normalizer", {"type": "Sequence", "normalizers": [{"type": "NFC"}] * 2000}),
        "parts, at most",
    ),
    "table with long texts": ("t5", precompiled(b"x" * 1000 + b"\0"), "by more than 256 bytes"),
    "table that is none": (
        "t5",
        set_key("normalizer", {"type": "Precompiled", "precompiled_charsmap": "???"}),
        "not base64",
    ),
    "deep post-processor": ("bert", set_key("post_processor", nested(300)), "nested too deeply|refuses it"),
    "words without end": ("bert", set_key("model.max_input_chars_per_word", 10**9), "1 to 1000"),
    "infinite score": ("t5", lambda tree: tree["model"]["vocab"].append(["new", float("-inf")]), "not a JSON number"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_crafted_file_is_refused(name: str, tmp_path: Path) -> None:
    style, change, words = CHANGES[name]
    path = write(style, tmp_path)
    tree = json.loads(path.read_text("utf-8"))
    change(tree)
    path.write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(
        ValueError, match=f"(?s){style}.json: not a tokenizer that can be used: .*(?:{words})"
    ) as caught:
        load(path)
    assert "\n" not in str(caught.value)


CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "a number": b"7",
    "a list": b"[]",
    "no key": b"{}",
    "not JSON": b"PRAGMA user_version",
    "cut": b'{"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0',
    "not UTF-8": b'{"version": "\xff"}',
    "UTF-16": '{"version": "1.0"}'.encode("utf-16"),
    "deep": b'{"model":' * 300_000,
    "deep normaliser": b'{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "normalizer": '
    + b'{"type": "Sequence", "normalizers": [' * 400
    + b"]}" * 400
    + b"}",
    "endless number": b'{"version": ' + b"1" * 100_000 + b"}",
    "a key twice": b'{"model": {"type": "WordLevel", "vocab": {"a": 0, "a": 1}, "unk_token": "a"}}',
    "pickle": pickle.dumps({"version": "1.0"}),
    "old pickle": pickle.dumps({"version": "1.0"}, protocol=0),
    "HTML": b"<!DOCTYPE html><html><body>404</body></html>",
    "a large file's pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
}


@pytest.mark.parametrize("content", CONTENTS)
def test_a_file_of_another_sort_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(CONTENTS[content])
    for read in (load, ImportedTokenizer.load):
        with pytest.raises(ValueError, match=r"^\S*tokenizer\.json: not a tokenizer that can be used: .") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_archives_folders_pipes_and_huge_files_are_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "zip.json", "w") as archive:
        archive.writestr("data.pkl", b"x")
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    with open(tmp_path / "huge.json", "wb") as file:
        file.truncate(MOST_BYTES + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("was read"))
    for name in ("zip.json", "folder.json", "pipe.json", "huge.json"):
        with pytest.raises(ValueError, match=name):
            load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        load(tmp_path / "none.json")


def test_dropout_truncation_and_padding_are_switched_off(tmp_path: Path) -> None:
    tokenizer = ImportedTokenizer.load(write("bert", tmp_path))
    assert len(tokenizer.encode(LINES[0])) > 8
    assert tokenizer.pad not in tokenizer.encode("fox")
    gpt2 = write("gpt2", tmp_path)
    expected = ImportedTokenizer.load(gpt2).encode_batch(LINES)
    rewrite(gpt2, set_key("model.dropout", 0.9))
    assert ImportedTokenizer.load(gpt2).encode_batch(LINES) == expected


def test_an_error_of_the_library_while_encoding_is_a_value_error(tmp_path: Path) -> None:
    """A unigram model without a piece for unknown characters."""
    path = rewrite(write("t5", tmp_path), set_key("model.unk_id", None))
    tokenizer = ImportedTokenizer.load(path)
    for use in (tokenizer.encode, tokenizer.places, lambda text: tokenizer.encode_batch([text])):
        with pytest.raises(ValueError, match=r"t5\.json: the tokenizers library fails on this text"):
            use("猫")


def test_names_beside_a_file_are_checked(tmp_path: Path) -> None:
    path = write("bert", tmp_path)
    for content in ('{"begin": "[CLS]"}', '{"start": 3}', "[]", "x", '{"start": "nothing"}'):
        (tmp_path / "bert.special.json").write_text(content)
        with pytest.raises(ValueError, match=r"bert\.(special\.)?json: "):
            load(path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("style", STYLES)
def test_cut_and_flipped_files_never_crash(
    tmp_path_factory: pytest.TempPathFactory, style: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("flipped") / "harmed.json"
    whole = FILES.setdefault(style, write(style, path.parent).read_bytes())
    place = data.draw(st.integers(0, len(whole) - 2))
    path.write_bytes(whole[:place])
    with pytest.raises(ValueError, match=r"harmed\.json: "):
        load(path)
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << data.draw(st.integers(0, 7))]) + whole[place + 1 :])
    try:
        tokenizer = load(path)
        rows = tokenizer.encode_batch(LINES)
    except ValueError as error:
        assert "harmed.json" in str(error)
    else:
        assert all(0 <= number < tokenizer.size for row in rows for number in row)
        tokenizer.decode_batch(rows)


FILES: dict[str, bytes] = {}
JUNK = (
    None,
    True,
    -1,
    5,
    2**70,
    0.5,
    "",
    "x",
    "\ud800",
    [],
    ["x"],
    [[]],
    [3, 4],
    {},
    {"x": 1},
    {"type": "x"},
    {"Regex": 3},
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("style", STYLES)
def test_any_value_may_be_of_the_wrong_sort(
    tmp_path_factory: pytest.TempPathFactory, style: str, data: st.DataObject
) -> None:
    """Any key's value, outside the vocabulary, replaced by junk."""
    path = tmp_path_factory.mktemp("junk") / "harmed.json"
    tree = json.loads(FILES.setdefault(style, write(style, path.parent).read_bytes()))
    places = [(parent, key) for parent in containers(tree) for key in parent]
    parent, key = data.draw(st.sampled_from(places))
    parent[key] = data.draw(st.sampled_from(JUNK))
    path.write_text(json.dumps(tree), encoding="utf-8")
    try:
        load(path).encode_batch(LINES)
    except ValueError as error:
        assert "harmed.json" in str(error)
        assert "\n" not in str(error)


def containers(tree: Tree) -> list[Tree]:
    """The objects of a file but the vocabulary, of which the first few entries are enough."""
    objects: list[Tree] = []
    stack: list[Any] = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if len(item) < 50:
                objects.append(item)
            stack += list(item.values())[:50]
        elif isinstance(item, list):
            stack += item[:5]
    return objects

"""LearnedTokenizer files: what is saved is read back the same; what is not of their form is refused by name."""

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers as library
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transduce.text.learned_tokenizer import LearnedTokenizer
from transduce.text.special import END, START
from transduce.text.tokenizer_file import MOST_BYTES

TEXT = "The den </s> 日本 \ue000 abs\t(see) e\u0301té <0x41> ▁ ."
Tree = dict[str, Any]


@pytest.fixture
def saved(tokenizer: LearnedTokenizer, tmp_path: Path) -> Path:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    return path


def test_a_loaded_tokenizer_is_the_saved_one(tokenizer: LearnedTokenizer, saved: Path, tmp_path: Path) -> None:
    loaded = LearnedTokenizer.load(saved)
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == saved.read_bytes()
    assert loaded.encode(TEXT) == tokenizer.encode(TEXT)
    assert (loaded.kind, loaded.size) == (tokenizer.kind, tokenizer.size)


def test_the_library_reads_the_file_alike(tokenizer: LearnedTokenizer, saved: Path, lines: list[str]) -> None:
    plain = library.Tokenizer.from_file(str(saved))
    plain.encode_special_tokens = True
    assert [plain.encode(line).ids for line in [*lines, TEXT]] == tokenizer.encode_batch([*lines, TEXT])
    ids = tokenizer.encode(TEXT)
    assert plain.decode(ids, skip_special_tokens=True) == tokenizer.decode(ids)
    assert [plain.token_to_id(name) for name in ("<pad>", "<unk>", "<s>", "</s>")] == [0, 1, 2, 3]


def test_transformers_reads_the_file_alike(tokenizer: LearnedTokenizer, saved: Path, lines: list[str]) -> None:
    peer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(saved), split_special_tokens=True)
    assert peer(lines[:50])["input_ids"] == tokenizer.encode_batch(lines[:50])


def changed(saved: Path, change: Callable[[Tree], object]) -> Path:
    tree = json.loads(saved.read_text("utf-8"))
    change(tree)
    saved.write_text(json.dumps(tree), encoding="utf-8")
    return saved


def set_key(path: str, value: object) -> Callable[[Tree], object]:
    def change(tree: Tree) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            tree = tree[parent]
        tree[last] = value

    return change


def swap_first_pieces(tree: Tree) -> None:
    vocabulary = tree["model"]["vocab"]
    if isinstance(vocabulary, list):
        vocabulary[0], vocabulary[5] = vocabulary[5], vocabulary[0]
    else:
        vocabulary["<pad>"], vocabulary["</s>"] = 3, 0


def repeat_an_id(tree: Tree) -> None:
    vocabulary = tree["model"]["vocab"]
    if isinstance(vocabulary, list):
        vocabulary.append(vocabulary[-1])
    else:
        vocabulary["new"] = 7


def drop_a_piece(tree: Tree) -> None:
    vocabulary = tree["model"]["vocab"]
    if isinstance(vocabulary, list):
        del vocabulary[2]
    else:
        del vocabulary["<s>"]


def add_piece(piece: str, number: object = None) -> Callable[[Tree], object]:
    def change(tree: Tree) -> None:
        vocabulary = tree["model"]["vocab"]
        if isinstance(vocabulary, list):
            vocabulary.append([piece, -9.5 if number is None else number])
        else:
            vocabulary[piece] = len(vocabulary) if number is None else number

    return change


CHANGES: dict[str, Callable[[Tree], object]] = {
    "no model": lambda tree: tree.pop("model"),
    "no version": lambda tree: tree.pop("version"),
    "other version": set_key("version", "2.0"),
    "model is a list": set_key("model", []),
    "model is null": set_key("model", None),
    "unknown model": set_key("model.type", "Transformer"),
    "other known model": set_key("model.type", "WordPiece"),
    "vocabulary is a number": set_key("model.vocab", 3),
    "vocabulary is empty": set_key("model.vocab", {}),
    "vocabulary is an empty list": set_key("model.vocab", []),
    "entries are wrong": set_key("model.vocab", [["<pad>", "x"], [3, 3], None]),
    "special pieces elsewhere": swap_first_pieces,
    "special piece missing": drop_a_piece,
    "an id twice": repeat_an_id,
    "empty piece": add_piece(""),
    "surrogate in a piece": add_piece("\ud800"),
    "id or score is text": add_piece("new", "x"),
    "id or score is true": add_piece("new", True),
    "id or score is infinite": add_piece("new", float("inf")),
    "id or score is not a number": add_piece("new", float("nan")),
    "id or score is huge": add_piece("new", 2**70),
    "id or score is endless": add_piece("new", -(10**400)),
    "merges are missing or null": set_key("model.merges", None),
    "merges are text": set_key("model.merges", "a b"),
    "merges of unknown pieces": set_key("model.merges", [["qq", "zz"]]),
    "merges of three": set_key("model.merges", [["a", "b", "c"]]),
    "no special tokens": set_key("added_tokens", []),
    "more special tokens": lambda tree: tree["added_tokens"].append(
        tree["added_tokens"][0] | {"content": "e", "id": 9}
    ),
    "special token with another name": lambda tree: tree["added_tokens"][3].update(content="den"),
    "special id out of reach": lambda tree: tree["added_tokens"][3].update(id=10**9),
    "no normaliser": set_key("normalizer", None),
    "slow expression": set_key(
        "pre_tokenizer", {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated"}
    ),
    "truncation": set_key(
        "truncation", {"max_length": 1, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    ),
    "post-processor": set_key("post_processor", {"type": "ByteLevel"}),
    "an unknown key": set_key("extra", 1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_crafted_file_is_refused(saved: Path, change: str) -> None:
    with pytest.raises(ValueError, match=r"tokenizer.json: not a tokenizer that can be used: "):
        LearnedTokenizer.load(changed(saved, CHANGES[change]))


def test_an_endless_piece_is_refused(lossless: LearnedTokenizer, tmp_path: Path) -> None:
    """The library keeps unigram pieces in a tree, as deep as the longest, and ends the whole program when it drops it."""
    lossless.save(tmp_path / "tokenizer.json")
    with pytest.raises(ValueError, match=r"tokenizer.json: .* has 30,000 characters, at most 25 are allowed"):
        LearnedTokenizer.load(changed(tmp_path / "tokenizer.json", add_piece("a" * 30_000)))


CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n",
    "a number": b"7",
    "null": b"null",
    "a list": b"[]",
    "no key": b"{}",
    "not JSON": b"PRAGMA user_version",
    "not UTF-8": b'{"version": "\xff"}',
    "UTF-16": '{"version": "1.0"}'.encode("utf-16"),
    "deep lists": b"[" * 300_000,
    "deep objects": b'{"model":' * 300_000,
    "endless number": b'{"version": ' + b"1" * 100_000 + b"}",
    "a key twice": b'{"version": "1.0", "version": "1.0"}',
    "pickle": pickle.dumps({"version": "1.0"}),
    "old pickle": pickle.dumps({"version": "1.0"}, protocol=0),
}


@pytest.mark.parametrize("content", CONTENTS)
def test_a_file_of_another_sort_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(CONTENTS[content])
    with pytest.raises(ValueError, match=r"tokenizer\.json: "):
        LearnedTokenizer.load(path)


def test_a_zip_archive_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zip.json", "w") as archive:
        archive.writestr("data.pkl", b"x")
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    for name in ("zip.json", "folder.json", "pipe.json"):
        with pytest.raises(ValueError, match=name):
            LearnedTokenizer.load(tmp_path / name)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        LearnedTokenizer.load(tmp_path / "none.json")


def test_a_huge_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.json"
    with open(path, "wb") as file:
        file.truncate(MOST_BYTES + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("was read"))
    with pytest.raises(ValueError, match=r"huge.json: .* at most 67,108,864"):
        LearnedTokenizer.load(path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cut_and_flipped_files_never_crash(tokenizer: LearnedTokenizer, saved: Path, data: st.DataObject) -> None:
    """A flip can leave a file that is right in form, a digit of a score changed; hence the hashes in manifests."""
    whole = saved.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    harmed = saved.with_name("harmed.json")
    harmed.write_bytes(whole[:place])
    if whole[place:].strip():
        with pytest.raises(ValueError, match=r"harmed.json"):
            LearnedTokenizer.load(harmed)
    flipped = bytes([whole[place] ^ 1 << data.draw(st.integers(0, 7))])
    harmed.write_bytes(whole[:place] + flipped + whole[place + 1 :])
    try:
        loaded = LearnedTokenizer.load(harmed)
    except ValueError as error:
        assert "harmed.json" in str(error)
    else:
        assert loaded.size == tokenizer.size
        assert not {START, END} & set(loaded.encode(TEXT))

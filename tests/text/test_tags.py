"""Tags: ids of their own before a source, which no text yields, and which survive saving and loading."""

import json
from pathlib import Path
from typing import Any

import pytest
import tokenizers as library
from hypothesis import given
from hypothesis import strategies as st

from transduce.text import tags
from transduce.text.config import ColumnTokenizer, TokenizerConfig
from transduce.text.learn.learn import train
from transduce.text.learned_tokenizer import LearnedTokenizer

TAGS = ("de", "fr", "it-formal", "语言")
KINDS = {"unigram": 420, "bpe": 420, "characters": 330, "words": 400}


@pytest.fixture(scope="module")
def tagged(lines: list[str]) -> dict[str, LearnedTokenizer]:
    """One tokenizer of each kind, all with TAGS."""
    return {kind: train(lines, ColumnTokenizer(kind, size), TokenizerConfig(), TAGS) for kind, size in KINDS.items()}  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_tags_follow_the_special_pieces_and_are_part_of_the_vocabulary(
    tagged: dict[str, LearnedTokenizer], kind: str
) -> None:
    tokenizer = tagged[kind]
    assert tokenizer.tags == TAGS
    assert tokenizer.tag_ids(TAGS) == [4, 5, 6, 7]
    assert tokenizer.pieces(range(8)) == ["<pad>", "<unk>", "<s>", "</s>", *(f"<tag:{name}>" for name in TAGS)]
    assert tokenizer.size <= KINDS[kind] and (kind in ("characters", "words") or tokenizer.size == KINDS[kind])


TEXTS = st.lists(
    st.sampled_from(["<tag:de>", "<tag:", "de", ">", "<", "<tag:it-formal>", "</s>", " ", "▁", "\ue002tag:de>"])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
).map("".join)


@given(text=TEXTS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_yields_a_tag(tagged: dict[str, LearnedTokenizer], kind: str, text: str) -> None:
    tokenizer = tagged[kind]
    found = tokenizer.encode(text)
    assert not set(found) & set(tokenizer.tag_ids(TAGS))
    if kind != "words":
        assert tokenizer.decode(found) == tokenizer.normalise(text)
    assert tokenizer.decode([*tokenizer.tag_ids(TAGS), *found]) == tokenizer.decode(found)


@pytest.mark.parametrize("kind", KINDS)
def test_tags_do_not_change_the_text(tagged: dict[str, LearnedTokenizer], lines: list[str], kind: str) -> None:
    """The pieces are those of a tokenizer that has as many more pieces to learn."""
    plain = train(lines, ColumnTokenizer(kind, KINDS[kind] - len(TAGS)), TokenizerConfig())  # type: ignore[arg-type]
    for line in lines[:50]:
        assert tagged[kind].pieces(tagged[kind].encode(line)) == plain.pieces(plain.encode(line))


@pytest.mark.parametrize("kind", KINDS)
def test_tags_survive_a_file(tagged: dict[str, LearnedTokenizer], kind: str, tmp_path: Path) -> None:
    tagged[kind].save(tmp_path / "tokenizer.json")
    loaded = LearnedTokenizer.load(tmp_path / "tokenizer.json")
    assert loaded.tags == TAGS and loaded.size == tagged[kind].size
    assert loaded.encode("den <tag:de> abs") == tagged[kind].encode("den <tag:de> abs")
    plain = library.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert [plain.token_to_id(f"<tag:{name}>") for name in TAGS] == loaded.tag_ids(TAGS)


def add_tag_late(tree: dict[str, Any]) -> None:
    vocabulary = tree["model"]["vocab"]
    if isinstance(vocabulary, list):
        vocabulary.append(["<tag:late>", -9.5])
    else:
        vocabulary["<tag:late>"] = len(vocabulary)


def rename_tag(tree: dict[str, Any], name: str = "d e") -> None:
    vocabulary = tree["model"]["vocab"]
    if isinstance(vocabulary, list):
        vocabulary[4][0] = f"<tag:{name}>"
    else:
        vocabulary[f"<tag:{name}>"] = vocabulary.pop("<tag:de>")
    tree["added_tokens"][4]["content"] = f"<tag:{name}>"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (add_tag_late, "has a <"),
        (rename_tag, "no white space"),
        (lambda tree: rename_tag(tree, "fr"), "twice|each id from"),
        (lambda tree: rename_tag(tree, ""), "1 to 64 characters"),
        (lambda tree: tree["added_tokens"].pop(4), "its settings differ from all"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_crafted_file_is_refused(
    tagged: dict[str, LearnedTokenizer], kind: str, tmp_path: Path, change: Any, words: str
) -> None:
    path = tmp_path / "tokenizer.json"
    tagged[kind].save(path)
    tree = json.loads(path.read_text("utf-8"))
    change(tree)
    path.write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"tokenizer\.json: not a tokenizer that can be used: .*({words})"):
        LearnedTokenizer.load(path)


def test_the_ids_of_tags(tagged: dict[str, LearnedTokenizer], trained: dict[str, LearnedTokenizer]) -> None:
    assert tagged["bpe"].tags == TAGS
    assert tagged["bpe"].tag_ids(("fr", "it-formal")) == [5, 6] and tagged["bpe"].tag_ids(()) == []
    with pytest.raises(ValueError, match=r"unknown tag 'frr'; did you mean 'fr'\? known: de, fr, it-formal"):
        tagged["bpe"].tag_ids(("de", "frr"))
    with pytest.raises(ValueError, match="unknown tag 'de'; no tags are known"):
        trained["bpe"].tag_ids(("de",))


@given(st.lists(st.from_regex(r"[\w\-.:/]{1,64}", fullmatch=True), unique=True, max_size=8))
def test_names_are_parted_by_white_space(names: list[str]) -> None:
    if all(name.isprintable() for name in names):
        assert tags.names_in("  ".join(names)) == tuple(names)
        assert [tags.name_of(tags.piece_of(name)) for name in names] == names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a" * 65, "1 to 64 characters, found 65"),
        ("<de>", "no white space, control characters, < or >"),
        ("d\x00e", "control"),
        ("d\u202ee", "control"),
        ("de de", "the tag 'de' occurs twice"),
        (" ".join("abcdefghi"), "9 tags, at most 8"),
    ],
)
def test_what_cannot_be_a_tag(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tags.names_in(text)


def test_tags_that_leave_no_room_are_refused() -> None:
    with pytest.raises(ValueError, match=r"vocabulary = 6 leaves no room beside the tags \(4\): set it to 9 or more"):
        train(["a b"], ColumnTokenizer("words", 6), TokenizerConfig(), TAGS)
    with pytest.raises(ValueError, match="1,001 different tags"):
        train(["a b"], ColumnTokenizer("words", 6000), TokenizerConfig(), [f"t{n}" for n in range(1001)])

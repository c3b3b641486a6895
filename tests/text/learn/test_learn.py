"""Training: what is learned, that it is the same every time, and what is refused."""

import hashlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from transduce.text.config import ColumnTokenizer, Kind, TokenizerConfig
from transduce.text.learn import bpe
from transduce.text.learn.counts import covering, split_words
from transduce.text.learn.learn import train
from transduce.text.learn.sample import LINE_CHARACTERS, sample
from transduce.text.learned_tokenizer import LearnedTokenizer
from transduce.text.special import NAMES

KINDS: tuple[Kind, ...] = ("unigram", "bpe", "characters", "words")

AGAIN = """
import hashlib, pathlib, sys
from transduce.text.config import ColumnTokenizer, TokenizerConfig
from transduce.text.learn.learn import train
lines = pathlib.Path(sys.argv[1]).read_text("utf-8").split("\\n")
for kind, size in (argument.split("=") for argument in sys.argv[2:]):
    path = pathlib.Path(sys.argv[1]).with_name("again.json")
    train(lines, ColumnTokenizer(kind, int(size)), TokenizerConfig()).save(path)
    print(hashlib.sha256(path.read_bytes()).hexdigest())
"""


def test_training_again_gives_the_same_bytes(
    lines: list[str], trained: dict[str, LearnedTokenizer], tmp_path: Path
) -> None:
    """In another process: the library's hash maps are seeded anew in each."""
    (tmp_path / "lines.txt").write_text("\n".join(lines), "utf-8")
    digests = []
    for tokenizer in trained.values():
        tokenizer.save(tmp_path / "first.json")
        digests.append(hashlib.sha256((tmp_path / "first.json").read_bytes()).hexdigest())
    sizes = [f"{kind}={400 if kind == 'words' else tokenizer.size}" for kind, tokenizer in trained.items()]
    command = [sys.executable, "-c", AGAIN, str(tmp_path / "lines.txt"), *sizes]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.stdout.split(), done.stderr) == (digests, "")


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_subwords_meet_their_size_and_refuse_more_than_the_text_has(lines: list[str], kind: Kind) -> None:
    largest = _largest(lines, kind)
    assert train(lines, ColumnTokenizer(kind, largest), TokenizerConfig()).size == largest
    with pytest.raises(ValueError, match=f"set vocabulary to {largest} or less"):
        train(lines, ColumnTokenizer(kind, largest + 1), TokenizerConfig())


def _largest(lines: list[str], kind: Kind) -> int:
    """The size that the message names."""
    with pytest.raises(ValueError, match=r"vocabulary = 50000 is more than .* which is \d+ pieces") as caught:
        train(lines, ColumnTokenizer(kind, 50_000), TokenizerConfig())
    return int(str(caught.value).split("set vocabulary to ")[1].split()[0])


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_subwords_refuse_less_than_their_characters(lines: list[str], kind: Kind) -> None:
    with pytest.raises(ValueError, match=r"vocabulary = 265 is too small .* set it to \d+ or more") as caught:
        train(lines, ColumnTokenizer(kind, 265), TokenizerConfig())
    least = int(str(caught.value).split("set it to ")[1].split()[0])
    assert train(lines, ColumnTokenizer(kind, least), TokenizerConfig()).size == least


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("size", [265, 50_000])
def test_a_vocabulary_that_is_not_exact_comes_as_near_as_the_text_allows(
    lines: list[str], kind: Kind, size: int
) -> None:
    """The nearest are the bounds that an exact one is refused with."""
    with pytest.raises(ValueError, match="set") as caught:
        train(lines, ColumnTokenizer(kind, size), TokenizerConfig())
    bound = int(re.findall(r"set (?:it|vocabulary) to (\d+)", str(caught.value))[0])
    assert train(lines, ColumnTokenizer(kind, size), TokenizerConfig(exact=False)).size == bound


@pytest.mark.parametrize(("kind", "leading"), [("characters", 260), ("words", 4)])
def test_inventories_keep_the_most_frequent(kind: Kind, leading: int) -> None:
    texts = ["b b b", "a a", "c c", "d"] if kind == "words" else ["bbb", "aa", "cc", "d"]
    whole = train(texts, ColumnTokenizer(kind, 8000), TokenizerConfig())
    assert whole.pieces(range(leading, whole.size)) == ["b", "a", "c", "d"]
    part = train(texts, ColumnTokenizer(kind, leading + 2), TokenizerConfig())
    assert part.pieces(range(leading, part.size)) == ["b", "a"]


def test_rare_characters_are_spelled_in_bytes() -> None:
    lines = ["the same text again and again"] * 200 + ["€"]
    for kind in ("unigram", "bpe"):
        tokenizer = train(lines, ColumnTokenizer(kind, 275), TokenizerConfig())
        assert tokenizer.pieces(tokenizer.encode("€")) == ["▁", "<0xE2>", "<0x82>", "<0xAC>"]
    characters = train(lines, ColumnTokenizer("characters", 263), TokenizerConfig())
    assert characters.pieces(characters.encode("a €")) == ["a", "▁", "<0xE2>", "<0x82>", "<0xAC>"]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_frequent_words_become_pieces_and_no_piece_crosses_sorts(kind: Kind) -> None:
    lines = ["(marsupial) 1984's marsupial, kangaroo.", "kangaroo? 1984 marsupial"] * 20
    tokenizer = train(lines, ColumnTokenizer(kind, _largest(lines, kind)), TokenizerConfig())
    assert tokenizer.pieces(tokenizer.encode("marsupial 1984, kangaroo")) == ["▁marsupial", "▁1984", ",", "▁kangaroo"]
    for piece in tokenizer.pieces(range(260, tokenizer.size)):
        bare = piece.removeprefix("▁")
        assert bare.isalpha() or bare.isdigit() or not any(map(str.isalnum, bare))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("texts", [[], [""], ["", "  ", "\t", "\u3000"]])
def test_empty_text_is_refused(kind: Kind, texts: list[str]) -> None:
    with pytest.raises(ValueError, match="no text to learn a tokenizer from"):
        train(texts, ColumnTokenizer(kind, 300), TokenizerConfig())


@pytest.mark.parametrize("kind", KINDS)
def test_lone_surrogates_are_refused(kind: Kind) -> None:
    with pytest.raises(ValueError, match=r"lone surrogate, U\+D800"):
        train(["fine", "not \ud800"], ColumnTokenizer(kind, 300), TokenizerConfig())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text", ["a", "\x00", "\x00\x00a\x00", "<", "▁", "\u0301", "\ue000", "日", "</s>" * 300, "a" * 30]
)
def test_any_text_can_be_learned_from(kind: Kind, text: str) -> None:
    size = 300 if kind in ("characters", "words") else _least(text, kind)
    tokenizer = train([text], ColumnTokenizer(kind, size), TokenizerConfig())
    assert tokenizer.decode(tokenizer.encode(text)) == text


def _least(text: str, kind: Kind) -> int:
    """Special pieces, bytes, the text's characters as they are spelled, and ▁."""
    spelled = {"\ue000": "\ue0000"}.get(text, text)
    return 260 + len(set(spelled) | {" "})


def test_a_sample_is_bounded_and_the_same_every_time() -> None:
    read = []

    def lines() -> Iterator[str]:
        for number in range(5000):
            read.append(number)
            yield f"line {number}"

    drawn = sample(lines(), 100)
    assert len(read) == 5000
    assert len(drawn) == len(set(drawn)) == 100
    assert drawn == sample(lines(), 100)
    numbers = [int(line.split()[1]) for line in drawn]
    assert numbers == sorted(numbers)
    assert [sum(low <= number < low + 1000 for number in numbers) > 8 for low in range(0, 5000, 1000)] == [True] * 5


def test_a_sample_of_few_lines_is_all_of_them() -> None:
    assert sample(["a", "", " ", "b", "a"], 3) == ["a", "b", "a"]


def test_a_sample_holds_no_more_characters_than_it_may() -> None:
    assert sum(map(len, sample((str(number) for number in range(10_000)), 10**6, characters=500))) <= 500


def test_a_document_counts_as_several_lines() -> None:
    assert sample(["x" * (LINE_CHARACTERS + 5), "y"], 3) == ["x" * LINE_CHARACTERS, "x" * 5, "y"]


def test_a_tokenizer_learns_from_its_sample_alone() -> None:
    lines = [f"word{number}" for number in range(1000)]
    assert train(lines, ColumnTokenizer("words", 5000), TokenizerConfig(sample=40)).size == len(NAMES) + 40


def test_characters_that_cover_a_share() -> None:
    assert covering({"a": 90, "b": 9, "c": 1}, 0.99) == ["a", "b"]
    assert covering({"b": 1, "a": 1}, 0.9995) == ["a", "b"]
    assert covering(Counter(), 0.9) == []


def test_words_split_where_sorts_of_characters_meet() -> None:
    counts = split_words({"don't": 3, "(2": 1}, "▁don't(2")
    assert counts == {"▁don": 3, "'": 3, "t": 3, "▁(": 1, "2": 1}
    assert split_words({"axb": 1, "": 2}, "▁ab") == {"▁a": 1, "b": 1, "▁": 2}
    assert split_words({"नमस्ते": 1, "می\u200cخواهم": 1}, "▁नमस्तेمی\u200cخواهم") == {"▁नमस्ते": 1, "▁می\u200cخواهم": 1}
    assert split_words({"x" * 50: 1}, "x") == {"▁" + "x" * 24: 1, "x" * 24: 1, "xx": 1}


def test_bpe_learns_from_the_most_frequent_words_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines without spaces are words that hardly repeat, and the trainer needs memory for each of their characters."""
    words = {"abcd": 9, "efgh": 5, "ijkl": 2}
    alphabet = list("abcdefghijkl")
    monkeypatch.setattr(bpe, "MOST_CHARACTERS", 8)
    pieces, _ = bpe.learn(words, alphabet, 100)
    assert "abcd" in pieces and "efgh" in pieces and "ij" not in pieces

"""Tokens and the words they stand in, for every kind of tokenizer and every sort of white space."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train
from transduce.text.learned_tokenizer import LearnedTokenizer
from transduce.text.tokenizer import word_numbers

LINES = ["low lower lowest", "new newer newest é"] * 3
SIZES = {"unigram": 273, "bpe": 280, "characters": 273, "words": 12}


def tokenizer(kind: str) -> LearnedTokenizer:
    config = TokenizerConfig(kind=kind, vocabulary=SIZES[kind], lowercase=True, normalisation="nfkc")
    return train(LINES, config.side("source"), config)


TOKENIZERS = {kind: tokenizer(kind) for kind in SIZES}


def test_by_hand() -> None:
    places = [(0, 2), (2, 3), (3, 5), (5, 10), (10, 11)]
    assert word_numbers("to  Bremen ", places) == [0, 1, 1, 1, None]
    assert word_numbers("", []) == []


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize(
    "text",
    ["Lower  new ", " e\u0301 low 猫 new", "a\u00a0low\tnew", "İ ´low", "low 🙂low  <s>", "low\u3000new\u2028x", "   "],
)
def test_every_word_has_its_tokens(kind: str, text: str) -> None:
    ids, places = TOKENIZERS[kind].encode(text), TOKENIZERS[kind].places(text)
    numbers = word_numbers(text, places)
    assert len(numbers) == len(ids)
    known = [number for number in numbers if number is not None]
    assert known == sorted(known)
    assert set(known) == set(range(len(text.split())))


@settings(max_examples=100)
@given(st.text(st.sampled_from("low é\t\u00a0\u3000\u2009<▁ſ猫e\u0301\U0001f642"), max_size=20))
def test_a_token_stands_in_the_word_that_it_comes_from(text: str) -> None:
    words = text.split()
    for each in TOKENIZERS.values():
        for (start, end), number in zip(each.places(text), word_numbers(text, each.places(text)), strict=True):
            part = text[start:end].split()
            assert 0 <= start <= end <= len(text)
            if part:
                assert number is not None and part[0] in words[number]


def test_one_place_per_token() -> None:
    text = "Lower 猫"
    each = TOKENIZERS["unigram"]
    assert list(zip(each.pieces(each.encode(text)), each.places(text), strict=True)) == [
        ("▁low", (0, 3)),
        ("e", (3, 4)),
        ("r", (4, 5)),
        ("▁", (5, 6)),
        *((piece, (6, 7)) for piece in ("<0xE7>", "<0x8C>", "<0xAB>")),
    ]
    with pytest.raises(ValueError, match="lone surrogate"):
        each.places("a\ud800")

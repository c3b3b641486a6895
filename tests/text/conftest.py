"""Lines of made-up text in several scripts, and one tokenizer of each kind learned from them."""

import random

import pytest

from transduce.text.config import ColumnTokenizer, TokenizerConfig
from transduce.text.learn.learn import train
from transduce.text.learned_tokenizer import LearnedTokenizer

SIZES = {"unigram": 420, "bpe": 420, "characters": 320, "words": 400}


@pytest.fixture(scope="session")
def lines() -> list[str]:
    """400 lines of words that share beginnings and endings, with marks, digits, punctuation and what looks special."""
    draw = random.Random(7)
    stems = ["".join(draw.choices("abdeilnorstuäßжиκя", k=draw.randint(2, 5))) for _ in range(60)]
    words = [stem + ending for stem in stems for ending in ("", "s", "en", "ung", "ια", "ть")]
    words += ["</s>", "<0x41>", "▁", "don't", "12", "2024", "e\u0301te\u0301", "\ue001", "(see)", "日本"]
    weights = [1 / (place + 1) for place in range(len(words))]
    draw.shuffle(words)
    return [" ".join(draw.choices(words, weights, k=draw.randint(3, 12))) + draw.choice(".!? ") for _ in range(400)]


@pytest.fixture(scope="session")
def trained(lines: list[str]) -> dict[str, LearnedTokenizer]:
    return {kind: train(lines, ColumnTokenizer(kind, size), TokenizerConfig()) for kind, size in SIZES.items()}  # type: ignore[arg-type]


@pytest.fixture(params=SIZES)
def tokenizer(request: pytest.FixtureRequest, trained: dict[str, LearnedTokenizer]) -> LearnedTokenizer:
    """Each kind in turn."""
    return trained[request.param]


@pytest.fixture(params=["unigram", "bpe", "characters"])
def lossless(request: pytest.FixtureRequest, trained: dict[str, LearnedTokenizer]) -> LearnedTokenizer:
    """Each kind that keeps white space, in turn."""
    return trained[request.param]

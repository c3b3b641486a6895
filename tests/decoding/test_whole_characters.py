"""Outputs of every search are text that our readers read back as it is written, whatever the logits are."""

import io
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foreign_tokenizers import LINES, STYLES
from toy_models import ToyModel
from transduce.data.formats.lines import good_lines
from transduce.decoding.config import Decoding
from transduce.decoding.engine import decode_all
from transduce.decoding.ensemble import Ensemble
from transduce.decoding.hypothesis import Hypothesis, SpecialIds
from transduce.decoding.requests import Request
from transduce.decoding.rules.whole_characters import WholeCharacters
from transduce.decoding.strategies.sampling import Sampling
from transduce.tasks.task import vocabulary_rules
from transduce.text.config import ColumnTokenizer, TokenizerConfig
from transduce.text.imported_tokenizer import ImportedTokenizer
from transduce.text.learn.learn import train
from transduce.text.tokenizer import Tokenizer
from transduce.workflows.predict.stream import one_line

LEARNED = ("unigram", "bpe", "characters")
STRATEGIES: list[dict[str, Any]] = [
    {"beam": 1},
    {"beam": 3, "n_best": 3},
    {"beam": 4, "n_best": 4, "groups": 2, "diversity": 0.7},
    {"n_best": 3, "sampling": Sampling(seed=2)},
    {"beam": 2, "no_repeat_ngram": 1, "min_length": 5},
    {"n_best": 2, "sampling": Sampling(top_k=2, temperature=2.0), "no_repeat_ngram": 2, "repetition_penalty": 1.5},
]
BYTES = [bytes([byte]) for byte in range(256)]


@cache
def tokenizer_of(kind: str) -> Tokenizer:
    if kind in LEARNED:
        side = ColumnTokenizer(kind, 400 if kind != "characters" else 340)  # type: ignore[arg-type]
        return train(LINES, side, TokenizerConfig(exact=False), ("tag",))
    return ImportedTokenizer(STYLES[kind]().to_str())


def outputs(
    tokenizer: Tokenizer, seed: int, count: int, multiline: bool = False, prompt: Sequence[int] = (), **strategy: Any
) -> list[Hypothesis]:
    """Of random logits. The limits are 1 to 12 tokens, so that many outputs stop there."""
    end = tokenizer.end
    special = SpecialIds(end, end, end, tokenizer.unknown, tokenizer.special)
    requests = [Request([4, number], prompt, 1 + number % 12, number) for number in range(count)]
    rules = vocabulary_rules(tokenizer, "cpu", multiline)
    models = [ToyModel(tokenizer.size, seed + number) for number in range(2)]
    model = Ensemble(models) if seed % 3 == 0 else models[0]
    rows = decode_all(model, requests, Decoding(batch_tokens=10**5, **strategy), special, "cpu", rules)
    return [hypothesis for row in rows for hypothesis in row]


def read_back(texts: Sequence[str]) -> list[str]:
    """Written by the command line, one output a line, and read by the reader of text files."""
    written = "".join(f"{one_line(text)}\n" for text in texts)
    return list(good_lines(io.BytesIO(written.encode()), "outputs"))


def assert_readable(tokenizer: Tokenizer, hypotheses: Sequence[Hypothesis], multiline: bool = False) -> None:
    texts, pieces = tokenizer.decode_batch([h.ids for h in hypotheses]), tokenizer.piece_bytes()
    for text, h in zip(texts, hypotheses, strict=True):
        characters = b"".join(pieces[number] for number in h.ids).decode()  # valid UTF-8
        assert text.count("\ufffd") == characters.count("\ufffd")
        assert not set(h.ids) & tokenizer.special
    lines = [line for text in texts for line in (text.split("\n") if multiline else [text])]
    assert read_back(lines) == lines
    if not multiline:
        assert all(len(line.splitlines()) <= 1 for line in lines)


@pytest.mark.parametrize("kind", [*LEARNED, "gpt2", "llama2"])
@pytest.mark.parametrize("multiline", [False, True])
def test_random_logits_give_text_that_is_read_back(kind: str, multiline: bool) -> None:
    for seed, strategy in enumerate(STRATEGIES):
        hypotheses = outputs(tokenizer_of(kind), seed, 6, multiline, **strategy)
        assert_readable(tokenizer_of(kind), hypotheses, multiline)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*LEARNED, *STYLES])
def test_ten_thousand_samples_give_text_that_is_read_back(kind: str) -> None:
    hypotheses = outputs(tokenizer_of(kind), 1, 2500, n_best=4, sampling=Sampling())
    assert_readable(tokenizer_of(kind), hypotheses)


@settings(max_examples=20)
@given(text=st.text(max_size=30), multiline=st.booleans())
def test_the_bytes_of_permitted_characters_are_permitted_and_no_others(text: str, multiline: bool) -> None:
    refused = "\0\r\ufeff" if multiline else "\0\r\ufeff\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"
    rule = WholeCharacters.of([*BYTES, b""], 256, multiline)
    assert rule is not None
    banned, following = rule.banned[3].tolist(), rule.following.tolist()
    for char in text + refused + "\t\x1b\x7f\x80\u2027\u202a\ufefe\uffff\U0010ffff\ud7ff\ue000":
        state, allowed = 0, True
        for byte in char.encode():
            allowed = allowed and not banned[state][byte]
            state = following[state][byte]
        assert allowed == (char not in refused) and (state == 0 or not allowed)


@pytest.mark.parametrize("data", [b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf5", b"\x80", b"\xe2\x82\x41"])
def test_bytes_that_are_no_utf8_are_banned(data: bytes) -> None:
    rule = WholeCharacters.of([*BYTES, b""], 256)
    assert rule is not None
    state = 0
    for byte in data:
        if bool(rule.banned[3, state, byte]):
            return
        state = int(rule.following[state, byte])
    raise AssertionError("permitted")


def test_no_character_begins_that_the_limit_cuts_and_none_ends_within() -> None:
    rule = WholeCharacters.of([*BYTES, b""], 256)
    assert rule is not None
    begins = {"é": 1, "€": 2, "😀": 3}  # bytes that follow the first
    for char, missing in begins.items():
        first = char.encode()[0]
        assert [bool(rule.banned[rest, 0, first]) for rest in range(4)] == [rest < missing for rest in range(4)]
        assert bool(rule.banned[3, int(rule.following[0, first]), 256]), "the end token"
        assert bool(rule.banned[3, int(rule.following[0, first]), ord("a")])
    cut = int(rule.following[0, "€".encode()[0]])  # by the prompt, with room for one token alone
    assert (~rule.banned[0, cut]).nonzero().flatten().tolist() == [256]


def test_an_output_continues_the_character_of_its_prompt() -> None:
    """Byte-level pieces may cut a prompt within a character."""
    tokenizer = tokenizer_of("characters")
    half = tokenizer.encode("猫")[:2]
    for strategy in STRATEGIES[:4]:
        for h in outputs(tokenizer, 1, 12, prompt=half, **strategy):
            assert "\ufffd" not in tokenizer.decode([*half, *h.ids])


@pytest.mark.parametrize("kind", ["words", "bert"])
def test_vocabularies_of_whole_words_need_no_rule(kind: str) -> None:
    assert vocabulary_rules(tokenizer_of(kind), "cpu") == ()


def test_pieces_with_a_refused_character_are_banned() -> None:
    pieces = [b"a", b"b\0", b"c\r", "d\u2028".encode(), b"\n", b""]
    one, several = WholeCharacters.of(pieces, 5), WholeCharacters.of(pieces, 5, multiline=True)
    assert one is not None and several is not None
    assert one.banned[3, 0].tolist() == [False, True, True, True, True, False]
    assert several.banned[3, 0].tolist() == [False, True, True, False, False, False]


@pytest.mark.parametrize("strategy", STRATEGIES[:2])
def test_nothing_changes_where_the_best_outputs_are_text_anyway(strategy: dict[str, Any]) -> None:
    """Byte pieces have no probability here."""
    tokenizer = tokenizer_of("unigram")
    special = SpecialIds(tokenizer.end, tokenizer.end, tokenizer.end, tokenizer.unknown, tokenizer.special)
    requests = [Request([4, number], (), 9, number) for number in range(8)]

    def decode(*rules: Any) -> list[list[Hypothesis]]:
        model = ToyModel(tokenizer.size, 5)
        model.table[:, tokenizer.spelling_ids()] = -torch.inf
        return decode_all(model, requests, Decoding(**strategy), special, "cpu", *rules)

    assert decode(vocabulary_rules(tokenizer, "cpu")) == decode()

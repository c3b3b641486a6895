"""Outputs begin with what they must begin with, read in one step where all prefixes reach, and cost what they cost."""

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch

from toy_models import END, PAD, SPECIAL, START, ToyModel
from transduce.decoding.config import Decoding
from transduce.decoding.engine import decode
from transduce.decoding.hypothesis import Hypothesis
from transduce.decoding.strategies.sampling import Sampling

SEARCHES = [
    {"beam": 1},
    {"beam": 3, "n_best": 3},
    {"beam": 4, "n_best": 4, "groups": 2, "diversity": 0.5},
    {"n_best": 3, "sampling": Sampling()},
]


@pytest.mark.parametrize("search", SEARCHES)
def test_outputs_begin_with_their_prefix_and_its_probability_counts(search: dict[str, Any]) -> None:
    model = ToyModel(9, seed=3, spread=1.0)
    sources, prefixes = [[4, 5], [6], [7, 7, 8], [4]], [[8, 4, 4], [], [5], [1, 8, 8, 8, 6]]
    how = Decoding(max_ratio=0.0, max_extra=9, alpha=0.7, **search)
    found = decode(model, sources, how, SPECIAL, prefixes=prefixes)
    for source, prefix, best in zip(sources, prefixes, found, strict=True):
        for h in best:
            assert list(h.ids[: len(prefix)]) == prefix
            tokens = [*h.ids, END] if h.ended else list(h.ids)
            gains = [model.next_log_probabilities(source, tokens[:i])[token] for i, token in enumerate(tokens)]
            assert h.token_log_probabilities == pytest.approx(gains, abs=1e-5)
            assert h.score == pytest.approx(sum(gains) / len(tokens) ** 0.7, abs=1e-4)


def test_equally_long_prefixes_are_read_in_one_step() -> None:
    model = ToyModel(9)
    decode(model, [[4], [5, 6]], Decoding(), SPECIAL, prefixes=[[4, 5, 6], [7, 7, 7]])
    assert model.new[:2] == [4, 1], "the start token and three others"
    assert model.sizes[0] == (2, 1)


def test_what_all_prefixes_have_is_read_at_once_and_the_rest_with_the_search() -> None:
    model = ToyModel(9)
    decode(model, [[4], [5, 6]], Decoding(), SPECIAL, prefixes=[[4, 5, 6, 6], [7, 7]])
    assert model.new[:2] == [3, 1]


@pytest.mark.parametrize("length", [15, 16, 40])
@pytest.mark.parametrize("search", SEARCHES)
def test_long_prefixes_are_read_in_pieces(search: dict[str, Any], length: int) -> None:
    """Beside a source without a prefix the same one is forced token by token."""
    prefix = [4 + i % 5 for i in range(length)]
    how = Decoding(max_length=60, max_extra=60, **search)
    model = ToyModel(9, seed=1)
    (alone,) = decode(model, [[4, 5]], how, SPECIAL, prefixes=[prefix])
    assert sum(model.new[: len(model.new) - model.new.count(1)]) >= length
    together = decode(ToyModel(9, seed=1), [[4, 5], [6]], how, SPECIAL, prefixes=[prefix, []])
    assert [h.ids for h in together[0]] == [h.ids for h in alone]
    assert [h.score for h in together[0]] == pytest.approx([h.score for h in alone], rel=1e-5)


def test_a_part_of_the_best_output_as_its_prefix_changes_nothing() -> None:
    sources = [[4, 5, 6], [7], [8, 8]]
    how = Decoding(beam=1, max_extra=12, max_ratio=0.0)
    free = [best[0] for best in decode(ToyModel(9, 5, 1.0), sources, how, SPECIAL)]
    prefixes = [h.ids[: len(h.ids) // 2] for h in free]
    forced = [best[0] for best in decode(ToyModel(9, 5, 1.0), sources, how, SPECIAL, prefixes=prefixes)]
    assert [h.ids for h in forced] == [h.ids for h in free]
    assert [h.score for h in forced] == pytest.approx([h.score for h in free], rel=1e-5)


def test_samples_after_a_prefix_come_as_often_as_their_probabilities_say() -> None:
    """Pearson's statistic over the outputs of a prefix and at most two tokens, within five standard deviations."""
    model, source, prefix, count = ToyModel(7, seed=3), [4, 5], [6, 4], 3000
    how = Decoding(max_length=4, n_best=count, sampling=Sampling(seed=5), batch_tokens=10**6)
    (found,) = decode(model, [source], how, SPECIAL, prefixes=[prefix])

    def chances(ids: list[int]) -> dict[int, float]:
        logs = model.next_log_probabilities(source, ids)
        allowed = {token: math.exp(logs[token]) for token in range(7) if token not in SPECIAL.banned}
        return {token: p / sum(allowed.values()) for token, p in allowed.items()}

    expected: dict[tuple[int, ...], float] = {}
    for first, p in chances(prefix).items():
        if first == END:
            expected[tuple(prefix)] = p
        else:
            for last, q in chances([*prefix, first]).items():
                expected[(*prefix, first, *([] if last == END else [last]))] = p * q
    drawn = Counter(h.ids for h in found)
    assert drawn.keys() <= expected.keys()
    usual = {ids: count * p for ids, p in expected.items() if count * p >= 5}
    statistic = sum((drawn[ids] - n) ** 2 / n for ids, n in usual.items())
    assert statistic < len(usual) + 5 * math.sqrt(2 * len(usual))


@pytest.mark.parametrize("search", SEARCHES)
def test_rules_do_not_touch_the_prefix_but_count_it(search: dict[str, Any]) -> None:
    how = Decoding(max_length=12, no_repeat_ngram=1, min_length=9, repetition_penalty=2.0, **search)
    sources, prefixes = [[4], [5, 6]], [[4, 4, 4, 5], [8, 8]]
    found = decode(ToyModel(11, 2), sources, how, SPECIAL, prefixes=prefixes)
    for prefix, best in zip(prefixes, found, strict=True):
        for h in best:
            free = h.ids[len(prefix) :]
            assert list(h.ids[: len(prefix)]) == prefix
            assert len(set(free)) == len(free) and not set(free) & set(prefix)


def decoded(prefixes: list[list[int]], **limits: Any) -> list[list[Hypothesis]]:
    how = Decoding(**{"max_extra": 6, "max_ratio": 0.0} | limits)
    return decode(ToyModel(9), [[4], [5, 6], [7]], how, SPECIAL, prefixes=prefixes)


def test_refusals() -> None:
    room = r"source 1 .*has a prefix of 6 tokens, but its output may have at most 6.*shorten the prefix, or raise"
    with pytest.raises(ValueError, match=room):
        decoded([[4], [4] * 6, []])
    decoded([[4], [4] * 5, []])
    with pytest.raises(ValueError, match="prefix of 9 tokens, but its output may have at most 8"):
        decoded([[], [4] * 9, []], max_length=8, max_extra=50)
    for token in (PAD, START, END, -3):
        with pytest.raises(ValueError, match=f"prefix of source 2 .* holds id {token}, which is no text"):
            decoded([[], [], [4, token]])
    with pytest.raises(ValueError, match="expected one prefix for each of 3 sources, found 2"):
        decoded([[], []])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_bad_logits_within_a_prefix_stop_with_the_reason(bad: float) -> None:
    model = ToyModel(8)
    model.table[:, 5] = bad
    with pytest.raises(ValueError, match="NaN or infinite"):
        decode(model, [[4]], Decoding(), SPECIAL, prefixes=[[4, 6, 7]])


@pytest.mark.parametrize("beam", [1, 3])
def test_a_prefix_that_the_model_holds_impossible(beam: int) -> None:
    model = ToyModel(8)
    model.table[:, 5] = -torch.inf
    with pytest.raises(ValueError, match="every permitted output of source 0 probability zero"):
        decode(model, [[4]], Decoding(beam=beam), SPECIAL, prefixes=[[4, 5]])


def test_no_prefixes_are_empty_prefixes() -> None:
    how = Decoding(beam=2, n_best=2)
    free = decode(ToyModel(9), [[4], [5, 6]], how, SPECIAL)
    assert decode(ToyModel(9), [[4], [5, 6]], how, SPECIAL, prefixes=[[], []]) == free
    assert decode(ToyModel(9), [], how, SPECIAL, prefixes=[]) == []
    assert replace(how, beam=1, n_best=1) == how.greedy()

"""Diverse beam search: its definition in plain Python, and what the groups promise."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plain_search import diverse_groups
from toy_models import SPECIAL, AttendingToy, ToyModel, search
from transduce.decoding.config import Decoding
from transduce.decoding.hypothesis import Hypothesis
from transduce.decoding.strategies.diverse import fairly


def hypothesis(*ids: int, score: float) -> Hypothesis:
    return Hypothesis(ids, score, score, True, (score,))


def test_the_best_of_each_group_come_before_the_second_of_any() -> None:
    one = [hypothesis(1, score=-1.0), hypothesis(2, score=-1.5), hypothesis(3, score=-2.0)]
    two = [hypothesis(1, score=-1.0), hypothesis(4, score=-9.0)]
    three = [hypothesis(5, score=-5.0)]
    assert [h.ids for h in fairly([one, two, three], 2)] == [(1,), (5,)]
    assert [h.ids for h in fairly([one, two, three], 3)] == [(1,), (2,), (5,)]
    assert [h.ids for h in fairly([one, two, three], 9)] == [(1,), (2,), (3,), (5,), (4,)]


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    shape=st.sampled_from([(2, 1), (2, 2), (3, 1), (3, 2), (2, 3)]),
    diversity=st.sampled_from([0.1, 0.5, 2.0, 20.0]),
    rules=st.sampled_from(
        [{}, {"no_repeat_ngram": 2, "min_length": 3}, {"repetition_penalty": 1.5}, {"coverage_penalty": 0.5}]
    ),
    prompt=st.lists(st.sampled_from([4, 5, 6]), max_size=2),
)
def test_it_does_what_its_definition_says(
    seed: int, shape: tuple[int, int], diversity: float, rules: dict[str, Any], prompt: list[int]
) -> None:
    groups, width = shape
    model, source, beam = AttendingToy(8, seed, spread=1.5), [4, 5, 7], groups * width
    how = Decoding(beam, 0.8, beam, max_length=7, groups=groups, diversity=diversity, **rules)
    expected = fairly(diverse_groups(model, source, how, prompt), beam)
    (result,) = search(model, [source], how, prompts=[prompt])
    assert [(h.ids, h.ended) for h in result] == [(h.ids, h.ended) for h in expected]
    assert [h.score for h in result] == pytest.approx([h.score for h in expected], abs=1e-4)
    assert [h.log_probability for h in result] == pytest.approx([h.log_probability for h in expected], abs=1e-4)


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), width=st.integers(2, 3))
def test_the_first_group_is_a_beam_search_of_its_width(seed: int, width: int) -> None:
    sources = [[4, 5, 6], [7], [8, 8, 4, 4]]
    how = Decoding(2 * width, n_best=2 * width, max_ratio=0.0, max_extra=10, groups=2, diversity=1.0)
    result = search(ToyModel(9, seed), sources, how)
    narrow = search(ToyModel(9, seed), sources, Decoding(width, n_best=width, max_ratio=0.0, max_extra=10))
    for best, first in zip(result, narrow, strict=True):
        assert {h.ids for h in first} <= {h.ids for h in best}


def test_groups_differ_where_one_beam_says_the_same_in_many_ways() -> None:
    """With a high price no two groups share a token at any place, as long as they go on: at the limit all end."""
    how = Decoding(4, n_best=4, max_ratio=0.0, max_extra=6, groups=4, diversity=1000.0)
    model = ToyModel(12, seed=4)
    model.table[:, SPECIAL.end] = -30.0
    for best in search(model, [[4, 5], [6], [7, 8, 9]], how):
        assert len(best) == 4
        for place in range(5):
            assert len({h.ids[place] for h in best}) == 4


def test_scores_leave_the_price_out() -> None:
    how = Decoding(4, n_best=4, alpha=0.5, max_ratio=0.0, max_extra=6, groups=2, diversity=3.0)
    for best in search(ToyModel(9, 1), [[4], [5, 6]], how):
        assert [h.score for h in best] == sorted((h.score for h in best), reverse=True)
        assert len({(h.ids, h.ended) for h in best}) == len(best)
        for h in best:
            length = len(h.token_log_probabilities)
            assert h.score == pytest.approx(h.log_probability / length**0.5, rel=1e-5)


@settings(max_examples=10)
@given(
    seed=st.integers(0, 10**6),
    strategy=st.sampled_from(
        [
            (4, {"groups": 4, "diversity": 0.01}),
            (4, {"groups": 2, "diversity": 0.01}),
            (6, {"groups": 3, "diversity": 0.3}),
            (4, {}),
        ]
    ),
    prompt=st.lists(st.sampled_from([4, 5]), max_size=2),
)
def test_there_are_n_best_different_outputs(seed: int, strategy: tuple[int, dict[str, Any]], prompt: list[int]) -> None:
    """Groups that hardly differ would otherwise finish the same outputs. In the batch, sentences have different limits."""
    beam, groups = strategy
    how = Decoding(beam, n_best=beam, max_ratio=1.0, max_extra=3, **groups)
    sources = [[4, 5, 4], [6], [7, 8, 8, 8, 8, 8], [5]]
    for best in search(ToyModel(9, seed, spread=3.0), sources, how, [prompt] * 4):
        assert len({(h.ids, h.ended) for h in best}) == beam


def test_where_fewer_outputs_exist_there_are_all_of_them() -> None:
    """Three tokens, of which one ends an output, and one place."""
    how = Decoding(6, n_best=6, max_ratio=0.0, max_extra=1, groups=3, diversity=0.5)
    for best in search(ToyModel(6, 1), [[4], [5, 5]], how):
        assert sorted(h.ids for h in best) == [(), (1,), (4,), (5,)]

"""Every setting together, in every search, does what its definition in plain Python does."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plain_search import every_hypothesis, greedy
from toy_models import SPECIAL, AttendingToy
from transduce.decoding.config import Decoding
from transduce.decoding.engine import decode
from transduce.decoding.hypothesis import Hypothesis
from transduce.decoding.strategies.sampling import Sampling

LIMIT = 4
RULES = st.fixed_dictionaries(
    {
        "alpha": st.sampled_from([0.0, 0.6, 1.0]),
        "min_length": st.integers(0, LIMIT),
        "no_repeat_ngram": st.integers(0, 3),
        "repetition_penalty": st.sampled_from([1.0, 1.3, 3.0]),
        "coverage_penalty": st.sampled_from([0.0, 0.2, 2.0]),
    }
)
PREFIX = st.lists(st.sampled_from([1, 4, 5]), max_size=LIMIT - 1)
WORDS = st.lists(st.integers(3, 5), min_size=1, max_size=6)


def assert_same(found: list[Hypothesis], expected: list[Hypothesis]) -> None:
    assert [(h.ids, h.ended) for h in found] == [(h.ids, h.ended) for h in expected]
    assert [h.score for h in found] == pytest.approx([h.score for h in expected], abs=1e-4)
    for one, other in zip(found, expected, strict=True):
        assert one.token_log_probabilities == pytest.approx(other.token_log_probabilities, abs=1e-5)
        assert one.log_probability == pytest.approx(sum(one.token_log_probabilities), abs=1e-5)
        assert len(one.token_log_probabilities) == len(one.ids) + one.ended


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), source=WORDS, rules=RULES, prefix=PREFIX, n_best=st.integers(1, 40))
def test_a_wide_beam_finds_what_enumeration_finds(
    seed: int, source: list[int], rules: dict[str, Any], prefix: list[int], n_best: int
) -> None:
    model = AttendingToy(6, seed)
    # 4 permitted tokens and 4 places: at most 27 outputs are open at once, of whose continuations 108 end
    how = Decoding(beam=108, n_best=n_best, max_length=LIMIT, **rules)
    expected = every_hypothesis(model, source, how, prefix)[:n_best]
    (found,) = decode(model, [source], how, SPECIAL, prefixes=[prefix])
    assert_same(found, expected)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), source=WORDS, rules=RULES, prefix=PREFIX)
def test_greedy_takes_the_best_permitted_token(
    seed: int, source: list[int], rules: dict[str, Any], prefix: list[int]
) -> None:
    model = AttendingToy(9, seed, spread=1.5)
    how = Decoding(beam=1, max_length=12, **rules | {"min_length": 2 * rules["min_length"]})
    (found,) = decode(model, [source], how, SPECIAL, prefixes=[prefix])
    assert_same(found, [greedy(model, source, how, prefix)])
    likely = replace(how, sampling=Sampling(top_k=1))
    assert decode(model, [source], likely, SPECIAL, prefixes=[prefix]) == [found]


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    each=st.lists(st.tuples(WORDS, PREFIX), min_size=1, max_size=8),
    rules=RULES,
    search=st.sampled_from(
        [
            {"beam": 1},
            {"beam": 4, "n_best": 3},
            {"beam": 4, "n_best": 4, "groups": 2, "diversity": 0.7},
            {"n_best": 2, "sampling": Sampling(temperature=1.5, top_p=0.9, seed=3)},
        ]
    ),
    data=st.data(),
)
def test_no_setting_lets_neighbours_matter(
    seed: int,
    each: list[tuple[list[int], list[int]]],
    rules: dict[str, Any],
    search: dict[str, Any],
    data: st.DataObject,
) -> None:
    """Alone, all together, and cut into two calls of one stream."""
    model = AttendingToy(9, seed, spread=1.5)
    how = Decoding(max_length=10, max_ratio=0.5, max_extra=5, **rules, **search)
    sources, prefixes = [source for source, _ in each], [prefix for _, prefix in each]
    together = decode(model, sources, how, SPECIAL, prefixes=prefixes)
    for place, (source, prefix) in enumerate(each):
        (alone,) = decode(model, [source], how, SPECIAL, prefixes=[prefix], first_place=place)
        assert_same(together[place], alone)
    cut = data.draw(st.integers(0, len(each)))
    first = decode(model, sources[:cut], how, SPECIAL, prefixes=prefixes[:cut])
    second = decode(model, sources[cut:], how, SPECIAL, prefixes=prefixes[cut:], first_place=cut)
    assert [[h.ids for h in best] for best in first + second] == [[h.ids for h in best] for best in together]

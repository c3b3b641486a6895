"""Every setting together, in every search, does what its definition in plain Python does."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plain_search import every_hypothesis, greedy
from toy_models import AttendingToy, Source, ToyModel, search
from transduce.decoding.config import Decoding
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
PROMPT = st.lists(st.sampled_from([1, 4, 5]), max_size=6)
SOURCE = st.lists(st.integers(3, 5), min_size=1, max_size=6)
PAIRS = st.lists(st.tuples(SOURCE, PROMPT), min_size=1, max_size=6) | st.lists(
    st.tuples(st.none(), PROMPT), min_size=1, max_size=6
)
Pairs = list[tuple[Source, list[int]]]
Rules = dict[str, Any]


def assert_same(result: list[Hypothesis], expected: list[Hypothesis]) -> None:
    assert [(h.ids, h.ended) for h in result] == [(h.ids, h.ended) for h in expected]
    assert [h.score for h in result] == pytest.approx([h.score for h in expected], abs=1e-4)
    for one, other in zip(result, expected, strict=True):
        assert one.token_log_probabilities == pytest.approx(other.token_log_probabilities, abs=1e-5)
        assert one.log_probability == pytest.approx(sum(one.token_log_probabilities), abs=1e-5)
        assert len(one.token_log_probabilities) == len(one.ids) + one.ended


def model_of(vocabulary: int, seed: int, pairs: Pairs, rules: Rules, spread: float = 2.0) -> tuple[ToyModel, Rules]:
    """A model with or without inputs, as the sources are; one without has no coverage."""
    if pairs[0][0] is None:
        return ToyModel(vocabulary, seed, spread), rules | {"coverage_penalty": 0.0}
    return AttendingToy(vocabulary, seed, spread), rules


def search_pairs(model: ToyModel, pairs: Pairs, how: Decoding) -> list[list[Hypothesis]]:
    return search(model, [source for source, _ in pairs], how, [prompt for _, prompt in pairs])


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), pairs=PAIRS, rules=RULES, n_best=st.integers(1, 40))
def test_a_wide_beam_finds_what_enumeration_finds(seed: int, pairs: Pairs, rules: Rules, n_best: int) -> None:
    """Inputs and prompts of different lengths in one batch, or prompts alone."""
    model, rules = model_of(6, seed, pairs, rules)
    # 4 permitted tokens and 4 places: at most 27 outputs are open at once, of whose continuations 108 end
    how = Decoding(beam=108, n_best=n_best, max_length=LIMIT, batch_tokens=10**6, **rules)
    outputs = search_pairs(model, pairs, how)
    for (source, prompt), best in zip(pairs, outputs, strict=True):
        assert_same(best, every_hypothesis(model, source, how, prompt)[:n_best])


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), pairs=PAIRS, rules=RULES)
def test_greedy_takes_the_best_permitted_token(seed: int, pairs: Pairs, rules: Rules) -> None:
    model, rules = model_of(9, seed, pairs, rules, spread=1.5)
    how = Decoding(beam=1, max_length=12, **rules | {"min_length": 2 * rules["min_length"]})
    outputs = search_pairs(model, pairs, how)
    for (source, prompt), best in zip(pairs, outputs, strict=True):
        assert_same(best, [greedy(model, source, how, prompt)])
    likely = replace(how, sampling=Sampling(top_k=1))
    assert search_pairs(model, pairs, likely) == outputs


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    pairs=PAIRS,
    rules=RULES,
    strategy=st.sampled_from(
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
    seed: int, pairs: Pairs, rules: Rules, strategy: Rules, data: st.DataObject
) -> None:
    """Alone, all together, and cut into two calls of one stream."""
    model, rules = model_of(9, seed, pairs, rules, spread=1.5)
    how = Decoding(max_length=10, max_ratio=0.5, max_extra=5, **rules, **strategy)
    sources, prompts = [source for source, _ in pairs], [prompt for _, prompt in pairs]
    together = search(model, sources, how, prompts)
    for place, (source, prompt) in enumerate(pairs):
        (alone,) = search(model, [source], how, [prompt], first_place=place)
        assert_same(together[place], alone)
    cut = data.draw(st.integers(0, len(pairs)))
    first = search(model, sources[:cut], how, prompts[:cut])
    second = search(model, sources[cut:], how, prompts[cut:], first_place=cut)
    assert [[h.ids for h in best] for best in first + second] == [[h.ids for h in best] for best in together]

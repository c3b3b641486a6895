"""Beam search finds what enumeration finds, and keeps its promises on limits, ties and order."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plain_search import every_hypothesis
from toy_models import END, PAD, SPECIAL, START, ToyModel, requests, search
from transduce.decoding.config import Decoding
from transduce.decoding.engine import RunningBatch
from transduce.decoding.strategies import beam

ALPHAS = st.sampled_from([0.0, 0.3, 0.6, 1.0, 1.7])
# 4 permitted tokens (<unk>, end, two words) and 4 places: at most 27 prefixes are open at once, 36 candidates end
WIDE = Decoding(beam=40, n_best=40, max_ratio=0.0, max_extra=4)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), alpha=ALPHAS, n_best=st.integers(1, 40), length=st.integers(1, 5))
def test_a_wide_beam_finds_the_same_n_best_as_enumeration(seed: int, alpha: float, n_best: int, length: int) -> None:
    model = ToyModel(6, seed)
    source = [3 + (seed + i) % 3 for i in range(length)]
    how = replace(WIDE, alpha=alpha, n_best=n_best)
    expected = every_hypothesis(model, source, how)[:n_best]
    (found,) = search(model, [source], how)
    assert [h.score for h in found] == pytest.approx([h.score for h in expected], abs=1e-5)
    assert [h.log_probability for h in found] == pytest.approx([h.log_probability for h in expected], abs=1e-5)
    assert [(h.ids, h.ended) for h in found] == [(h.ids, h.ended) for h in expected]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), alpha=ALPHAS, beam=st.integers(2, 6), data=st.data())
def test_fewer_outputs_are_the_first_of_more(seed: int, alpha: float, beam: int, data: st.DataObject) -> None:
    """Stopping by the n-th best loses nothing against stopping by the beam's worst."""
    n_best = data.draw(st.integers(1, beam - 1))
    model = ToyModel(9, seed)
    how = Decoding(beam=beam, alpha=alpha, n_best=beam, max_ratio=0.0, max_extra=12)
    sources = [[4, 5, 6], [7], [8, 8, 4, 4]]
    every = search(model, sources, how)
    some = search(model, sources, replace(how, n_best=n_best))
    assert some == [found[:n_best] for found in every]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), beam=st.integers(2, 5), alpha=ALPHAS)
def test_hypotheses_are_sorted_distinct_and_scored_by_the_rule(seed: int, beam: int, alpha: float) -> None:
    model = ToyModel(12, seed, spread=1.0)
    how = Decoding(beam=beam, alpha=alpha, n_best=beam, max_ratio=0.0, max_extra=10)
    source = [5, 6, 7]
    (found,) = search(model, [source], how)
    assert len(found) == beam == len({h.ids for h in found})
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    for h in found:
        tokens = [*h.ids, END] if h.ended else list(h.ids)
        assert h.ended or len(h.ids) == 10
        assert not {PAD, START, END} & set(h.ids)
        total = sum(model.next_log_probabilities(source, tokens[:i])[token] for i, token in enumerate(tokens))
        assert h.log_probability == pytest.approx(total, abs=1e-4)
        assert h.score == pytest.approx(total / len(tokens) ** alpha, abs=1e-4)


def test_a_greedy_choice_that_misleads() -> None:
    """To check by hand, with two beams. Second step: (b, end) .4, (a, a) .21, (a, b) .21, (a, end) .18.

    Only the two best of these may finish, so (a, end) does not. Third step: (a, a, end) .105.
    """
    model = ToyModel(6)
    a, b = 4, 5
    chances = {(): {a: 0.6, b: 0.4}, (a,): {END: 0.3, a: 0.35, b: 0.35}, (b,): {END: 1.0}}
    source = [4]
    rest = {END: 0.5, a: 0.25, b: 0.25}
    model.table.fill_(-1e4)
    for prefix in [(), (a,), (b,), (a, a), (a, b)]:
        for token, chance in chances.get(prefix, rest).items():
            model.table[model.row(source, prefix), token] = torch.tensor(chance).log()
    how = Decoding(beam=2, n_best=2, alpha=0.0, max_ratio=0.0, max_extra=5)
    (found,) = search(model, [source], how)
    assert [h.ids for h in found] == [(b,), (a, a)]
    assert [h.log_probability for h in found] == pytest.approx([torch.tensor(p).log().item() for p in (0.4, 0.105)])
    (greedy,) = search(model, [source], replace(how, beam=1, n_best=1))
    assert greedy[0].ids[0] == a


def test_equal_logits_are_broken_by_token_id() -> None:
    """All tokens alike: the outputs are the lowest ids, in every type and whatever the vocabulary."""
    for vocabulary in (7, 300, 5000):
        model = ToyModel(vocabulary, spread=0.0, dtype=torch.bfloat16)
        how = Decoding(beam=3, n_best=3, alpha=0.0, max_ratio=0.0, max_extra=1)
        (found,) = search(model, [[4]], how)
        # candidates 1, 3 (end), 4 in this order; all end at the limit of one token
        assert [(h.ids, h.ended) for h in found] == [((1,), False), ((), True), ((4,), False)]


def test_bfloat16_logits_are_summed_in_float32() -> None:
    model = ToyModel(11, seed=3, dtype=torch.bfloat16)
    how = Decoding(beam=4, n_best=4, max_ratio=0.0, max_extra=30)
    (found,) = search(model, [[4, 5]], how)
    for h in found:
        tokens = [*h.ids, END] if h.ended else list(h.ids)
        total = sum(model.next_log_probabilities([4, 5], tokens[:i])[token] for i, token in enumerate(tokens))
        assert h.log_probability == pytest.approx(total, abs=1e-4)


def test_search_stops_long_before_the_limit_when_nothing_can_be_gained() -> None:
    model = ToyModel(8, seed=1)
    model.table[:, END] += 12.0  # the model ends at once, almost surely
    search(model, [[4]] * 3, Decoding(beam=3, max_length=200, max_extra=200))
    assert len(model.sizes) < 10


def test_finished_sentences_leave_the_batch() -> None:
    model = ToyModel(8, seed=2, spread=3.0)
    sources = [[4 + i % 4, 4 + i // 4 % 4, 4 + i // 16] for i in range(40)]
    how = Decoding(beam=3, max_ratio=0.0, max_extra=40)
    search(model, sources, how)
    sentences = [size for size, _ in model.sizes]
    assert sentences[0] == 40
    assert sentences == sorted(sentences, reverse=True)
    assert len(set(sentences)) > 3
    assert model.sizes[0][1] == 1, "the first step has one beam to expand"


def test_fewer_hypotheses_than_asked_where_the_model_allows_no_more() -> None:
    model = ToyModel(5)
    model.table.fill_(-torch.inf)
    model.table[:, END] = 0.0
    (found,) = search(model, [[4]], Decoding(beam=4, n_best=4))
    assert [(h.ids, h.score, h.ended) for h in found] == [((), 0.0, True)]


def test_a_search_serves_one_beam_too() -> None:
    """With alpha 0 a later end can never win, so one beam of beam search is greedy search itself."""
    sources = [[4, 5, 6], [7, 7, 7], [5, 4, 7]]
    for seed in range(20):
        how = Decoding(beam=1, alpha=0.0, max_ratio=0.0, max_extra=15)
        model = ToyModel(8, seed, spread=1.0)
        batch = RunningBatch.start(model, dict(enumerate(requests(sources, how))), how, SPECIAL, "cpu")
        batch, found = replace(batch, search=beam.begin(batch.search.partial, how, END)), {}
        while batch is not None:
            batch, outputs = batch.step((), SPECIAL)
            found |= outputs
        assert found == dict(enumerate(search(model, sources, how)))

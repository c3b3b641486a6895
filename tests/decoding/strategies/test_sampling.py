"""Draws come as often as their probabilities say, cuts leave what they promise, and batches change nothing."""

import math
from collections import Counter
from dataclasses import replace
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toy_models import END, PAD, SPECIAL, START, ToyModel, search
from transduce.decoding.config import Decoding
from transduce.decoding.protocol import Padded
from transduce.decoding.strategies.sampling import Sampling, tokens_at

V = 7
LOGS = torch.tensor([[0.5, 0.25, 0.125, 0.0625, 0.0625]]).log()


def probabilities(**settings):
    return Sampling(**settings).probabilities(LOGS)[0].tolist()


def test_cuts_by_hand():
    assert probabilities() == pytest.approx([0.5, 0.25, 0.125, 0.0625, 0.0625])
    assert probabilities(top_k=2) == pytest.approx([2 / 3, 1 / 3, 0, 0, 0])
    assert probabilities(top_k=4) == pytest.approx([8 / 15, 4 / 15, 2 / 15, 1 / 15, 0])  # of two equal ones the first
    assert probabilities(top_p=0.9) == pytest.approx([8 / 15, 4 / 15, 2 / 15, 1 / 15, 0])
    assert probabilities(top_p=0.7) == pytest.approx([2 / 3, 1 / 3, 0, 0, 0])
    assert probabilities(top_p=0.3) == pytest.approx([1, 0, 0, 0, 0])
    assert probabilities(min_p=0.25) == pytest.approx([4 / 7, 2 / 7, 1 / 7, 0, 0])
    assert probabilities(temperature=0.5) == pytest.approx(
        [p * p / 0.3359375 for p in (0.5, 0.25, 0.125, 0.0625, 0.0625)]
    )
    assert probabilities(top_k=1, temperature=3.0) == pytest.approx([1, 0, 0, 0, 0])
    assert probabilities(temperature=1e-39) == [1, 0, 0, 0, 0]


@given(
    st.lists(st.floats(-20, 5), min_size=2, max_size=9),
    st.floats(0.1, 3),
    st.integers(0, 10),
    st.floats(0.01, 1),
    st.floats(0, 1),
    st.floats(0, 1, exclude_max=True),
)
def test_whatever_the_cuts_the_best_stays_and_zeros_are_never_drawn(logits, temperature, top_k, top_p, min_p, uniform):
    log_probs = torch.tensor([logits]).log_softmax(-1)
    cut = Sampling(temperature, top_k, top_p, min_p).probabilities(log_probs)
    assert cut.sum().item() == pytest.approx(1, abs=1e-4)
    assert cut[0, log_probs.argmax()] > 0
    assert cut[0, tokens_at(cut, torch.tensor([uniform], dtype=torch.float64))] > 0


def exact(model: ToyModel, source: list[int], limit: int) -> dict[tuple[int, ...], float]:
    """The probability of every output of at most `limit` tokens, each by one step over all its tokens."""
    allowed = [token for token in range(V) if token not in SPECIAL.banned]
    result = {}
    for length in range(1, limit + 1):
        for tokens in product(allowed, repeat=length):
            if END in tokens[:-1] or (tokens[-1] != END and length < limit):
                continue
            state = model.start(Padded.of([source], PAD), Padded.of([[START]], PAD))
            logs = model.step(torch.tensor([[[START, *tokens[:-1]]]]), state)[0][0, 0].log_softmax(-1)
            logs[:, list(SPECIAL.banned)] = -torch.inf
            logs = logs.log_softmax(-1)
            total = sum(logs[position, token].item() for position, token in enumerate(tokens))
            result[tokens[:-1] if tokens[-1] == END else tokens] = math.exp(total)
    return result


def test_frequencies_match_probabilities():
    """Pearson's statistic over all outputs of at most three tokens stays within five of its standard deviations."""
    model, source, count = ToyModel(V, seed=3), [4, 5], 4000
    settings = Decoding(beam=1, max_length=3, n_best=count, sampling=Sampling(seed=11), batch_tokens=10**6)
    drawn_outputs = Counter(output.ids for output in search(model, [source], settings)[0])
    expected = {ids: count * p for ids, p in exact(model, source, 3).items()}
    assert sum(expected.values()) == pytest.approx(count, rel=1e-3)
    usual = {ids: n for ids, n in expected.items() if n >= 5}
    rare = count - sum(usual.values())
    statistic = sum((drawn_outputs[ids] - n) ** 2 / n for ids, n in usual.items())
    statistic += (sum(n for ids, n in drawn_outputs.items() if ids not in usual) - rare) ** 2 / max(rare, 1)
    assert statistic < len(usual) + 5 * math.sqrt(2 * len(usual))


def test_draws_depend_on_seed_and_place_only():
    model, sources = ToyModel(V, seed=1), [[4], [5, 6, 4], [6, 6], [4]]
    settings = Decoding(beam=1, max_length=9, n_best=3, sampling=Sampling(seed=2))
    together = search(model, sources, settings)
    apart = search(model, sources, replace(settings, batch_tokens=1))
    assert together == apart
    assert search(model, sources, replace(settings, sampling=Sampling(seed=3))) != together


def test_top_k_of_one_is_greedy_search():
    model, sources = ToyModel(V, seed=5), [[4, 5], [6]]
    sampled = search(model, sources, Decoding(max_length=12, sampling=Sampling(top_k=1)))
    assert sampled == search(model, sources, Decoding(beam=1, max_length=12))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, "temperature must be above 0, found 0.0; for the best token use beam 1"),
        ({"top_k": -1}, "top-k must be at least 0"),
        ({"top_p": 0.0}, "top-p must be above 0 and at most 1"),
        ({"min_p": 1.5}, "min-p must be 0 to 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"temperature": float("inf")}, "temperature must be above 0 and at most 1,000,000"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Sampling(**settings)


def test_fewer_draws_are_the_first_of_more_and_another_place_draws_otherwise():
    model, sources = ToyModel(V, seed=1), [[4], [5, 6, 4]]
    settings = Decoding(max_length=9, n_best=8, sampling=Sampling(seed=2))
    many = search(model, sources, settings)
    few = search(model, sources, replace(settings, n_best=3))
    for most, some in zip(many, few, strict=True):
        assert {h.ids for h in some} <= {h.ids for h in most}
    assert search(model, sources[1:], settings, first_place=1) == many[1:]
    assert search(model, sources[1:], settings) != many[1:]

"""Outputs continue their prompts: prompts are read at once, and length, score and probability are the output's alone."""

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch

from plain_search import every_hypothesis
from toy_models import END, SPECIAL, ToyModel, search
from transduce.decoding.config import Decoding
from transduce.decoding.engine import decode_all
from transduce.decoding.ensemble import Ensemble
from transduce.decoding.requests import Request
from transduce.decoding.strategies.sampling import Sampling

SEARCHES = [
    {"beam": 1},
    {"beam": 3, "n_best": 3},
    {"beam": 4, "n_best": 4, "groups": 2, "diversity": 0.5},
    {"n_best": 3, "sampling": Sampling()},
]
SOURCES, PROMPTS = [[4, 5], [6], [7, 7, 8], [4]], [[8, 4, 4], [], [5], [1, 8, 8, 8, 6]]


@pytest.mark.parametrize("sources", [SOURCES, [None] * 4])
@pytest.mark.parametrize("strategy", SEARCHES)
def test_length_score_and_probability_are_those_of_the_output(sources: list[Any], strategy: dict[str, Any]) -> None:
    model = ToyModel(9, seed=3, spread=1.0)
    how = Decoding(max_ratio=0.0, max_extra=9, max_length=9, alpha=0.7, **strategy)
    for source, prompt, best in zip(sources, PROMPTS, search(model, sources, how, PROMPTS), strict=True):
        for h in best:
            tokens = [*h.ids, END] if h.ended else list(h.ids)
            assert len(tokens) <= 9 and (h.ended or len(tokens) == 9)
            log_probs = [
                model.next_log_probabilities(source, [*prompt, *tokens[:i]])[token] for i, token in enumerate(tokens)
            ]
            assert h.token_log_probabilities == pytest.approx(log_probs, abs=1e-5)
            assert h.score == pytest.approx(sum(log_probs) / len(tokens) ** 0.7, abs=1e-4)


@pytest.mark.parametrize("strategy", SEARCHES)
def test_a_prompt_is_read_once_whatever_follows_it(strategy: dict[str, Any]) -> None:
    model = ToyModel(9)
    search(model, SOURCES, Decoding(**strategy), PROMPTS)
    assert model.starts == [(4, 6)], "the longest prompt and the start token"
    draws = strategy["n_best"] if "sampling" in strategy else 1
    assert model.sizes[0] == (4 * draws, strategy.get("groups", 1))


def test_an_improbable_prompt_does_not_lengthen_its_output() -> None:
    """Scored with its prompt, whose log-probability is -20, an output gains from every token that dilutes it.

    After the prompt 4: the end has probability 0.9, the token 5 has 0.1 and is followed by 5 again with 0.8. Counting
    the prompt, five times 5 would win: (-20 - 2.3 - 4 * 0.22) / 6 = -3.9 against (-20 - 0.1) / 2 = -10.1.
    """
    model = ToyModel(6)
    model.table.fill_(-1e4)
    for length in range(8):
        token, probability = (END, 0.9) if length == 0 else (5, 0.8)
        row = model.row(None, [4] + [5] * length)
        model.table[row, token] = math.log(probability)
        model.table[row, 5 if token == END else END] = math.log(1 - probability)
    model.table[model.row(None, []), [4, 5]] = torch.tensor([-20.0, 0.0])
    how = Decoding(beam=4, n_best=4, alpha=1.0, max_length=6)
    (best,) = search(model, [None], how, [[4]])
    assert (best[0].ids, best[0].ended) == ((), True)
    assert best[0].score == pytest.approx(math.log(0.9), abs=1e-5)
    assert [h.ids for h in best] == [h.ids for h in every_hypothesis(model, None, how, [4])[:4]]


@pytest.mark.parametrize("sources", [[[4, 5, 6], [7], [8, 8]], [None] * 3])
def test_a_part_of_the_best_output_as_its_prompt_changes_nothing(sources: list[Any]) -> None:
    model, how = ToyModel(9, 5, 1.0), Decoding(beam=1)
    free = [best[0] for best in decode_all(model, [Request(source, (), 12, 0) for source in sources], how, SPECIAL)]
    halves = [len(h.ids) // 2 for h in free]
    assert max(halves) > 1
    requests = [
        Request(source, h.ids[:half], 12 - half, 0) for source, h, half in zip(sources, free, halves, strict=True)
    ]
    forced = [best[0] for best in decode_all(model, requests, how, SPECIAL)]
    assert [h.ids for h in forced] == [h.ids[half:] for h, half in zip(free, halves, strict=True)]
    for one, other, half in zip(forced, free, halves, strict=True):
        assert one.token_log_probabilities == pytest.approx(other.token_log_probabilities[half:], rel=1e-5)


@pytest.mark.parametrize("strategy", SEARCHES)
def test_an_ensemble_of_models_without_inputs(strategy: dict[str, Any]) -> None:
    """The mean of two equal models is the model; with another the probabilities are the mean of theirs."""
    how = Decoding(max_length=9, **strategy)
    one = search(ToyModel(9, 7), [None] * 4, how, PROMPTS)
    two = search(Ensemble([ToyModel(9, 7), ToyModel(9, 7)]), [None] * 4, how, PROMPTS)
    assert [[h.ids for h in best] for best in two] == [[h.ids for h in best] for best in one]
    models = [ToyModel(9, 7), ToyModel(9, 8)]
    for prompt, best in zip(PROMPTS, search(Ensemble(models), [None] * 4, how, PROMPTS), strict=True):
        for h in best:
            for i, log_prob in enumerate(h.token_log_probabilities):
                token = END if i == len(h.ids) else h.ids[i]
                each = [math.exp(m.next_log_probabilities(None, [*prompt, *h.ids[:i]])[token]) for m in models]
                assert math.exp(log_prob) == pytest.approx(sum(each) / 2, abs=1e-5)


class MeanOfToys(ToyModel):
    """The logarithm of the mean probability of toys, in plain arithmetic."""

    def __init__(self, models: list[ToyModel]) -> None:
        super().__init__(models[0].table.size(1))
        self.models = models

    def logits(self, source: Any, tokens: Any) -> torch.Tensor:
        return torch.stack([each.logits(source, tokens).softmax(-1) for each in self.models]).mean(0).log()


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.5])
@pytest.mark.parametrize("strategy", [{"beam": 60, "n_best": 9}, {"beam": 120, "groups": 2, "diversity": 0.1}])
def test_an_ensemble_ranks_continuations_over_their_own_length(alpha: float, strategy: dict[str, Any]) -> None:
    """As enumeration of all outputs of at most 4 tokens does, after prompts of different lengths."""
    models, prompts = [ToyModel(6, 3), ToyModel(6, 4)], [[4, 5, 4, 4, 5, 5], [], [5]]
    how = Decoding(alpha=alpha, max_length=4, **strategy)
    for prompt, best in zip(prompts, search(Ensemble(models), [None] * 3, how, prompts), strict=True):
        expected = every_hypothesis(MeanOfToys(models), None, how, prompt)[: how.n_best]
        assert [(h.ids, h.ended) for h in best] == [(h.ids, h.ended) for h in expected]
        assert [h.score for h in best] == pytest.approx([h.score for h in expected], abs=1e-4)


@pytest.mark.parametrize("source", [[4, 5], None])
def test_samples_after_a_prompt_come_as_often_as_their_probabilities_say(source: list[int] | None) -> None:
    """Pearson's statistic over the outputs of at most two tokens, within five standard deviations."""
    model, prompt, count = ToyModel(7, seed=3), [6, 4], 3000
    how = Decoding(n_best=count, sampling=Sampling(seed=5), batch_tokens=10**6)
    (outputs,) = decode_all(model, [Request(source, prompt, 2, 0)], how, SPECIAL)

    def probabilities(ids: list[int]) -> dict[int, float]:
        logs = model.next_log_probabilities(source, [*prompt, *ids])
        allowed = {token: math.exp(logs[token]) for token in range(7) if token not in SPECIAL.banned}
        return {token: p / sum(allowed.values()) for token, p in allowed.items()}

    expected: dict[tuple[int, ...], float] = {}
    for first, p in probabilities([]).items():
        if first == END:
            expected[()] = p
        else:
            for last, q in probabilities([first]).items():
                expected[(first,) if last == END else (first, last)] = p * q
    samples = Counter(h.ids for h in outputs)
    assert samples.keys() <= expected.keys()
    usual = {ids: count * p for ids, p in expected.items() if count * p >= 5}
    statistic = sum((samples[ids] - n) ** 2 / n for ids, n in usual.items())
    assert statistic < len(usual) + 5 * math.sqrt(2 * len(usual))


def test_draws_depend_on_the_place_and_not_on_the_neighbours() -> None:
    model, how = ToyModel(9, 1, 1.0), Decoding(max_length=9, n_best=4, sampling=Sampling(seed=2))
    together = search(model, [None] * 4, how, PROMPTS)
    assert search(model, [None] * 4, replace(how, batch_tokens=1), PROMPTS) == together
    assert search(model, [None] * 2, how, PROMPTS[2:], first_place=2) == together[2:]
    assert search(model, [None] * 2, how, PROMPTS[2:]) != together[2:]


@pytest.mark.parametrize("strategy", SEARCHES)
def test_no_token_of_the_prompt_is_repeated_and_the_minimum_counts_the_output(strategy: dict[str, Any]) -> None:
    how = Decoding(max_length=6, no_repeat_ngram=1, min_length=4, repetition_penalty=2.0, **strategy)
    prompts = [[4, 4, 4, 5], [8, 8]]
    for prompt, best in zip(prompts, search(ToyModel(16, 2), [[4], [5, 6]], how, prompts), strict=True):
        for h in best:
            assert len(h.token_log_probabilities) >= 4
            assert len(set(h.ids)) == len(h.ids) and not set(h.ids) & set(prompt)


def test_refusals() -> None:
    room = (
        r"request 1 \(counted from 0\) has a prompt of 6 tokens, which leaves .* found 0; shorten the prompt, or raise"
    )
    requests = [Request([4], [4], 5, 0), Request([5], [4] * 6, 0, 1)]
    with pytest.raises(ValueError, match=room):
        decode_all(ToyModel(9), requests, Decoding(), SPECIAL)
    with pytest.raises(ValueError, match=r"the prompt of request 0 .* has the id -3, expected 0 or more"):
        search(ToyModel(9), [[4]], Decoding(), [[4, -3]])


def test_a_prompt_may_end_with_any_token_and_be_impossible_for_the_model() -> None:
    """Its probability does not matter; whether there is something to say after the end token is the model's matter."""
    model = ToyModel(8)
    model.table[:, 5] = -torch.inf
    for prompt in ([4, 5], [END], [4, END, 6]):
        how = Decoding(beam=3, max_length=5)
        (best,) = search(model, [None], how, [prompt])
        assert len(best[0].ids) <= 5

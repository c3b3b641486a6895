"""An ensemble gives the mean of its models' probabilities, whatever is done to its state."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toy_models import PAD, START, AttendingToy, ToyModel, search
from transduce.decoding.config import Decoding
from transduce.decoding.ensemble import Ensemble
from transduce.decoding.protocol import Attending, Decodable, Padded
from transduce.decoding.strategies.sampling import Sampling

SOURCES = [[4, 5, 6], [7], [8, 8, 4, 4]]
EVERYTHING = {"min_length": 3, "no_repeat_ngram": 2, "repetition_penalty": 1.4, "coverage_penalty": 0.3}


class Mean(ToyModel):
    """Toys whose mean of probabilities stands in one table: an ensemble by brute force.

    A toy's row depends on source and prefix alone, not on its table, so the tables can be averaged.
    """

    def __init__(self, toys: list[ToyModel]) -> None:
        super().__init__(toys[0].table.size(1))
        self.table = torch.stack([toy.table.double().softmax(-1) for toy in toys]).mean(0).log().float()


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), models=st.integers(1, 4), beam=st.sampled_from([1, 3]))
def test_it_decodes_as_the_mean_of_probabilities(seed: int, models: int, beam: int) -> None:
    toys = [ToyModel(9, seed + number) for number in range(models)]
    how = Decoding(beam, n_best=beam, max_ratio=0.0, max_extra=9)
    result = search(Ensemble(toys), SOURCES, how)
    expected = search(Mean(toys), SOURCES, how)
    assert [[h.ids for h in best] for best in result] == [[h.ids for h in best] for best in expected]
    for best, other in zip(result, expected, strict=True):
        assert [h.score for h in best] == pytest.approx([h.score for h in other], abs=1e-4)


@pytest.mark.parametrize(
    "strategy",
    [
        {"beam": 1},
        {"beam": 3, "n_best": 3},
        {"beam": 4, "n_best": 4, "groups": 2, "diversity": 0.5},
        {"n_best": 3, "sampling": Sampling(top_p=0.9)},
    ],
)
def test_the_same_model_twice_is_that_model_with_every_setting(strategy: dict[str, Any]) -> None:
    how = Decoding(max_ratio=0.0, max_extra=9, **EVERYTHING, **strategy)
    prompts = [[4], [], [5, 5]]
    one = search(AttendingToy(9, 7), SOURCES, how, prompts=prompts)
    two = search(Ensemble([AttendingToy(9, 7), AttendingToy(9, 7)]), SOURCES, how, prompts=prompts)
    assert [[h.ids for h in best] for best in two] == [[h.ids for h in best] for best in one]
    for best, other in zip(two, one, strict=True):
        assert [h.score for h in best] == pytest.approx([h.score for h in other], abs=1e-4)


def test_a_token_that_one_model_excludes_keeps_half_of_the_other_s_probability() -> None:
    toys = [ToyModel(6, 1), ToyModel(6, 2)]
    toys[0].table[:, 4] = -torch.inf
    for toy in toys:
        toy.table[:, 5] = -torch.inf
    both = Ensemble(toys)
    state = both.start(Padded.of([[4]], PAD), Padded.of([[START]], PAD))
    logs = both.step(torch.tensor([[[START]]]), state)[0].log_softmax(-1)[0, 0, 0].tolist()
    assert logs[4] == pytest.approx(toys[1].next_log_probabilities([4], [])[4] - math.log(2), abs=1e-5)
    assert logs[5] == -math.inf


def test_it_keeps_the_protocol() -> None:
    """Several tokens at once, join and select agree with single steps."""
    model = Ensemble([AttendingToy(8, 1), AttendingToy(8, 2)])
    assert isinstance(model, Decodable) and isinstance(model, Attending)
    prompt, tokens = Padded.of([[START]], PAD), torch.tensor([[[START, 4, 5]]])
    at_once, _ = model.step(tokens, model.start(Padded.of([[4, 5]], PAD), prompt))
    _, state = model.step(tokens[:, :, :2], model.start(Padded.of([[4, 5]], PAD), prompt))
    _, other = model.step(tokens[:, :, :2], model.start(Padded.of([[6, 7, 4]], PAD), prompt))
    state = model.select(model.join(other, state), torch.tensor([1]))
    again, _ = model.step(tokens[:, :, 2:], state)
    assert torch.equal(again[0, 0, 0], at_once[0, 0, 2])


def test_attention_is_the_mean_of_the_models() -> None:
    toys = [AttendingToy(8, 1), AttendingToy(8, 2)]
    model = Ensemble(toys)
    state = model.start(Padded.of([[4, 5, 6]], PAD), Padded.of([[START]], PAD))
    _, state = model.step(torch.tensor([[[START, 4]]]), state)
    expected = sum(torch.tensor([toy.attention([4, 5, 6], prefix) for prefix in ([], [4])]) for toy in toys) / 2
    torch.testing.assert_close(model.attended(state)[0, 0], expected)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="an ensemble needs at least one model"):
        Ensemble([])
    with pytest.raises(ValueError, match="must have the same target vocabulary, found sizes 8, 9, 8"):
        search(Ensemble([ToyModel(8), ToyModel(9), ToyModel(8)]), SOURCES, Decoding())
    blind = Ensemble([AttendingToy(8), ToyModel(8)])
    with pytest.raises(ValueError, match=r"coverage-penalty must be 0 .*model 1 .* ToyModel, has no method `attended`"):
        search(blind, SOURCES, Decoding(coverage_penalty=0.1))
    training = ToyModel(8)
    training.training = True  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"call model.network.eval\(\)"):
        search(Ensemble([ToyModel(8), training]), SOURCES, Decoding())

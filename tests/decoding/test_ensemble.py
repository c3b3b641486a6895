"""An ensemble gives the mean of its models' probabilities, whatever is done to its state."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toy_models import SPECIAL, START, AttendingToy, ToyModel, alone
from transduce.decoding.config import Decoding
from transduce.decoding.engine import decode
from transduce.decoding.ensemble import Ensemble
from transduce.decoding.protocol import Attending, Decodable
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
    found = decode(Ensemble(toys), SOURCES, how, SPECIAL)
    expected = decode(Mean(toys), SOURCES, how, SPECIAL)
    assert [[h.ids for h in best] for best in found] == [[h.ids for h in best] for best in expected]
    for best, other in zip(found, expected, strict=True):
        assert [h.score for h in best] == pytest.approx([h.score for h in other], abs=1e-4)


@pytest.mark.parametrize(
    "search",
    [
        {"beam": 1},
        {"beam": 3, "n_best": 3},
        {"beam": 4, "n_best": 4, "groups": 2, "diversity": 0.5},
        {"n_best": 3, "sampling": Sampling(top_p=0.9)},
    ],
)
def test_the_same_model_twice_is_that_model_with_every_setting(search: dict[str, Any]) -> None:
    how = Decoding(max_ratio=0.0, max_extra=9, **EVERYTHING, **search)
    prefixes = [[4], [], [5, 5]]
    one = decode(AttendingToy(9, 7), SOURCES, how, SPECIAL, prefixes=prefixes)
    two = decode(Ensemble([AttendingToy(9, 7), AttendingToy(9, 7)]), SOURCES, how, SPECIAL, prefixes=prefixes)
    assert [[h.ids for h in best] for best in two] == [[h.ids for h in best] for best in one]
    for best, other in zip(two, one, strict=True):
        assert [h.score for h in best] == pytest.approx([h.score for h in other], abs=1e-4)


def test_a_token_that_one_model_excludes_keeps_half_of_the_other_s_probability() -> None:
    toys = [ToyModel(6, 1), ToyModel(6, 2)]
    toys[0].table[:, 4] = -torch.inf
    for toy in toys:
        toy.table[:, 5] = -torch.inf
    both = Ensemble(toys)
    source, tokens = (torch.tensor([[4]]), torch.tensor([1])), torch.tensor([[[START]]])
    logs = both.step(tokens, both.start(*alone(*source)))[0].log_softmax(-1)[0, 0, 0].tolist()
    assert logs[4] == pytest.approx(toys[1].next_log_probabilities([4], [])[4] - math.log(2), abs=1e-5)
    assert logs[5] == -math.inf


def test_it_keeps_the_protocol() -> None:
    """Several tokens at once, join, select and truncate agree with single steps."""
    model = Ensemble([AttendingToy(8, 1), AttendingToy(8, 2)])
    assert isinstance(model, Decodable) and isinstance(model, Attending)
    first = model.start(*alone(torch.tensor([[4, 5]]), torch.tensor([2])))
    second = model.start(*alone(torch.tensor([[6, 7, 0]]), torch.tensor([2])))
    tokens = torch.tensor([[[START, 4, 5]]])
    at_once, state = model.step(tokens, first)
    _, other = model.step(tokens, second)
    state = model.truncate(model.select(model.join(other, state), torch.tensor([1])), torch.tensor([[2]]))
    again, _ = model.step(tokens[:, :, 2:], state)
    assert torch.equal(again[0, 0, 0], at_once[0, 0, 2])


def test_attention_is_the_mean_of_the_models() -> None:
    toys = [AttendingToy(8, 1), AttendingToy(8, 2)]
    source, tokens = (torch.tensor([[4, 5, 6]]), torch.tensor([3])), torch.tensor([[[START, 4]]])
    model = Ensemble(toys)
    _, state = model.step(tokens, model.start(*alone(*source)))
    expected = sum(torch.tensor([toy.attention([4, 5, 6], prefix) for prefix in ([], [4])]) for toy in toys) / 2
    torch.testing.assert_close(model.attended(state)[0, 0], expected)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="an ensemble needs at least one model"):
        Ensemble([])
    with pytest.raises(ValueError, match="must have the same target vocabulary, found sizes 8, 9, 8"):
        decode(Ensemble([ToyModel(8), ToyModel(9), ToyModel(8)]), SOURCES, Decoding(), SPECIAL)
    blind = Ensemble([AttendingToy(8), ToyModel(8)])
    with pytest.raises(ValueError, match=r"coverage-penalty must be 0 .*model 1 .* ToyModel, has no method `attended`"):
        decode(blind, SOURCES, Decoding(coverage_penalty=0.1), SPECIAL)
    training = ToyModel(8)
    training.training = True  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"call model.eval\(\)"):
        decode(Ensemble([ToyModel(8), training]), SOURCES, Decoding(), SPECIAL)

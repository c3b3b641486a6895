"""The coverage penalty by hand, and what it does to a search."""

import math

import pytest
import torch

from toy_models import AttendingToy, ToyModel, search
from transduce.decoding.config import Decoding
from transduce.decoding.protocol import Padded
from transduce.decoding.rules.coverage import Coverage


def empty_coverage(beta: float, lengths: list[int], width: int) -> Coverage:
    return Coverage.start(beta, Padded(torch.zeros(len(lengths), width, dtype=torch.long), torch.tensor(lengths)))


def test_by_hand() -> None:
    """Two tokens: position 0 got 0.9 + 0.6, which counts as 1; position 1 got 0.1 + 0.4; position 2 is padding."""
    coverage = empty_coverage(0.2, [2], 3).add(torch.tensor([[[[0.9, 0.1, 0.0], [0.6, 0.4, 0.0]]]]))
    assert coverage.penalty().item() == pytest.approx(0.2 * math.log(0.5))


def test_in_steps_and_at_once_are_the_same_whatever_is_selected_and_reordered() -> None:
    attention = torch.rand(3, 2, 4, 5).softmax(-1)
    start = empty_coverage(0.7, [5, 3, 4], 5).reorder(torch.zeros(3, 2, dtype=torch.long))
    at_once = start.add(attention)
    steps = start
    for step in range(4):
        steps = steps.add(attention[:, :, step : step + 1])
    torch.testing.assert_close(steps.penalty(), at_once.penalty())
    beams, rows = torch.tensor([[1, 0], [1, 1], [0, 0]]), torch.tensor([2, 0])
    torch.testing.assert_close(at_once.reorder(beams).penalty(), at_once.penalty().gather(1, beams))
    torch.testing.assert_close(at_once.select(rows).penalty(), at_once.penalty()[rows])


def test_a_position_without_any_attention_is_very_bad_but_finite() -> None:
    penalty = empty_coverage(1.0, [2], 2).add(torch.tensor([[[[1.0, 0.0]]]])).penalty()
    assert -100 < penalty.item() < -80


def test_it_moves_the_choice_towards_outputs_that_have_seen_more() -> None:
    """With a table whose outputs differ little in probability, a heavy penalty chooses the best covered of the beam."""
    model = AttendingToy(9, seed=5, spread=0.1)
    how = Decoding(beam=8, n_best=8, alpha=0.0, max_length=5)
    (free,) = search(model, [[4, 5, 6, 7]], how)
    (heavy,) = search(model, [[4, 5, 6, 7]], Decoding(8, 0.0, 8, max_length=5, coverage_penalty=50.0))

    def worst(ids: tuple[int, ...], ended: bool) -> float:
        weights = [model.attention([4, 5, 6, 7], ids[:i]) for i in range(len(ids) + ended)]
        return sum(math.log(min(1.0, sum(each))) for each in zip(*weights, strict=True))

    assert worst(heavy[0].ids, heavy[0].ended) > worst(free[0].ids, free[0].ended)
    assert heavy[0].log_probability < free[0].log_probability


def test_a_model_that_does_not_show_its_attention_is_refused() -> None:
    for how in (Decoding(coverage_penalty=0.2), Decoding(beam=1, coverage_penalty=0.2)):
        with pytest.raises(
            ValueError, match=r"coverage-penalty must be 0 .*found 0.2: ToyModel has no method `attended`"
        ):
            search(ToyModel(8), [[4]], how)

"""Choosing the best tokens is a full stable sort, only faster."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toy_models import SPECIAL
from transduce.decoding.scores import best_tokens, members, token_scores, values_of


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), levels=st.integers(1, 40), vocabulary=st.integers(1, 90), count=st.integers(1, 20))
def test_best_tokens_is_a_stable_sort(seed: int, levels: int, vocabulary: int, count: int) -> None:
    """Values on a few levels, -inf among them, so that most are tied."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(levels, (3, 2, vocabulary), generator=generator).float() - levels
    values[values == -levels] = -torch.inf
    expected, ids = values.sort(dim=-1, descending=True, stable=True)
    result, found_ids = best_tokens(values, count)
    assert torch.equal(result, expected[..., :count])
    real = result > -torch.inf  # which of several impossible tokens is named is of no account
    assert torch.equal(found_ids[real], ids[..., :count][real])


def test_log_probabilities_are_float32_and_ban_without_normalising_again() -> None:
    logits = torch.randn(2, 3, 9, dtype=torch.float64)
    alive = torch.ones(2, 3, dtype=torch.bool)
    result = token_scores(logits, alive, SPECIAL).log_probs
    assert result.dtype == torch.float32
    assert (result[..., [0, 2]] == -torch.inf).all()
    rest = [1, *range(3, 9)]
    expected = (logits.exp() / logits.exp().sum(-1, keepdim=True)).log()
    torch.testing.assert_close(result[..., rest], expected[..., rest].float(), rtol=0, atol=1e-6)


def test_nan_in_a_beam_that_is_empty_is_of_no_account() -> None:
    logits = torch.zeros(1, 2, 5)
    logits[0, 1, 4] = torch.nan
    token_scores(logits, torch.tensor([[True, False]]), SPECIAL)


def test_values_of_looks_up_beam_and_token() -> None:
    values = torch.arange(24.0).view(2, 3, 4)
    result = values_of(values, torch.tensor([[2, 0], [1, 1]]), torch.tensor([[3, 1], [0, 2]]))
    assert result.tolist() == [[11.0, 1.0], [16.0, 18.0]]


def test_members_are_the_ids_among_tokens_and_negative_ones_do_not_count() -> None:
    tokens = torch.tensor([[[-1, 2, 0], [-1, -1, -1]]])
    assert members(tokens, 3).tolist() == [[[True, False, True], [False, False, False]]]

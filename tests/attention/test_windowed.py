"""Chunked windows equal the dense window mask."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.attention.attend import attend, explain
from transduce.attention.masks import causal, window, within_lengths
from transduce.attention.scores import Cosine, General


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 80), st.integers(0, 40), st.integers(0, 40), st.integers(0, 3))
def test_chunks_equal_the_dense_mask(length, before, after, seed):
    torch.manual_seed(seed)
    query, key, value = torch.randn(3, 2, 2, length, 4).double()
    expected = attend(query, key, value, window(before, after), backend="reference")
    torch.testing.assert_close(attend(query, key, value, window(before, after), backend="windowed"), expected)


def test_padding_and_gradients():
    torch.manual_seed(0)
    tensors = [torch.randn(2, 3, 50, 4).double().requires_grad_() for _ in range(3)]
    lengths = torch.tensor([50, 13])
    mask = window(7, 2) & within_lengths(lengths)
    ours = attend(*tensors, mask, backend="windowed")
    expected = attend(*tensors, mask, backend="sdpa")
    torch.testing.assert_close(ours, expected)
    probe = torch.randn_like(ours)
    for mine, theirs in zip(
        torch.autograd.grad((ours * probe).sum(), tensors),
        torch.autograd.grad((expected * probe).sum(), tensors),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)


def test_heads_of_queries_may_share_keys():
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, heads, 40, 4).double() for heads in (4, 2, 2))
    windowed = attend(query, key, value, window(3, 1), backend="windowed")
    torch.testing.assert_close(windowed, attend(query, key, value, window(3, 1), backend="reference"))


@pytest.mark.parametrize("mask", [window(0) & causal(-1), window(5) & causal(-7), window(5) & causal(-2)])
def test_windows_that_end_before_the_query(mask):
    torch.manual_seed(0)
    tensors = [torch.randn(1, 2, 600, 4).double().requires_grad_() for _ in range(3)]
    assert explain(*tensors[:2], mask).backend == "windowed"
    expected = attend(*tensors, mask, backend="reference")
    ours = attend(*tensors, mask)
    torch.testing.assert_close(ours, expected)
    assert (ours[:, :, 0] == 0).all()
    for one, other in zip(
        *(torch.autograd.grad(each.square().sum(), tensors) for each in (ours, expected)), strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("score", [Cosine(4), Cosine(4, fixed=10.0), General(4, 4)])
@pytest.mark.parametrize("mask", [window(3, 1) & within_lengths(torch.tensor([30])), window(5) & causal(-2)])
def test_chunks_of_mapped_keys_that_no_query_sees(score, mask):
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, 2, 40, 4).requires_grad_() for _ in range(3))
    bad = key.detach().clone()
    bad[:, :, 39] = torch.nan
    bad.requires_grad_()
    leaves = [bad, *score.parameters()]
    ours = attend(query, bad, value, mask, score=score, backend="windowed")
    torch.testing.assert_close(ours, attend(query, key, value, mask, score=score, backend="reference"))
    assert all(each.isfinite().all() for each in torch.autograd.grad(ours.square().sum(), leaves))


def test_a_narrow_window_over_many_keys_is_chunked():
    x = torch.zeros(1, 1, 600, 2)
    assert explain(x, x, window(50, 50)).backend == "windowed"
    assert explain(x, x, window(50) & within_lengths(torch.tensor([600]))).backend == "windowed"
    assert explain(x, x, causal() & window(50, 50)).backend == "windowed"
    assert explain(x, x, window(100, 100)).backend == "sdpa"
    assert explain(x, x, window(50) | window(10)).backend == "sdpa"
    assert explain(x, x, window(50), bias=torch.zeros(600, 600)).backend == "sdpa"
    assert explain(x[:, :, :1], x, window(50)).backend == "sdpa"


def test_windows_that_cannot_be_chunked_are_refused():
    x = torch.zeros(1, 1, 4, 2)
    with pytest.raises(
        ValueError, match="'windowed' cannot do this: the mask is no window over as many keys as queries"
    ):
        attend(x, x, x, causal(), backend="windowed")
    with pytest.raises(ValueError, match="a bias is added to the scores"):
        attend(x, x, x, window(1), bias=torch.zeros(4, 4), backend="windowed")
    with pytest.raises(ValueError, match="before must be at least 0, found -1"):
        window(-1)

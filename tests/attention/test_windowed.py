"""Chunked windows equal the dense window mask."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.attention.attend import attend
from transduce.attention.masks import window, within_lengths
from transduce.attention.windowed import windowed_attend


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 80), st.integers(0, 40), st.integers(0, 40), st.integers(0, 3))
def test_chunks_equal_the_dense_mask(length, before, after, seed):
    torch.manual_seed(seed)
    query, key, value = torch.randn(3, 2, 2, length, 4).double()
    expected = attend(query, key, value, window(before, after))
    torch.testing.assert_close(windowed_attend(query, key, value, before, after), expected)


def test_padding_and_gradients():
    torch.manual_seed(0)
    tensors = [torch.randn(2, 3, 50, 4).double().requires_grad_() for _ in range(3)]
    lengths = torch.tensor([50, 13])
    allowed = torch.arange(50) < lengths[:, None]
    ours = windowed_attend(*tensors, 7, 2, keys_allowed=allowed)
    expected = attend(*tensors, window(7, 2) & within_lengths(lengths))
    torch.testing.assert_close(ours, expected)
    probe = torch.randn_like(ours)
    for mine, theirs in zip(
        torch.autograd.grad((ours * probe).sum(), tensors),
        torch.autograd.grad((expected * probe).sum(), tensors),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)


def test_a_negative_window_is_refused():
    x = torch.zeros(1, 1, 4, 2)
    with pytest.raises(ValueError, match="sizes of at least 0, found -1 and 0"):
        windowed_attend(x, x, x, -1)

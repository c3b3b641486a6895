"""Masks as 0/1 matrices that a reader can check."""

import torch

from transduce.attention.masks import causal, same_document, up_to, within_lengths


def rows(mask, queries, keys, batch=1):
    return mask.dense(batch, 1, queries, keys).int().tolist()


def test_causal():
    assert rows(causal(), 3, 3) == [[[[1, 0, 0], [1, 1, 0], [1, 1, 1]]]]


def test_causal_with_cached_keys_is_aligned_at_the_bottom_right():
    assert rows(causal(offset=2), 2, 4) == [[[[1, 1, 1, 0], [1, 1, 1, 1]]]]


def test_lengths():
    mask = within_lengths(torch.tensor([2, 0]))
    assert rows(mask, 1, 3, batch=2) == [[[[1, 1, 0]]], [[[0, 0, 0]]]]


def test_up_to_the_position_of_each_query():
    assert rows(up_to(torch.tensor([1, 2])), 2, 3) == [[[[1, 1, 0], [1, 1, 1]]]]
    by_row = up_to(torch.tensor([[0, 1], [2, 3]]))
    assert rows(by_row, 2, 4, batch=2) == [[[[1, 0, 0, 0], [1, 1, 0, 0]]], [[[1, 1, 1, 0], [1, 1, 1, 1]]]]


def test_packed_documents_are_block_diagonal():
    mask = causal() & same_document(torch.tensor([[0, 0, 1]]))
    assert rows(mask, 3, 3) == [[[[1, 0, 0], [1, 1, 0], [0, 0, 1]]]]


def test_composition():
    both = causal() & within_lengths(torch.tensor([1]))
    assert rows(both, 2, 2) == [[[[1, 0], [1, 0]]]]
    assert rows(causal() | ~causal(), 2, 2) == [[[[1, 1], [1, 1]]]]
    assert rows(~causal(), 2, 2) == [[[[0, 1], [0, 0]]]]


def test_axes_that_a_rule_ignores_stay_small():
    assert causal().dense(7, 5, 3, 3).shape == (1, 1, 3, 3)
    assert within_lengths(torch.tensor([1, 2])).dense(2, 5, 3, 4).shape == (2, 1, 3, 4)


def test_additive_form_is_finite_and_zero_where_allowed():
    mask = causal().written_out(1, 1, 2, 2, "cpu")
    added = mask.additive(torch.float32)[0, 0]
    assert added[1].tolist() == [0.0, 0.0]
    assert added[0, 1] < -1e38 and torch.isfinite(added).all()
    assert mask.additive(torch.float32) is mask.additive(torch.float32)

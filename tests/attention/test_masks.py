"""Masks as 0/1 matrices that a reader can check."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transduce.attention.mask import Mask
from transduce.attention.masks import (
    blocks,
    by_keys,
    by_table,
    causal,
    descendants,
    dilated,
    everything,
    fixed,
    global_tokens,
    graph,
    padding,
    prefix,
    random_blocks,
    same_document,
    segments,
    show,
    strided,
    up_to,
    window,
    within_lengths,
    zero_padding,
)


def rows(mask, queries, keys, batch=1):
    return mask.dense(batch, 1, queries, keys).int().tolist()


def test_causal():
    assert rows(causal(), 3, 3) == [[[[1, 0, 0], [1, 1, 0], [1, 1, 1]]]]


def test_causal_with_cached_keys_is_aligned_at_the_bottom_right():
    assert rows(causal(offset=2), 2, 4) == [[[[1, 1, 1, 0], [1, 1, 1, 1]]]]


def test_lengths():
    mask = within_lengths(torch.tensor([2, 0]))
    assert rows(mask, 1, 3, batch=2) == [[[[1, 1, 0]]], [[[0, 0, 0]]]]


def test_keys_that_are_padding():
    allowed = torch.tensor([[True, True, False], [True, False, False]])
    lengths = within_lengths(torch.tensor([2, 1]))
    assert torch.equal(by_keys(allowed).dense(2, 1, 2, 3), lengths.dense(2, 1, 2, 3))
    assert torch.equal(padding(allowed).dense(2, 1, 2, 3), lengths.dense(2, 1, 2, 3))
    assert padding(None) is None
    x = torch.full((2, 3, 1), torch.nan)
    assert torch.equal(zero_padding(x, allowed).isnan().squeeze(-1), allowed)
    assert zero_padding(x, None) is x


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


def test_additive_form_is_minus_infinity_where_a_row_has_other_keys():
    mask = causal(-1).written_out(1, 1, 3, 3, "cpu")
    added = mask.additive(torch.float32)[0, 0]
    assert added.tolist() == [[0.0, 0.0, 0.0], [0.0, -torch.inf, -torch.inf], [0.0, 0.0, -torch.inf]]
    assert mask.additive(torch.float32) is mask.additive(torch.float32)


def picture(mask, queries, keys=None):
    return show(mask, queries, keys).split("\n")


def test_windows():
    assert picture(window(1), 4) == ["#...", "##..", ".##.", "..##"]
    assert picture(window(1, 1), 4) == ["##..", "###.", ".###", "..##"]
    assert picture(dilated(1, 2), 5) == ["#.#..", ".#.#.", "#.#.#", ".#.#.", "..#.#"]


def test_a_window_as_long_as_the_text_sees_everything():
    assert torch.equal(window(9, 9).dense(1, 1, 10, 10), everything().dense(1, 1, 10, 10))
    assert torch.equal(window(9).dense(1, 1, 10, 10), causal().dense(1, 1, 10, 10))
    assert torch.equal(dilated(9, 1).dense(1, 1, 10, 10), everything().dense(1, 1, 10, 10))


def test_sparse_transformer_masks():
    assert picture(strided(2), 6) == ["#.....", "##....", "###...", ".###..", "#.###.", ".#.###"]
    assert picture(fixed(3), 6) == ["#.....", "##....", "###...", "..##..", "..###.", "..####"]
    assert torch.equal(strided(1).dense(1, 1, 8, 8), causal().dense(1, 1, 8, 8))


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_two_steps_of_the_strided_heads_reach_every_earlier_key(stride):
    """Section 4.2 of Child et al. 2019: the local head, then the head of every stride-th key."""
    local = (window(stride)).dense(1, 1, 12, 12)[0, 0].float()
    far = (causal() & Mask(lambda b, h, q, k: (q - k) % stride == 0)).dense(1, 1, 12, 12)[0, 0].float()
    assert torch.equal((local @ far) > 0, causal().dense(1, 1, 12, 12)[0, 0])
    assert torch.equal(strided(stride).dense(1, 1, 12, 12)[0, 0], (local + far) > 0)


def test_blocks_prefix_and_global_tokens():
    assert picture(blocks(2), 4) == ["##..", "##..", "..##", "..##"]
    assert picture(prefix(2), 4) == ["##..", "##..", "###.", "####"]
    first = global_tokens(torch.tensor([True, False, False]))
    assert picture(first | window(0), 3) == ["###", "##.", "#.#"]


def test_graphs_and_trees():
    assert picture(graph(3, [(0, 1), (1, 2)]), 3) == ["#..", "##.", ".##"]
    assert picture(graph(3, [(0, 1)], self_loops=False), 3) == ["...", "#..", "..."]
    with pytest.raises(ValueError, match=r"edge 1 is \(0, 3\), but the graph has nodes 0 to 2"):
        graph(3, [(0, 1), (0, 3)])
    with pytest.raises(ValueError, match="form a circle"):
        descendants([1, 0])
    with pytest.raises(ValueError, match="the parent of node 1 is 7"):
        descendants([-1, 7])


@given(st.lists(st.integers(0, 100), min_size=1, max_size=9))
def test_a_subtree_is_the_transitive_closure_of_the_children(draws):
    parents = [-1, *(draw % (node + 1) for node, draw in enumerate(draws))]
    children = torch.zeros(len(parents), len(parents))
    for node, parent in enumerate(parents[1:], 1):
        children[parent, node] = 1
    closure = sum(torch.linalg.matrix_power(children, power) for power in range(len(parents)))
    assert torch.equal(descendants(parents).dense(1, 1, len(parents), len(parents))[0, 0], closure > 0)


def test_segments_and_random_blocks():
    mask = segments(torch.tensor([[0, 1]]), torch.tensor([[0, 0, 1]]))
    assert rows(mask, 2, 3) == [[[[1, 1, 0], [0, 0, 1]]]]
    drawn = random_blocks(12, 3, 2, seed=1).dense(1, 1, 12, 12)[0, 0]
    assert drawn.sum(-1).tolist() == [6] * 12
    assert torch.equal(drawn[0], drawn[2]) and torch.equal(drawn, random_blocks(12, 3, 2, 1).dense(1, 1, 12, 12)[0, 0])
    with pytest.raises(ValueError, match="count must be 1 to the number of blocks, 4, found 5"):
        random_blocks(12, 3, 5, seed=1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: window(-1), "window: before must be at least 0, found -1"),
        (lambda: fixed(4, 5), "summary must be 1 to the block size 4, found 5"),
        (lambda: by_table(torch.zeros(2, 2)), r"by_table needs a mask of type bool, .* found torch\.float32"),
        (lambda: by_keys(torch.ones(2, 3)), "by_keys needs a mask of type bool"),
        (lambda: global_tokens(torch.ones(3)), "global_tokens needs a mask of type bool"),
    ],
)
def test_wrong_masks_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "mask",
    [
        up_to(torch.tensor([1, 2])),
        up_to(torch.tensor([[1, 2]])),
        same_document(torch.tensor([[0, 1]])),
        global_tokens(torch.tensor([True, False])),
        global_tokens(torch.tensor([[True, False]])),
    ],
)
def test_tables_move_to_the_device_of_the_positions(mask):
    assert mask.dense(1, 1, 2, 2, "meta").shape == (1, 1, 2, 2)


def test_a_rule_must_return_a_tensor():
    with pytest.raises(ValueError, match="the rule of a mask must return a tensor of type bool, found True"):
        Mask(lambda b, h, q, k: True).dense(1, 1, 2, 2)

"""Arguments of attention that are another kind of thing, or of another size: each is an error that says what to pass."""

import numpy as np
import pytest
import torch

from transduce.attention.attend import attend, explain
from transduce.attention.biases import T5Buckets
from transduce.attention.mask import DenseMask, Mask
from transduce.attention.masks import (
    by_keys,
    by_table,
    causal,
    dilated,
    global_tokens,
    graph,
    random_blocks,
    same_document,
    segments,
    show,
    up_to,
    window,
    within_lengths,
    zero_unseen,
)
from transduce.attention.normalisers import LearnedEntmax, SoftmaxWithSink, Sparsemax, TalkingHeads
from transduce.attention.scores import Additive, ScaledDotProduct, SoftCapped
from transduce.attention.scores import TalkingHeads as TalkingScores

B, H, T, E = 2, 4, 10, 8
X = torch.randn(B, H, T, E, generator=torch.Generator().manual_seed(1))


def yes(*shape):
    return torch.ones(shape, dtype=torch.bool)


@pytest.mark.parametrize(
    "mask, words",
    [
        (by_keys(yes(3, T)), "by_keys has 3 rows for a batch of 2: give it a row for each, or 1 row for all"),
        (within_lengths(torch.tensor([3, 2, 1])), "within_lengths has 3 rows for a batch of 2"),
        (causal() & within_lengths(torch.tensor([3, 2, 1])), "within_lengths has 3 rows"),
        (window(1, 1) & by_keys(yes(3, T)), "by_keys has 3 rows"),
        (~by_keys(yes(B, T - 1)), "by_keys has 9 keys, found 10: give it at least 10"),
        (by_table(yes(T, 3)), "by_table has 3 keys, found 10"),
        (by_table(yes(3, T)) | causal(), "by_table has 3 queries, found 10"),
        (graph(3, [(0, 1)]), "graph has 3 queries, found 10"),
        (same_document(torch.zeros(B, 4, dtype=torch.long)), "same_document has 4 queries, found 10"),
        (same_document(torch.zeros(3, T, dtype=torch.long)), "same_document has 3 rows"),
        (
            segments(torch.zeros(B, T, dtype=torch.long), torch.zeros(B, 4, dtype=torch.long)),
            "segments has 4 keys, found 10",
        ),
        (global_tokens(yes(5)), "global_tokens has 5 queries, found 10"),
        (global_tokens(yes(3, T)), "global_tokens has 3 rows"),
        (up_to(torch.arange(5)), "up_to has 5 queries, found 10"),
        (random_blocks(6, 2, 1, seed=0), "random_blocks has 6 queries, found 10"),
    ],
)
def test_masks_of_another_size(as_users, mask, words):
    for call in (lambda: attend(X, X, X, mask), lambda: explain(X, X, mask)):
        with pytest.raises(ValueError, match=words):
            call()


def test_the_zeros_of_a_mask_of_another_size(as_users):
    with pytest.raises(ValueError, match="within_lengths has 3 rows for a batch of 2"):
        zero_unseen(X[:, 0], within_lengths(torch.tensor([3, 2, 1])))


@pytest.mark.parametrize(
    "larger, exact",
    [
        (by_keys(yes(B, 20)), by_keys(yes(B, T))),
        (by_keys(yes(1, T).tril(4)), by_keys(yes(B, T).tril(4)[:1].expand(B, T))),
        (by_table(yes(12, 12).tril()), by_table(yes(T, T).tril())),
        (within_lengths(torch.tensor([3])), within_lengths(torch.tensor([3, 3]))),
        (same_document(torch.arange(12)[None] // 4), same_document((torch.arange(T) // 4).expand(B, T))),
    ],
)
def test_a_larger_table_or_one_row_serves_too(larger, exact):
    torch.testing.assert_close(attend(X, X, X, larger), attend(X, X, X, exact))


def test_cached_keys_read_the_table_at_their_positions():
    mask = by_table(yes(12, 12).tril(-2))
    last = mask.at(torch.tensor([8, 9]))
    torch.testing.assert_close(attend(X[:, :, 8:], X, X, last), attend(X, X, X, mask)[:, :, 8:])


def test_show_draws_the_first_of_several_rows():
    assert show(within_lengths(torch.tensor([1, 2, 3])), 1, 3) == "#.."
    assert show(within_lengths(torch.tensor([1, 2, 3])), 1, 3, batch=2) == "###"


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: causal() & yes(T, T), r"`&` joins two Masks, found Tensor: by_table\(tensor\) makes a Mask"),
        (lambda: causal() | DenseMask(yes(1, 1, T, T)), r"`\|` joins two Masks, found DenseMask"),
        (lambda: show(yes(3, 3)), r"found Tensor: DenseMask\(tensor\)"),
        (lambda: show(causal, 3), r"found function: call causal\(\.\.\.\) and pass its result"),
        (lambda: show("causal", 3), "a mask is a Mask or a DenseMask, found str"),
        (lambda: within_lengths([3, 2]), r"within_lengths needs a tensor \(B,\), found list: torch\.tensor"),
        (lambda: by_keys([[True]]), "by_keys needs a mask of type bool, .* found list"),
        (lambda: by_keys(yes(3)), r"by_keys needs a tensor \(B, S\), found the shape \(3,\)"),
        (lambda: same_document([[1, 2]]), r"same_document needs a tensor \(B, T\), found list"),
        (lambda: up_to([1, 2]), "up_to needs a tensor .* found list"),
        (lambda: window(1.5), r"window: before must be a whole number, found 1\.5"),
        (lambda: causal(0.5), "causal: offset must be a whole number"),
        (lambda: dilated(1, 1.5), "dilated: dilation must be a whole number"),
        (lambda: random_blocks(6, 2, 1.5, 0), "random_blocks: count must be a whole number"),
    ],
)
def test_masks_from_other_things(as_users, call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (lambda: {"mask": causal}, r"found function: call causal\(\.\.\.\)"),
        (lambda: {"mask": DenseMask(torch.zeros(1, 1, T, T))}, "needs the type bool"),
        (lambda: {"mask": Mask(lambda b, h, q, k: q + k)}, "needs the type bool"),
        (
            lambda: {"score": "dot"},
            r"score must be ScaledDotProduct\(\) or a function of queries and keys, found 'dot'",
        ),
        (lambda: {"score": ScaledDotProduct}, r"found the class ScaledDotProduct: pass ScaledDotProduct\(\.\.\.\)"),
        (lambda: {"normalise": "sparsemax"}, r"normalise must be Softmax\(\) or a function .* found 'sparsemax'"),
        (lambda: {"normalise": Sparsemax}, r"found the class Sparsemax: pass Sparsemax\(\.\.\.\)"),
        (lambda: {"bias": T5Buckets(H)}, "a bias must be a tensor, found T5Buckets: call an object such as"),
        (lambda: {"bias": torch.zeros(T, 3)}, r"\(B, H, L, S\) = \(2, 4, 10, 10\), .* found \(10, 3\)"),
        (lambda: {"bias": torch.zeros(1, 1, 1, T, T)}, "a bias must have the shape"),
        (
            lambda: {"bias": yes(T, T)},
            r"a bias must hold numbers, found torch\.bool: pass DenseMask\(tensor\) as the mask",
        ),
        (
            lambda: {"score": TalkingScores(3, ScaledDotProduct())},
            "TalkingHeads is for 3 heads, but the queries have 4",
        ),
        (lambda: {"score": SoftCapped(TalkingScores(1, ScaledDotProduct()), 5.0)}, "TalkingHeads is for 1 heads"),
        (lambda: {"normalise": SoftmaxWithSink(3)}, r"SoftmaxWithSink is for 3 heads, .*: build SoftmaxWithSink\(4"),
        (lambda: {"normalise": TalkingHeads(4, LearnedEntmax(3))}, "LearnedEntmax is for 3 heads"),
        (lambda: {"dropout": 1.5}, "dropout must be at least 0"),
        (lambda: {"key": X[..., :7]}, "queries and keys of one width"),
        (lambda: {"key": X.double()}, r"one type, found torch\.float32, torch\.float64 and .*: convert them with \.to"),
        (
            lambda: {"query": X.numpy()},
            r"query must be a tensor \(batch, heads, length, width\), found ndarray: torch\.as_tensor",
        ),
        (lambda: {"query": X.tolist()}, "query must be a tensor .* found list"),
        (lambda: {"key": np.zeros((B, H, T, E))}, "key must be a tensor .* found ndarray"),
        (lambda: {"query": X.long()}, r"query must hold floating-point numbers, found torch\.int64"),
    ],
)
def test_attend_and_explain_refuse_the_same(as_users, arguments, words):
    arguments = {"query": X, "key": X, **arguments()}
    for call in (lambda: attend(value=arguments["key"], **arguments), lambda: explain(**arguments)):
        with pytest.raises(ValueError, match=words):
            call()


def test_a_value_of_another_type(as_users):
    with pytest.raises(ValueError, match=r"one type, found torch\.float32, torch\.float32 and torch\.float64"):
        attend(X, X, X.double())
    with torch.autocast("cpu", torch.bfloat16):  # it converts them
        assert attend(X, X.bfloat16(), X, score=Additive(E, E, 3)).shape == X.shape


@pytest.mark.parametrize("result, words", [(X, r"= \(2, 4, 10, 10\), found \(2, 4, 10, 8\)"), (1.0, "found float")])
def test_a_score_of_another_shape(result, words):
    with pytest.raises(ValueError, match=f"a score must return a tensor of the shape .*{words}"):
        attend(X, X, X, score=lambda query, key: result)


def test_one_sink_for_all_heads():
    assert attend(X, X, X, normalise=SoftmaxWithSink(1)).shape == X.shape

"""Checks of the arguments of `attend`: types and shapes alone, so that their time does not grow with the input.

Letters: B batch, H heads of queries, L queries, S keys, E width.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from transduce.attention.mask import DenseMask, Mask, check_mask
from transduce.attention.normalisers import LearnedEntmax, Normaliser, SoftmaxWithSink
from transduce.attention.normalisers import TalkingHeads as TalkingWeights
from transduce.attention.scores import ScaledDotProduct, Score
from transduce.attention.scores import TalkingHeads as TalkingScores


def check_arguments(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Mask | DenseMask | None,
    bias: Tensor | None,
    score: Score,
    normalise: Normaliser,
) -> None:
    """ValueError for arguments that do not fit each other; the rule of a `Mask` is checked when it is written out."""
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        _check_tensor(name, tensor)
    _check_part("score", "ScaledDotProduct() or a function of queries and keys", score)
    _check_part("normalise", "Softmax() or a function of scores and a mask", normalise)
    _check_shapes(query, key, value, score)
    _check_types(query, key, value)
    _check_heads(query.shape[1], score, normalise)
    if bias is not None:
        _check_bias(bias, (*query.shape[:3], key.shape[2]))
    if mask is not None:
        check_mask(mask)
        if isinstance(mask, Mask):
            mask.check(len(query), query.shape[2], key.shape[2])
        else:
            check_dense_mask(mask, query, key)


def check_rule(mask: Mask, query: Tensor, key: Tensor) -> None:
    """ValueError for a rule whose values are not True and False, from its first query and key."""
    if not query.numel() or not key.numel():
        return
    allowed = mask.dense(len(query), query.shape[1], 1, 1, query.device)
    check_dense_mask(DenseMask(allowed), query[:, :, :1], key[:, :, :1])


def check_dense_mask(mask: DenseMask, query: Tensor, key: Tensor) -> None:
    """ValueError for another type than bool, and for a shape that the scores do not have."""
    allowed, shape = mask.allowed, (*query.shape[:3], key.shape[2])
    if allowed.dtype is not torch.bool:
        raise ValueError(
            f"a mask needs the type bool, True where a query may attend, found {allowed.dtype}: add numbers to the scores "
            "as a bias"
        )
    if allowed.ndim != 4 or any(size not in (1, full) for size, full in zip(allowed.shape, shape, strict=True)):
        raise ValueError(
            f"a mask must have the shape (B, H, L, S) = {shape}, or 1 in the place of a size, found {tuple(allowed.shape)}"
        )


def check_scores(scores: Any, query: Tensor, key: Tensor) -> None:
    """ValueError for the result of a score that is no tensor of queries and keys."""
    shape = (*query.shape[:3], key.shape[2])
    actual = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
    if actual != shape and not (isinstance(scores, Tensor) and _broadcasts(scores, shape)):
        raise ValueError(f"a score must return a tensor of the shape (B, H, L, S) = {shape}, found {actual}")


def _broadcasts(tensor: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether the sizes are those of the shape, or 1, from the last one on."""
    pairs = zip(tensor.shape[::-1], shape[::-1], strict=False)
    return tensor.ndim <= len(shape) and all(size in (1, full) for size, full in pairs)


def _check_tensor(name: str, tensor: Any) -> None:
    if not isinstance(tensor, Tensor):
        raise ValueError(
            f"{name} must be a tensor (batch, heads, length, width), found {type(tensor).__name__}: torch.as_tensor(...) "
            "makes one"
        )
    if not tensor.dtype.is_floating_point:
        raise ValueError(f"{name} must hold floating-point numbers, found {tensor.dtype}: convert it with .float()")


def _check_part(name: str, expected: str, part: Any) -> None:
    if isinstance(part, type):
        raise ValueError(f"{name} must be {expected}, found the class {part.__name__}: pass {part.__name__}(...)")
    if not callable(part):
        raise ValueError(f"{name} must be {expected}, found {part!r}")


def _check_shapes(query: Tensor, key: Tensor, value: Tensor, score: Score) -> None:
    queries, keys, values = tuple(query.shape), tuple(key.shape), tuple(value.shape)
    if not len(queries) == len(keys) == len(values) == 4:
        raise ValueError(
            "queries, keys and values need four axes (batch, heads, length, width), found the shapes "
            f"{queries}, {keys} and {values}"
        )
    if keys[:3] != values[:3]:
        raise ValueError(f"keys and values must have one batch, number of heads and length, found {keys} and {values}")
    if queries[0] != keys[0]:
        raise ValueError(f"queries and keys must be of one batch, found {queries[0]} and {keys[0]} rows")
    if queries[1] % keys[1]:
        raise ValueError(f"heads of queries must be a multiple of heads of keys, found {queries[1]} and {keys[1]}")
    if queries[3] != keys[3] and isinstance(score, ScaledDotProduct):
        raise ValueError(
            f"a scaled dot product needs queries and keys of one width, found {queries[3]} and {keys[3]}: the scores "
            "General and Additive take two widths"
        )


def _check_types(query: Tensor, key: Tensor, value: Tensor) -> None:
    if query.dtype == key.dtype == value.dtype or torch.is_autocast_enabled(query.device.type):
        return
    raise ValueError(
        f"queries, keys and values must have one type, found {query.dtype}, {key.dtype} and {value.dtype}: convert them "
        f"with .to({query.dtype})"
    )


def _check_heads(heads: int, score: Score, normalise: Normaliser) -> None:
    """Parts with parameters of each head must have those of all heads; a sink or an alpha may be one for all."""
    allowed: tuple[int, ...]
    for part in (*_nested(score, "score"), *_nested(normalise, "normalise")):
        if isinstance(part, TalkingScores | TalkingWeights):
            own, allowed = len(part.mixture), (heads,)
        elif isinstance(part, SoftmaxWithSink):
            own, allowed = len(part.sinks), (1, heads)
        elif isinstance(part, LearnedEntmax):
            own, allowed = len(part.raw), (1, heads)
        else:
            continue
        if own not in allowed:
            name = type(part).__name__
            raise ValueError(f"{name} is for {own} heads, but the queries have {heads}: build {name}({heads}, ...)")


def _nested(part: Any, name: str) -> Iterator[Any]:
    """A part, and the parts that it wraps as its attribute `name`."""
    while part is not None:
        yield part
        part = getattr(part, name, None)


def _check_bias(bias: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(bias, Tensor):
        raise ValueError(
            f"a bias must be a tensor, found {type(bias).__name__}: call an object such as T5Buckets(heads) with the "
            "numbers of queries and keys"
        )
    if bias.dtype is torch.bool:
        raise ValueError("a bias must hold numbers, found torch.bool: pass DenseMask(tensor) as the mask")
    if not _broadcasts(bias, shape):
        raise ValueError(
            f"a bias must have the shape (B, H, L, S) = {shape}, or 1 in the place of a size, found {tuple(bias.shape)}"
        )

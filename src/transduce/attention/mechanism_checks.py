"""The check of a mechanism of one's own when a model is built: its methods, called once with small tensors.

Letters: B batch, H heads, L queries, S keys, E width of a head.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from transduce.attention.biases import distances
from transduce.attention.catalogue import MODEL_ATTENTIONS
from transduce.attention.mask import Mask
from transduce.attention.model_attention import ModelAttention, Place

# queries and keys of a whole row, of a step with a cache, and of two sides
LENGTHS: dict[Place, tuple[int, int]] = {"encoder": (3, 3), "decoder": (1, 3), "cross-attention": (2, 3)}


def check_methods(attention: ModelAttention, heads: int, width: int, place: Place) -> None:
    """ValueError with the class and the method that does not do what a layer of a model needs.

    `width` is that of a head. The mechanisms of the package are not called. Random numbers are those of before.
    """
    if type(attention) in MODEL_ATTENTIONS.values():
        return
    queries, keys = LENGTHS[place]
    shape = (2, heads, queries, keys)
    with torch.device("cpu"), torch.random.fork_rng(devices=[]), torch.no_grad():
        _check_mask(attention)
        score = _call(attention, "score(self, heads, width)", lambda: attention.score(heads, width))
        query, key = torch.zeros(2, heads, queries, width), torch.zeros(2, heads, keys, width)
        _check_result(attention, "score(self, heads, width)", "score(query, key)", lambda: score(query, key), shape)
        normalise = _call(attention, "normalise(self, heads)", lambda: attention.normalise(heads))
        # a step of a decoder has no mask
        allowed = None if place == "decoder" else torch.ones(1, 1, queries, keys, dtype=torch.bool)
        weights: Callable[[], Any] = lambda: normalise(torch.zeros(shape), allowed)  # noqa: E731
        _check_result(attention, "normalise(self, heads)", "normalise(scores, allowed)", weights, shape)
        bias = _call(attention, "bias(self, heads, causal)", lambda: attention.bias(heads, place == "decoder"))
        if bias is not None:
            at: Callable[[], Any] = lambda: bias.at(distances(queries, keys)[None])  # noqa: E731
            shapes = ((1, heads, queries, keys), (1, 1, queries, keys))
            _check_result(attention, "bias(self, heads, causal)", "at(distance)", at, *shapes)


def _check_mask(attention: ModelAttention) -> None:
    mask = _call(attention, "mask(self)", attention.mask)
    if mask is not None and not isinstance(mask, Mask):
        raise ValueError(
            f"{type(attention).__name__}.mask(self) must return a Mask or None, found {type(mask).__name__}: build one from "
            "attention/masks.py, such as window(3) or by_table(tensor)"
        )


def _call(attention: ModelAttention, signature: str, method: Callable[[], Any]) -> Any:
    """The result of a method. ValueError with its signature where it does not take these arguments."""
    try:
        return method()
    except (TypeError, AttributeError) as error:
        raise ValueError(
            f"{type(attention).__name__}.{signature} fails: {error}; docs/attention.md has the methods of a mechanism"
        ) from error


def _check_result(
    attention: ModelAttention, signature: str, use: str, compute: Callable[[], Any], *shapes: tuple[int, ...]
) -> None:
    """ValueError where a part fails, or returns no tensor of one of these shapes."""
    origin = f"{type(attention).__name__}.{signature} returns a part whose {use}"
    try:
        result = compute()
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{origin} fails: {error}; docs/attention.md has the methods of a mechanism") from error
    except Exception:  # of small tensors or of the CPU alone, perhaps; else training reports it
        return
    actual = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
    if actual not in shapes:
        raise ValueError(f"{origin} must return a tensor of the shape {shapes[0]}, found {actual}")

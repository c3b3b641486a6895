"""From logits to the log-probabilities a search may use, and to the best of them in a fixed order.

Letters: B sentences, K beams, V vocabulary, N candidates per beam, C chosen.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transduce.decoding.hypothesis import SpecialIds


@dataclass(frozen=True)
class Chances:
    """How probable each next token is.

    logits: what the model said, in float32.
    own: the model's log-probabilities, -inf for ids that no output may hold. They sum to `Hypothesis.log_probability`.
    scored: those that searches rank and draw by: `own` itself until a rule reshapes it.
    """

    logits: Float[Tensor, "B K V"]
    own: Float[Tensor, "B K V"]
    scored: Float[Tensor, "B K V"]

    def columns(self, first: int, last: int) -> "Chances":
        """Those of beams `first` to `last` - 1 only."""
        own = self.own[:, first:last]
        scored = own if self.scored is self.own else self.scored[:, first:last]
        return Chances(self.logits[:, first:last], own, scored)


def chances(logits: Float[Tensor, "B K V"], alive: Bool[Tensor, "B K"], special: SpecialIds) -> Chances:
    """log softmax in float32, whatever the logits' type, with -inf for ids that no output may hold.

    Banned ids keep their share of the probability: the others are not normalised again, so that a sum over an output
    is what the model gives it. Raises ValueError where an `alive` beam has NaN or infinite logits.
    """
    vocabulary = logits.size(-1)
    if max(special.pad, special.start, special.end) >= vocabulary:
        raise ValueError(f"{special} has an id outside the model's vocabulary of {vocabulary} tokens")
    logits = logits.float()
    values = torch.log_softmax(logits, dim=-1)
    # One NaN or +inf logit, or nothing but -inf, makes its whole row NaN: one column tells.
    if bool((values[..., 0].isnan() & alive).any()):
        raise ValueError(
            "the model's logits are NaN or infinite, so no output can be chosen; "
            "its weights are damaged or its training diverged: load an earlier checkpoint"
        )
    own = values.index_fill(-1, torch.tensor(special.banned, device=logits.device, dtype=torch.long), -torch.inf)
    return Chances(logits, own, own)


def picked(
    values: Float[Tensor, "B K V"], beams: Int[Tensor, "B C"], tokens: Int[Tensor, "B C"]
) -> Float[Tensor, "B C"]:
    """The value of each token after each beam."""
    return values.flatten(1).gather(1, beams * values.size(-1) + tokens)


def best_tokens(values: Float[Tensor, "B K V"], count: int) -> tuple[Float[Tensor, "B K N"], Int[Tensor, "B K N"]]:
    """The `count` highest values of each beam and their ids, highest first, equal values by ascending id.

    `topk` alone leaves open which of several equal values it takes; in bfloat16 equal logits are common.
    """
    count = min(count, values.size(-1))
    _, ids = values.topk(min(count + 1, values.size(-1)))
    top = values.gather(-1, ids)
    ids = ids[..., :count]
    cut = top[..., count - 1 : count]
    if top.size(-1) > count and bool((top[..., count:] == cut).logical_and(cut > -torch.inf).any()):
        # More than `count` values reach the cut: take all above it, and of those at it the lowest ids.
        lowest_first = -torch.arange(values.size(-1), device=values.device, dtype=values.dtype)
        rank = torch.where(values > cut, 1.0, torch.where(values == cut, lowest_first, -torch.inf))
        ids = rank.topk(count).indices
    ids = ids.sort(-1).values
    top, order = values.gather(-1, ids).sort(dim=-1, descending=True, stable=True)
    return top, ids.gather(-1, order)

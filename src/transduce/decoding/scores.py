"""From logits to scores of the next token, and to the best tokens in a fixed order.

Letters: B sentences, K beams, V vocabulary, N candidates per beam, C candidates, W tokens of a prompt and its output.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transduce.decoding.hypothesis import SpecialIds


@dataclass(frozen=True)
class TokenScores:
    """Scores of each possible next token.

    logits: those of the model, in float32.
    log_probs: the model's log-probabilities, -inf for ids that no output may hold. They sum to
        `Hypothesis.log_probability`.
    scores: searches rank and draw by these; `log_probs` itself until a rule reshapes it.
    """

    logits: Float[Tensor, "B K V"]
    log_probs: Float[Tensor, "B K V"]
    scores: Float[Tensor, "B K V"]

    def columns(self, first: int, last: int) -> "TokenScores":
        """Only those of beams `first` to `last` - 1."""
        log_probs = self.log_probs[:, first:last]
        scores = log_probs if self.scores is self.log_probs else self.scores[:, first:last]
        return TokenScores(self.logits[:, first:last], log_probs, scores)


def token_scores(logits: Float[Tensor, "B K V"], open_beams: Bool[Tensor, "B K"], special: SpecialIds) -> TokenScores:
    """log softmax in float32, whatever the logits' type, with -inf for ids that no output may hold.

    Banned ids keep their share of the probability: the others are not normalised again, so that a sum over an output
    is the model's log-probability. Raises ValueError where an open beam has NaN or infinite logits.
    """
    vocabulary = logits.size(-1)
    if max(special.pad, special.start, special.end) >= vocabulary:
        raise ValueError(f"{special} has an id outside the model's vocabulary of {vocabulary} tokens")
    logits = logits.float()
    values = torch.log_softmax(logits, dim=-1)
    # One NaN or +inf logit, or nothing but -inf, makes its whole row NaN: one column tells.
    check_probabilities(values[..., 0].where(open_beams, 0.0))
    log_probs = values.index_fill(-1, torch.tensor(special.banned, device=logits.device, dtype=torch.long), -torch.inf)
    return TokenScores(logits, log_probs, log_probs)


def check_probabilities(values: Float[Tensor, "*N"]) -> None:
    """ValueError for NaN among probabilities or their logarithms: a softmax turns damaged logits into it."""
    if bool(values.isnan().any()):
        raise ValueError(
            "the model's logits are NaN or infinite, so it has no probabilities; "
            "its weights are damaged or its training diverged: load an earlier checkpoint"
        )


def values_of(
    values: Float[Tensor, "B K V"], beams: Int[Tensor, "B C"], tokens: Int[Tensor, "B C"]
) -> Float[Tensor, "B C"]:
    """The value of each token after each beam."""
    return values.flatten(1).gather(1, beams * values.size(-1) + tokens)


def members(tokens: Int[Tensor, "B K W"], vocabulary: int) -> Bool[Tensor, "B K V"]:
    """Which ids are among `tokens`; negative ones do not count."""
    present = torch.zeros(*tokens.shape[:-1], vocabulary + 1, dtype=torch.bool, device=tokens.device)
    present.scatter_(-1, tokens.where(tokens >= 0, vocabulary), True)  # the last column takes the negative ones
    return present[..., :-1]


def best_tokens(values: Float[Tensor, "B K V"], count: int) -> tuple[Float[Tensor, "B K N"], Int[Tensor, "B K N"]]:
    """The `count` highest values of each beam and their ids, highest first, equal values by ascending id.

    `topk` alone takes any of several equal values; in bfloat16 equal logits are common.
    """
    count = min(count, values.size(-1))
    _, ids = values.topk(min(count + 1, values.size(-1)))
    top = values.gather(-1, ids)
    ids = ids[..., :count]
    cut = top[..., count - 1 : count]
    if top.size(-1) > count and bool((top[..., count:] == cut).logical_and(cut > -torch.inf).any()):
        # More than `count` values reach the cut: all above it, then the lowest ids of those at it.
        lowest_first = -torch.arange(values.size(-1), device=values.device, dtype=values.dtype)
        rank = torch.where(values > cut, 1.0, torch.where(values == cut, lowest_first, -torch.inf))
        ids = rank.topk(count).indices
    ids = ids.sort(-1).values
    top, order = values.gather(-1, ids).sort(dim=-1, descending=True, stable=True)
    return top, ids.gather(-1, order)

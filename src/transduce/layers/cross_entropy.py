"""Cross-entropy over a vocabulary, without the logits of all tokens at once.

Letters: N target tokens, R rows of one piece of them, D width of the model, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

LOGITS_AT_ONCE = 1 << 22  # numbers in memory: 8 MiB in bfloat16
UNDERFLOW = 1e-30  # a probability below it may have lost digits


class CrossEntropy(NamedTuple):
    """Sums over target tokens, in nats."""

    total: Float[Tensor, ""]  # smoothed cross-entropy; carries the gradient
    nll: Float[Tensor, ""]  # plain negative log-likelihood; carries none
    tokens: int


def linear_cross_entropy(
    hidden: Float[Tensor, "N D"],
    weight: Float[Tensor, "V D"],
    targets: Int[Tensor, " N"],
    smoothing: float,
    ignore: int,
    no_smoothing: Sequence[int] = (),
) -> CrossEntropy:
    """Label-smoothed cross-entropy (Szegedy et al. 2015, 1512.00567) of the logits hidden @ weight^T, summed over tokens.

    1 - smoothing of the weight is on the target; the rest is spread evenly over all tokens but those of `no_smoothing`.
    Without such tokens it equals
    F.cross_entropy(logits, targets, ignore_index=ignore, label_smoothing=smoothing, reduction="sum"). Rows whose target is
    `ignore` count nothing.
    """
    places = (targets != ignore).nonzero().squeeze(1)
    rows = hidden.index_select(0, places)
    without = torch.tensor(no_smoothing, dtype=torch.long, device=weight.device)
    total, nll = _LinearCrossEntropy.apply(rows, weight, targets[places], smoothing, without)  # type: ignore[no-untyped-call]
    return CrossEntropy(total, nll, len(places))


class _LinearCrossEntropy(torch.autograd.Function):
    """In pieces of rows, so that memory never holds the logits of a whole batch.

    The forward pass computes the gradients too, while the probabilities of a piece are still in the cache. The backward
    pass scales them by the gradient of the loss. Probabilities have the number format of the logits. The share of the loss
    that smoothing spreads over the vocabulary needs no logits: summed over rows it is (sum of hidden) . (sum of weight).
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, smoothing: float, without: Tensor
    ) -> tuple[Tensor, Tensor]:
        wide = torch.promote_types(hidden.dtype, torch.float32)
        total = hidden.sum(0, dtype=wide)
        column = weight.sum(0, dtype=wide) - weight[without].sum(0, dtype=wide)
        share = smoothing / (len(weight) - len(without))
        nll, own = torch.zeros(2, dtype=wide, device=hidden.device).unbind()
        needs_gradient = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        grad_hidden, grad_weight = torch.empty_like(hidden), torch.zeros_like(weight, dtype=wide)
        rows = max(1, LOGITS_AT_ONCE // len(weight))
        for start in range(0, len(hidden), rows):
            piece, target = hidden[start : start + rows], targets[start : start + rows, None]
            logits = piece @ weight.t()
            probabilities = torch.softmax(logits, dim=-1)
            certainty = _take_target(probabilities, target, wide)
            nll = nll + _nll(logits, probabilities, target, certainty).sum()
            own = own + logits.gather(1, target).sum(dtype=wide)
            if needs_gradient:
                probabilities.scatter_(1, target, (certainty + (smoothing - 1.0)).to(hidden.dtype))
                grad_hidden[start : start + rows] = probabilities @ weight
                grad_weight += probabilities.t() @ piece
        if needs_gradient:
            grad_hidden.sub_((share * column).to(hidden.dtype))
            grad_weight.sub_(share * total).index_add_(0, without, (share * total).expand(len(without), -1))
            ctx.save_for_backward(grad_hidden, grad_weight.to(weight.dtype))
        ctx.mark_non_differentiable(nll)
        return nll + smoothing * own - share * (total @ column), nll

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        grad_hidden, grad_weight = ctx.saved_tensors
        scale = gradients[0]
        return grad_hidden * scale.to(grad_hidden.dtype), grad_weight * scale.to(grad_weight.dtype), None, None, None


def _take_target(
    probabilities: Float[Tensor, "R V"], target: Int[Tensor, "R 1"], wide: torch.dtype
) -> Float[Tensor, "R 1"]:
    """The targets' probabilities; sets their places to 0.

    Bfloat16 has few numbers near 1. There a target's probability is 1 minus the sum of all others, which is exact enough in
    bfloat16; in float32 the sum would need a copy of them all.
    """
    own = probabilities.gather(1, target).to(wide)
    others = probabilities.scatter_(1, target, 0.0).sum(-1, keepdim=True).to(wide)
    return torch.where(own > 0.5, 1.0 - others, own)


def _nll(
    logits: Float[Tensor, "R V"],
    probabilities: Float[Tensor, "R V"],
    target: Int[Tensor, "R 1"],
    certainty: Float[Tensor, "R 1"],
) -> Float[Tensor, "R 1"]:
    """-log of the targets' probabilities, which `certainty` has, in its type; `probabilities` are all the others'."""
    certain = certainty > UNDERFLOW
    if bool(certain.all()):
        return -certainty.log()
    # from the largest logit, of another token, whose probability cannot underflow
    peak, at = logits.max(-1, keepdim=True)
    behind = (peak - logits.gather(1, target)).to(certainty.dtype)
    return torch.where(certain, -certainty.log(), behind - probabilities.gather(1, at).to(certainty.dtype).log())

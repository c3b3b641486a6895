"""Losses over a vocabulary.

Letters: N target tokens, R rows of one piece of them, D width of the model, V vocabulary.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

PIECE = 1 << 22  # logits that stand in memory at once: 8 MiB in bfloat16


@dataclass(frozen=True)
class TokenLoss:
    """Sums over target tokens: divide by the `tokens` of the whole update, all its micro-batches counted."""

    loss: Float[Tensor, ""]  # smoothed cross-entropy in nats; carries the gradient
    nll: Float[Tensor, ""]  # plain negative log-likelihood in nats; carries none
    tokens: int


def linear_cross_entropy(
    hidden: Float[Tensor, "N D"],
    weight: Float[Tensor, "V D"],
    targets: Int[Tensor, " N"],
    smoothing: float,
    padding: int,
) -> TokenLoss:
    """Label-smoothed cross-entropy (Szegedy et al. 2015, 1512.00567) of the logits hidden @ weight^T, summed over tokens.

    Equals F.cross_entropy(logits, targets, ignore_index=padding, label_smoothing=smoothing, reduction="sum"):
    1 - smoothing of the weight on the target, smoothing / V on every token. Rows whose target is `padding` count nothing.
    """
    loss, nll = _LinearCrossEntropy.apply(hidden, weight, targets, smoothing, padding)  # type: ignore[no-untyped-call]
    return TokenLoss(loss, nll, int((targets != padding).sum()))


class _LinearCrossEntropy(torch.autograd.Function):
    """In pieces of rows, so that the logits of a whole batch never stand in memory.

    The gradients are made on the way forward, while the logits of the piece are still in the cache, and scaled on the way
    back: the loss is linear in what comes from behind.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, smoothing: float, padding: int
    ) -> tuple[Tensor, Tensor]:
        loss, nll = hidden.new_zeros(2, dtype=_sum_type(hidden)).unbind()
        wanted = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        grad_hidden = torch.empty_like(hidden) if wanted else None
        grad_weight = torch.zeros_like(weight, dtype=_sum_type(weight)) if wanted else None
        rows = max(1, PIECE // len(weight))
        for start in range(0, len(hidden), rows):
            piece, target = hidden[start : start + rows], targets[start : start + rows]
            counted = target != padding
            probabilities, own, uniform = _piece(piece @ weight.t(), target)
            nll = nll + own.masked_fill(~counted, 0.0).sum()
            smoothed = (1.0 - smoothing) * own + smoothing * uniform if smoothing else own
            loss = loss + smoothed.masked_fill(~counted, 0.0).sum()
            if grad_hidden is not None and grad_weight is not None:
                gradient = _logit_gradient(probabilities, target, counted, smoothing).to(hidden.dtype)
                grad_hidden[start : start + rows] = gradient @ weight
                grad_weight += gradient.t() @ piece
        if grad_hidden is not None and grad_weight is not None:
            ctx.save_for_backward(grad_hidden, grad_weight.to(weight.dtype))
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        grad_hidden, grad_weight = ctx.saved_tensors
        scale = gradients[0]
        return grad_hidden * scale.to(grad_hidden.dtype), grad_weight * scale.to(grad_weight.dtype), None, None, None


def _sum_type(tensor: Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)


def _piece(
    logits: Float[Tensor, "R V"], target: Int[Tensor, " R"]
) -> tuple[Float[Tensor, "R V"], Float[Tensor, " R"], Float[Tensor, " R"]]:
    """Probabilities, -log p of the target, and the mean of -log p over the vocabulary."""
    probabilities = torch.softmax(logits, dim=-1, dtype=_sum_type(logits))
    peak, at = logits.max(-1, keepdim=True)
    # log of the sum of exponentials by way of the largest logit, whose probability cannot underflow
    log_sum = (peak - probabilities.gather(1, at).log()).squeeze(1)
    own = log_sum - logits.gather(1, target[:, None]).squeeze(1)
    return probabilities, own, log_sum - logits.mean(-1, dtype=log_sum.dtype)


def _logit_gradient(
    probabilities: Float[Tensor, "R V"], target: Int[Tensor, " R"], counted: Tensor, smoothing: float
) -> Float[Tensor, "R V"]:
    """p - (1 - smoothing) onehot - smoothing / V, zero in rows of padding. Overwrites `probabilities`."""
    gradient = probabilities.sub_(smoothing / probabilities.shape[1])
    gradient.scatter_add_(1, target[:, None], gradient.new_full((len(target), 1), smoothing - 1.0))
    return gradient.mul_(counted[:, None])

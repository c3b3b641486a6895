"""The divergence of two predictions of the same tokens, without the logits of all tokens at once.

Letters: N target tokens, R rows of one piece of them, D width of the model, V vocabulary.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from transduce.layers.cross_entropy import LOGITS_AT_ONCE


def symmetric_divergence(
    first: Float[Tensor, "N D"], second: Float[Tensor, "N D"], weight: Float[Tensor, "V D"], included: Tensor
) -> Float[Tensor, ""]:
    """(KL(p || q) + KL(q || p)) / 2 of p = softmax(first @ weight^T) and q = softmax(second @ weight^T), over included rows."""
    gap: Tensor = _SymmetricDivergence.apply(first, second, weight, included)  # type: ignore[no-untyped-call]
    return gap


class _SymmetricDivergence(torch.autograd.Function):
    """In pieces of rows like the cross-entropy; the forward pass computes the gradients too.

    With d = log p - log q the divergence of a row is sum (p - q) d / 2, and its gradient with respect to the first logits

        (p (d - sum p d) + p - q) / 2

    which with p and q, d and -d exchanged is that for the second.
    """

    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, weight: Tensor, included: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float32, device=first.device)
        gradients = [torch.empty_like(first), torch.empty_like(second)]
        grad_weight = torch.zeros_like(weight, dtype=torch.float32)
        rows = max(1, LOGITS_AT_ONCE // (2 * len(weight)))
        for start in range(0, len(first), rows):
            piece = slice(start, start + rows)
            hidden = (first[piece], second[piece])
            logs = [torch.log_softmax(each @ weight.t(), dim=-1, dtype=torch.float32) for each in hidden]
            p, q = logs[0].exp(), logs[1].exp()
            blank = ~included[piece, None]  # filled, not multiplied: padding may have NaN
            apart = (logs[0] - logs[1]).masked_fill_(blank, 0.0)
            p, q = p.masked_fill_(blank, 0.0), q.masked_fill_(blank, 0.0)
            total += ((p - q) * apart).sum() / 2
            for side, (own, other, sign) in enumerate(((p, q, 1.0), (q, p, -1.0))):
                inner = sign * apart
                logits = own * (inner - (own * inner).sum(-1, keepdim=True)) + (own - other)
                gradient = (logits / 2).to(weight.dtype)
                gradients[side][piece] = gradient @ weight
                grad_weight += gradient.t() @ hidden[side]
        ctx.save_for_backward(*gradients, grad_weight.to(weight.dtype))
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        first, second, weight = (tensor * gradients[0].to(tensor.dtype) for tensor in ctx.saved_tensors)
        return first, second, weight, None

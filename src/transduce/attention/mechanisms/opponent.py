"""Opponent attention: a second attention that must do without the best key of the first.

Letters: B batch, L queries, S keys, D width of queries and keys, V of values; N predictions, C classes.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.attend import SOFTMAX
from transduce.attention.mask import Mask
from transduce.attention.mechanisms.mechanism import Attention, Mechanism


def without_best(scores: Float[Tensor, "*B L S"], allowed: Bool[Tensor, "..."] | None) -> Float[Tensor, "*B L S"]:
    """The normaliser of the opponent: softmax over all keys but the one with the highest weight. One key alone: zeros."""
    if not scores.shape[-1]:  # `argmax` refuses rows without keys
        return scores
    best = SOFTMAX(scores, allowed).argmax(-1, keepdim=True)
    others = torch.ones_like(scores, dtype=torch.bool).scatter_(-1, best, False)
    return SOFTMAX(scores, others if allowed is None else others & allowed)


def opponent_loss(logits: Float[Tensor, "N C"], targets: Int[Tensor, " N"]) -> Float[Tensor, ""]:
    """Cross-entropy under a softmin: predictions from the opponent's output are to be wrong. Add it to the usual loss."""
    return F.cross_entropy(-logits, targets)


class Opponent(nn.Module):
    """Scaled dot-product attention and its opponent, on the same scores."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.opponent = Attention(), Attention(normalise=without_best)

    def forward(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S V"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "B L 2*V"]:
        """The output of the attention, and that of its opponent behind it."""
        return torch.cat([part(query, key, value, mask) for part in (self.attention, self.opponent)], -1)

    def weights(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S V"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "B 2 L S"]:
        """Two maps: attention and opponent."""
        return torch.stack([part.weights(query, key, value, mask) for part in (self.attention, self.opponent)], 1)


OPPONENT = Mechanism(
    name="opponent",
    purpose="A second attention ignores the best key; training makes its predictions wrong, and so the first one sharper.",
    formula="attention: softmax_j(s_ij) v_j; opponent: softmax_j(s_ij) v_j over j other than argmax_j s_ij",
    paper="Duan et al. 2019, Contrastive Attention Mechanism for Abstractive Sentence Summarization, 1910.13114",
    cost="twice that of one attention; no parameters",
    kind="arrangement",
    build=lambda width: Opponent(),
    shapes="(B, L, D), (B, S, D), (B, S, V) -> (B, L, 2 V)",
    caption="A row shows where its word looks: the attention ('head 1'), and its opponent ('head 2').",
    note="The paper calls the pair contrastive attention. `opponent_loss` is the loss of the opponent's predictions.",
    alternates=("contrastive",),
)

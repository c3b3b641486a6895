"""Fine-grained attention: a weight for each feature of the values.

Letters: B batch, L queries, S keys, D width of a query, E of a key, V of a value.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.attend import SOFTMAX
from transduce.attention.mask import DenseMask, Mask
from transduce.attention.masks import zero_unseen
from transduce.attention.mechanisms.mechanism import Mechanism, sentences

FEATURES = 2  # of the values of the example


class FineGrained(nn.Module):
    """Additive scores with one output for each feature of the values, each with a softmax of its own."""

    def __init__(self, query: int, key: int, value: int, hidden: int) -> None:
        super().__init__()
        self.from_query = nn.Linear(query, hidden)
        self.from_key = nn.Linear(key, hidden, bias=False)
        self.to_scores = nn.Linear(hidden, value, bias=False)

    def forward(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S E"],
        value: Float[Tensor, "B S V"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "B L V"]:
        if value.shape[-1] != self.to_scores.out_features:
            raise ValueError(f"expected values with {self.to_scores.out_features} features, found {value.shape[-1]}")
        dense = None if mask is None else mask.written_out_for(query, key)
        return torch.einsum("bvls,bsv->blv", self._weights(query, key, dense), zero_unseen(value, dense))

    def weights(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S E"],
        value: Float[Tensor, "B S V"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "B V L S"]:
        """A map for each feature."""
        return self._weights(query, key, None if mask is None else mask.written_out_for(query, key))

    def _weights(self, query: Tensor, key: Tensor, mask: DenseMask | None) -> Float[Tensor, "B V L S"]:
        key = zero_unseen(key, mask)
        hidden = self.from_query(query).unsqueeze(2) + self.from_key(key).unsqueeze(1)  # (B, L, S, A)
        scores = self.to_scores(hidden.tanh()).permute(0, 3, 1, 2)
        return SOFTMAX(scores, None if mask is None else mask.allowed)


def few_features(batch: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    query, key, value = sentences(batch, width)
    return query, key, value[..., :FEATURES]


FINE_GRAINED = Mechanism(
    name="fine-grained",
    purpose="Each feature of a value has a weight of its own: a query may take one feature here, another one there.",
    formula="out_i^n = sum_j softmax_j(e_ij)^n v_j^n with e_ij = U tanh(W q_i + V k_j), a vector",
    paper="Choi, Cho and Bengio 2018, Fine-Grained Attention Mechanism for Neural Machine Translation, 1803.11407",
    cost="time L * S * A * V and memory L * S * (A + V) for a hidden width A",
    kind="own part",
    build=lambda width: FineGrained(width, width, FEATURES, width),
    shapes="(B, L, D), (B, S, E), (B, S, V) -> (B, L, V), V fixed",
    inputs=few_features,
    caption="A row shows where its word looks; each map ('head') is that of one feature.",
)

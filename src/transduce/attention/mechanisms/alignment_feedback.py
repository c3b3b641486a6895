"""Additive attention that sees features of its own earlier weights: one step after the other.

Letters: B batch, L queries, S keys, D width of queries, E width of keys, V width of values, C features, A hidden width.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.masks import zero_padding
from transduce.attention.normalisers import Softmax
from transduce.attention.scores import Additive


class AlignmentFeedback(nn.Module):
    """Energies of step i: v . tanh(W q_i + U k_j + X f_j + b), where f = features(memory) describes the steps before.

    features: from the memory (B, S) to (B, S, count). update: from memory and new weights to the next memory; it begins
    with zeros. keys_allowed: False at padding.
    """

    def __init__(
        self,
        query_width: int,
        key_width: int,
        hidden: int,
        features: nn.Module,
        count: int,
        update: Callable[[Tensor, Tensor], Tensor],
    ) -> None:
        super().__init__()
        self.score = Additive(query_width, key_width, hidden)
        self.features, self.update = features, update
        self.from_features = nn.Linear(count, hidden, bias=False)

    def forward(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S E"],
        value: Float[Tensor, "B S V"],
        keys_allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B L V"]:
        return self.weights(query, key, value, keys_allowed) @ zero_padding(value, keys_allowed)

    def weights(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S E"],
        value: Float[Tensor, "B S V"],
        keys_allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B L S"]:
        score = self.score
        queries, keys = score.from_query(query), score.from_key(zero_padding(key, keys_allowed))
        memory = torch.zeros_like(keys[..., 0])
        rows = []
        for step in queries.unbind(1):
            hidden = step.unsqueeze(1) + keys + self.from_features(self.features(memory))  # (B, S, A)
            weights = Softmax()(score.to_score(score.activation(hidden)).squeeze(-1), keys_allowed)
            memory = self.update(memory, weights)
            rows.append(weights)
        return torch.stack(rows, 1)

"""Multi-head attention (Vaswani et al. 2017, section 3.2.2): projections around `attend`.

Letters: B batch, L queries, S keys, D width of the model, H heads, E = D / H width of a head.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.attend import SOFTMAX, attend, attention_weights
from transduce.attention.masks import DenseMask, Mask
from transduce.attention.normalisers import Softmax
from transduce.attention.positions import positions_from
from transduce.layers.initialise import xavier_blocks


class MultiHeadAttention(nn.Module):
    """softmax(q k^T / sqrt(E)) v in H subspaces, joined by an output map.

    The maps to queries, keys and values are packed in one weight (3 D, D) in that order, as in nn.MultiheadAttention, so
    that self-attention needs one product instead of three. In self-attention `rotation` (layers/positions.py) turns
    queries and keys by their positions.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0, rotation: nn.Module | None = None) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"d-model must be a multiple of heads, found {width} and {heads}")
        self.heads = heads
        self.in_training = Softmax(dropout)
        self.rotation = rotation
        self.packed_weight = nn.Parameter(torch.empty(3 * width, width))
        self.packed_bias = nn.Parameter(torch.zeros(3 * width))
        self.output = nn.Linear(width, width)
        xavier_blocks(self.packed_weight, 3)

    def forward(
        self, x: Float[Tensor, "B L D"], memory: Float[Tensor, "B S D"], mask: Mask | DenseMask | None = None
    ) -> Float[Tensor, "B L D"]:
        """Queries from x, keys and values from memory; self-attention when memory is x."""
        if memory is x:
            query, key, value = self.queries_keys_values(x)
        else:
            query = self.queries(x)
            key, value = self.keys_values(memory)
        return self.joined(attend(query, key, value, mask, normalise=self.in_training if self.training else SOFTMAX))

    def weights(
        self, x: Float[Tensor, "B L D"], memory: Float[Tensor, "B S D"], mask: Mask | DenseMask | None = None
    ) -> Float[Tensor, "B H L S"]:
        """The weights that `forward` uses, for people to look at; computed anew, so that `forward` need not keep them."""
        query, key = (
            self.queries_keys_values(x)[:2] if memory is x else (self.queries(x), self._project(memory, 1, 2)[0])
        )
        return attention_weights(query, key, mask)

    def queries(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B H L E"]:
        return self._project(x, 0, 1)[0]

    def keys_values(self, memory: Float[Tensor, "B S D"]) -> tuple[Float[Tensor, "B H S E"], Float[Tensor, "B H S E"]]:
        key, value = self._project(memory, 1, 3)
        return key, value

    def queries_keys_values(
        self, x: Float[Tensor, "B L D"], start: Int[Tensor, " B"] | None = None, longest: int = 0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Each (B, H, L, E), by one product; row b begins at position start[b] <= longest, or at 0."""
        query, key, value = self._project(x, 0, 3)
        if self.rotation is not None:
            positions = positions_from(start, x.shape[1], x.device)
            query, key = self.rotation(query, key, positions, longest + x.shape[1])
        return query, key, value

    def joined(self, heads: Float[Tensor, "B H L E"]) -> Float[Tensor, "B L D"]:
        """Heads side by side again, then the output map."""
        joined: Tensor = self.output(heads.transpose(1, 2).flatten(2))
        return joined

    def _project(self, x: Tensor, first: int, last: int) -> list[Tensor]:
        width = x.shape[-1]
        rows = slice(first * width, last * width)
        packed = F.linear(x, self.packed_weight[rows], self.packed_bias[rows])
        # (B, L, n D) -> (B, L, n, H, E) -> n times (B, H, L, E)
        split = packed.unflatten(-1, (last - first, self.heads, width // self.heads))
        return [part.transpose(1, 2) for part in split.unbind(2)]

"""Multi-head attention: several attentions side by side, each in a subspace of its own.

Letters: B batch, L queries, S keys, D width, H heads, G heads of keys and values, E width of a head.
"""

from jaxtyping import Float
from torch import Tensor

from transduce.attention.attend import attention_weights
from transduce.attention.mask import DenseMask, Mask
from transduce.attention.masks import zero_unseen
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.multihead import MultiHeadAttention, merge_heads


class MultiHead(MultiHeadAttention):
    """`MultiHeadAttention` between any queries, keys and values of one width, as torch.nn.MultiheadAttention has it."""

    def forward(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S D"],
        mask: Mask | DenseMask | None = None,
    ) -> Float[Tensor, "B L D"]:
        mask = self._for_layers(mask, query, key)
        value = self.to_query_key_value.part(zero_unseen(value, mask), 2, 3)
        (values,) = self.split_heads(value, self.key_value_heads)
        attended = self.attend(*self._queries_keys(query, zero_unseen(key, mask)), values, mask, None)
        output: Tensor = self.to_output(merge_heads(attended))
        return output

    def weights(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S D"],
        mask: Mask | DenseMask | None = None,
    ) -> Float[Tensor, "B H L S"]:
        mask = self._for_layers(mask, query, key)
        projections = self._queries_keys(query, zero_unseen(key, mask))
        return attention_weights(*projections, mask, None, self.score, self.normalise)

    def _for_layers(self, mask: Mask | DenseMask | None, query: Tensor, key: Tensor) -> Mask | DenseMask | None:
        """Written out, which tells the keys that no query sees; a narrow window stays a rule, which chunks compute."""
        if not isinstance(mask, Mask):
            return mask
        if query.shape[1] == key.shape[1]:
            return mask.for_layers(len(query), self.heads, query.shape[1], query.device)
        return mask.written_out_for(query, key, self.heads)

    def _queries_keys(self, query: Tensor, key: Tensor) -> tuple[Float[Tensor, "B H L E"], Float[Tensor, "B G S E"]]:
        (queries,) = self.split_heads(self.to_query_key_value.part(query, 0, 1), self.heads)
        (keys,) = self.split_heads(self.to_query_key_value.part(key, 1, 2), self.key_value_heads)
        return queries, keys


MULTI_HEAD = Mechanism(
    name="multi-head",
    purpose="Several attentions side by side: each head compares other features, and an output map mixes them.",
    formula="[head_1 .. head_H] W_O with head_h = softmax(Q W_h^Q (K W_h^K)^T / sqrt(D / H)) V W_h^V",
    paper="Vaswani et al. 2017, Attention Is All You Need, 1706.03762, section 3.2.2; grouped: Ainslie et al. 2023, 2305.13245",
    cost="time L * S * D + (L + S) D^2; 4 D^2 + 4 D parameters; fewer with grouped heads",
    kind="point",
    build=lambda width: MultiHead(width, heads=2),
    shapes="(B, L, D), (B, S, D), (B, S, D) -> (B, L, D)",
    note="With fewer heads of keys and values (key_value_heads) several heads of queries share one of them.",
)

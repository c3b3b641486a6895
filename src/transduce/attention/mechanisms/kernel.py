"""Kernel attention: a product of features in place of the exponential, in linear time.

Letters: B batch, L queries, S keys, D width of queries and keys, V width of values, M features.
"""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.attend import attend, attention_weights
from transduce.attention.linear import FeatureMap, causal_linear_attend, elu_plus_one, linear_attend
from transduce.attention.masks import Mask, causal
from transduce.attention.mechanisms.mechanism import Mechanism


@dataclass(frozen=True)
class KernelScore:
    """phi(q) . phi(k), at least 0."""

    feature_map: FeatureMap

    def __call__(self, query: Float[Tensor, "*B L D"], key: Float[Tensor, "*B S D"]) -> Float[Tensor, "*B L S"]:
        return self.feature_map(query) @ self.feature_map(key).transpose(-2, -1)


@dataclass(frozen=True)
class Shares:
    """Each score over the sum of its row; zeros for a row that may attend to nothing."""

    def __call__(self, scores: Float[Tensor, "*B L S"], allowed: Bool[Tensor, "..."] | None) -> Float[Tensor, "*B L S"]:
        scores = scores if allowed is None else scores.masked_fill(~allowed, 0.0)
        total = scores.sum(-1, keepdim=True)
        return scores / total.masked_fill(total == 0, 1.0)


class KernelAttention(nn.Module):
    """`linear_attend` with a feature map, for a mask over keys alone, such as padding.

    A mask that looks at the queries too needs the whole matrix: time and memory L * S, with the same result.
    """

    def __init__(self, feature_map: FeatureMap = elu_plus_one) -> None:
        super().__init__()
        self.feature_map = feature_map

    def forward(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S V"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "B L V"]:
        if mask is None:
            return linear_attend(query, key, value, self.feature_map)
        dense = mask.dense(len(query), 1, query.shape[1], key.shape[1], query.device)  # (B or 1, 1, L, S)
        if dense.stride(2) == 0:  # an axis that `dense` expands: the mask does not look at it
            return linear_attend(query, key, value, self.feature_map, dense[:, 0, 0].expand(len(query), -1))
        query, key, value = (each.unsqueeze(1) for each in (query, key, value))  # one head
        return attend(query, key, value, mask, score=KernelScore(self.feature_map), normalise=Shares()).squeeze(1)

    def weights(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S V"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "B L S"]:
        """The matrix that `forward` does not form."""
        query, key = query.unsqueeze(1), key.unsqueeze(1)
        return attention_weights(query, key, mask, score=KernelScore(self.feature_map), normalise=Shares()).squeeze(1)


class CausalKernelAttention(nn.Module):
    """`causal_linear_attend`: no query sees a later key. Queries and keys have one length."""

    def __init__(self, feature_map: FeatureMap = elu_plus_one) -> None:
        super().__init__()
        self.feature_map, self.quadratic = feature_map, KernelAttention(feature_map)

    def forward(
        self, query: Float[Tensor, "B L D"], key: Float[Tensor, "B L D"], value: Float[Tensor, "B L V"]
    ) -> Float[Tensor, "B L V"]:
        return causal_linear_attend(query, key, value, self.feature_map)

    def weights(
        self, query: Float[Tensor, "B L D"], key: Float[Tensor, "B L D"], value: Float[Tensor, "B L V"]
    ) -> Float[Tensor, "B L L"]:
        return self.quadratic.weights(query, key, value, causal())


KERNEL = Mechanism(
    name="kernel",
    purpose="Sums over the keys are computed once for all queries: time is linear in the length.",
    formula="phi(q_i)^T sum_j phi(k_j) v_j^T / phi(q_i)^T sum_j phi(k_j) with phi(x) = elu(x) + 1",
    paper="Katharopoulos et al. 2020, Transformers are RNNs, 2006.16236; random features: Choromanski et al. 2020, 2009.14794",
    cost="time (L + S) * M * V, memory M * V; no parameters",
    kind="own part",
    build=lambda width: KernelAttention(),
    note="Other feature maps in attention/linear.py: FAVOR+ (random, near softmax) and all products of two features.",
)

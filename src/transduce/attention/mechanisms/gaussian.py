"""Gaussian attention: a learned centre for each query, and weights that fall off around it.

Letters: B batch, L queries, S keys, D width of queries and keys, V width of values, A hidden width.
"""

from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.attend import attend, attention_weights
from transduce.attention.biases import gaussian
from transduce.attention.mask import DenseMask, Mask
from transduce.attention.masks import count_seen
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.ranges import above_zero
from transduce.attention.scores import ScaledDotProduct

UNSCALED = ScaledDotProduct(1.0)


class GaussianAttention(nn.Module):
    """Dot products plus -(j - p_i)^2 / (2 deviation^2), with the centre p_i = S sigmoid(v . tanh(W q_i)) of query i.

    S is the number of keys that some query may attend to. ValueError for a deviation of at most 0.
    """

    def __init__(self, width: int, hidden: int, deviation: float) -> None:
        super().__init__()
        above_zero("deviation", deviation)
        self.deviation = deviation
        self.to_centre = nn.Sequential(
            nn.Linear(width, hidden, bias=False), nn.Tanh(), nn.Linear(hidden, 1, bias=False)
        )

    def forward(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S V"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "B L V"]:
        allowed, bias = self._allowed_and_bias(query, key, mask)
        query, key, value = (each.unsqueeze(1) for each in (query, key, value))  # one head
        return attend(query, key, value, allowed, bias=bias, score=UNSCALED).squeeze(1)

    def weights(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S V"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "B L S"]:
        allowed, bias = self._allowed_and_bias(query, key, mask)
        return attention_weights(query.unsqueeze(1), key.unsqueeze(1), allowed, bias, UNSCALED).squeeze(1)

    def _allowed_and_bias(
        self, query: Tensor, key: Tensor, mask: Mask | None
    ) -> tuple[DenseMask | None, Float[Tensor, "B 1 L S"]]:
        keys = key.shape[1]
        allowed = None if mask is None else mask.written_out_for(query, key)
        seen = keys if allowed is None else count_seen(allowed)
        centres: Tensor = seen * self.to_centre(query).squeeze(-1).sigmoid()
        return allowed, gaussian(centres, keys, self.deviation).unsqueeze(1)


GAUSSIAN = Mechanism(
    name="gaussian",
    purpose="Each query predicts where to look; keys near that place get more weight, without a hard border.",
    formula="softmax_j(q_i . k_j - (j - p_i)^2 / (2 deviation^2)) v_j with p_i = S sigmoid(v . tanh(W q_i))",
    paper="Luong, Pham and Manning 2015, Effective Approaches to Attention-based NMT, 1508.04025 (after local-p)",
    cost="time and memory L * S; D A + A parameters",
    kind="point",
    build=lambda width: GaussianAttention(width, width, 1.0),
    note="local-p of the paper multiplies the weights after the softmax, so that rows sum to less than 1; here they sum to 1.",
    alternates=("local", "local-predictive"),
)

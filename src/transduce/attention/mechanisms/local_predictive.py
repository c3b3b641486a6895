"""Local-predictive attention: a query predicts the centre of its window.

Letters: B batch, L queries, S keys, D width of queries and keys, V of values.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.attention.attend import attention_weights
from transduce.attention.biases import gaussian
from transduce.attention.mask import DenseMask, Mask
from transduce.attention.masks import count_seen, everything, zero_unseen
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.scores import ScaledDotProduct

DOT = ScaledDotProduct(1.0)


class LocalPredictive(nn.Module):
    """Local-p of Luong et al.: dot-product attention over |j - p_i| <= reach, then times exp(-(j - p_i)^2 / 2 sigma^2), with
    sigma = reach / 2. The weights are not normalised again, so that rows sum to less than 1.

    p_i = S sigmoid(v . tanh(W q_i)), where S is the number of keys that some query may attend to. ValueError for a reach
    below 1.
    """

    def __init__(self, width: int, hidden: int, reach: int) -> None:
        super().__init__()
        if reach < 1:
            raise ValueError(f"reach must be at least 1, found {reach}: the Gaussian is half as wide")
        self.reach = reach
        self.to_hidden = nn.Linear(width, hidden, bias=False)
        self.to_centre = nn.Linear(hidden, 1, bias=False)

    def forward(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S V"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "B L V"]:
        dense = (mask or everything()).written_out_for(query, key)
        return self._weights(query, key, dense) @ zero_unseen(value, dense)

    def weights(
        self,
        query: Float[Tensor, "B L D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S V"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "B L S"]:
        return self._weights(query, key, (mask or everything()).written_out_for(query, key))

    def _weights(self, query: Tensor, key: Tensor, mask: DenseMask) -> Float[Tensor, "B L S"]:
        keys, centres = key.shape[1], self.centres(query, count_seen(mask))
        near = (torch.arange(keys, device=query.device) - centres.unsqueeze(-1)).abs() <= self.reach
        window = DenseMask(mask.allowed & near.unsqueeze(1))
        weights = attention_weights(query.unsqueeze(1), key.unsqueeze(1), window, score=DOT).squeeze(1)
        return weights * gaussian(centres, keys, self.reach / 2).exp()

    def centres(self, query: Float[Tensor, "B L D"], keys: Int[Tensor, "_ 1"]) -> Float[Tensor, "B L"]:
        """p for each query. keys: their number, for each row or for all."""
        share: Tensor = self.to_centre(self.to_hidden(query).tanh()).sigmoid().squeeze(-1)
        return keys * share


LOCAL_PREDICTIVE = Mechanism(
    name="local-predictive",
    purpose="A query predicts where to look, and sees a window around that place, its middle best (local-p).",
    formula="softmax_j(q_i . k_j) exp(-(j - p_i)^2 / 2 sigma^2) v_j over |j - p_i| <= D with p_i = S sigmoid(v . tanh(W q_i))",
    paper="Luong, Pham and Manning 2015, Effective Approaches to Attention-based NMT, 1508.04025 (local-p)",
    cost="time and memory L * window (this module forms all L * S); D A + A parameters for a hidden width A",
    kind="own part",
    build=lambda width: LocalPredictive(width, width, reach=2),
    caption="A row shows where its word looks: near the place that it predicts. Rows sum to less than 100.",
    sums_to_one=False,
    note="A Gaussian before the softmax, `biases.gaussian`, gives rows that sum to 1; the paper multiplies behind it.",
    alternates=("local", "gaussian"),
)

"""Dynamic convolution attention: the last alignment, moved on by filters that the query chooses.

Letters: B batch, L queries, S keys, D width of queries, V width of values, C filters, K taps of a filter, A hidden width.
"""

from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.masks import zero_padding
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.normalisers import Softmax

LOWEST_PRIOR = 1e-6  # a floor of the prior, so that its logarithm is finite


def beta_binomial(most: int, alpha: float, beta: float) -> Float[Tensor, " K"]:
    """The probabilities of 0 .. most steps forward; their mean is most * alpha / (alpha + beta), in float64.

    C(most, k) B(k + alpha, most - k + beta) / B(alpha, beta), where B is the beta function.
    """
    steps = torch.arange(most + 1, dtype=torch.float64)
    one, a, b = (torch.tensor(each, dtype=torch.float64) for each in (1.0, alpha, beta))

    def log_beta(x: Tensor, y: Tensor) -> Tensor:
        return torch.lgamma(x) + torch.lgamma(y) - torch.lgamma(x + y)

    log_choices = torch.lgamma(one + most) - torch.lgamma(one + steps) - torch.lgamma(one + most - steps)
    return (log_choices + log_beta(steps + a, most - steps + b) - log_beta(a, b)).exp()


def moved_forward(alignment: Float[Tensor, "B S"], steps: Float[Tensor, " K"]) -> Float[Tensor, "B S"]:
    """sum_k steps[k] alignment[j - k]: with the probability steps[k] it moves k keys forward."""
    padded = F.pad(alignment.unsqueeze(1), (len(steps) - 1, 0))
    return F.conv1d(padded, steps.flip(0).view(1, 1, -1)).squeeze(1)


class DynamicConvolution(nn.Module):
    """Energies of one step, from the last alignment a, the query q and no key:

        v . tanh(U (F * a) + T (G(q) * a) + b) + log(P * a)    with G(q) = V_G tanh(W_G q + b_G)

    F: `filters` learned filters of `taps` taps; G(q): as many that the query chooses; P: the Beta-Binomial prior, which
    moves forward by 0 to `most` keys, on average by one. The first alignment is on key 0.
    """

    def __init__(
        self,
        query_width: int,
        hidden: int,
        filters: int = 8,
        taps: int = 21,
        most: int = 10,
        alpha: float = 0.1,
        beta: float = 0.9,
    ) -> None:
        super().__init__()
        if taps % 2 == 0:
            raise ValueError(f"filters need an odd number of taps, which has a middle, found {taps}")
        self.filters = filters
        self.static = nn.Conv1d(1, filters, taps, padding=taps // 2, bias=False)  # F
        self.chooser = nn.Sequential(
            nn.Linear(query_width, hidden), nn.Tanh(), nn.Linear(hidden, filters * taps, bias=False)
        )  # G
        self.from_static = nn.Linear(filters, hidden, bias=False)  # U
        self.from_dynamic = nn.Linear(filters, hidden)  # T, b
        self.to_score = nn.Linear(hidden, 1, bias=False)  # v
        self.prior = beta_binomial(most, alpha, beta)  # P; a constant, not a buffer: casting a module would round it

    def energies(self, query: Float[Tensor, "B D"], alignment: Float[Tensor, "B S"]) -> Float[Tensor, "B S"]:
        chosen = self.chooser(query).unflatten(-1, (self.filters, 1, -1))  # (B, C, 1, K)
        static = self.static(alignment.unsqueeze(1))  # (B, C, S)
        # one group for each row of the batch, as each has its own filters
        dynamic = F.conv1d(alignment, chosen.flatten(0, 1), padding="same", groups=len(query)).unflatten(
            0, (len(query), -1)
        )
        hidden = self.from_static(static.mT) + self.from_dynamic(dynamic.mT)  # (B, S, A)
        prior = moved_forward(alignment, self.prior.to(alignment)).clamp(min=LOWEST_PRIOR).log()
        energies: Tensor = self.to_score(hidden.tanh()).squeeze(-1) + prior
        return energies

    def forward(
        self,
        query: Float[Tensor, "B L D"],
        value: Float[Tensor, "B S V"],
        keys_allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B L V"]:
        """keys_allowed: False at padding. A row of padding alone gives zeros."""
        return self.weights(query, value, keys_allowed) @ zero_padding(value, keys_allowed)

    def weights(
        self,
        query: Float[Tensor, "B L D"],
        value: Float[Tensor, "B S V"],
        keys_allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B L S"]:
        alignment = torch.zeros_like(value[..., 0])
        alignment[:, 0] = 1.0
        rows = []
        for step in query.unbind(1):
            alignment = Softmax()(self.energies(step, alignment), keys_allowed)
            rows.append(alignment)
        return torch.stack(rows, 1)


STEPS, FRAMES = 6, 9

DYNAMIC_CONVOLUTIONAL = Mechanism(
    name="dynamic-convolutional",
    purpose="Moves the last alignment forward by filters from the query: it stays in order over very long inputs.",
    formula="a_i = softmax(v . tanh(U (F * a_{i-1}) + T (G(q_i) * a_{i-1}) + b) + log(P * a_{i-1}))",
    paper="Battenberg et al. 2019, Location-Relative Attention Mechanisms for Robust Long-Form Speech Synthesis, 1910.10288",
    cost="time L * S * C * (K + A), L steps one after the other",
    kind="own module",
    build=partial(DynamicConvolution, hidden=8),
    shapes="(B, L, D), (B, S, V) -> (B, L, V)",
    inputs=lambda batch, width: (torch.randn(batch, STEPS, width), torch.randn(batch, FRAMES, width)),
    sides=([f"step {step}" for step in range(1, STEPS + 1)], [f"frame {frame}" for frame in range(1, FRAMES + 1)]),
    caption="Each step moves the alignment of the step before; the prior moves it by one frame on average.",
    note="The name also stands for convolutions with filters from the token itself (1901.10430); here it is an attention.",
    alternates=("dynamic", "location-hybrid"),
)

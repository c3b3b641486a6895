"""Multi-step attention: every layer of a decoder attends to the source.

Letters: B batch, L target tokens, S source tokens, D width, K steps.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.attend import attend, attention_weights
from transduce.attention.masks import padding, zero_padding
from transduce.attention.mechanisms.cross import TARGET
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.attention.scores import ScaledDotProduct

STEPS = 2
DOT = ScaledDotProduct(1.0)


class MultiStep(nn.Module):
    """h <- h + softmax_j((W h + b + g) . z_j) (z_j + e_j), with a map W of each step. `allowed` is False at padding of z."""

    def __init__(self, width: int, steps: int) -> None:
        super().__init__()
        self.to_query = nn.ModuleList(nn.Linear(width, width) for _ in range(steps))

    def forward(
        self,
        hidden: Float[Tensor, "B L D"],
        target: Float[Tensor, "B L D"],
        states: Float[Tensor, "B S D"],
        source: Float[Tensor, "B S D"],
        allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B L D"]:
        """hidden h; target: embeddings g of the target tokens; states z of the encoder; source: embeddings e of its tokens."""
        return self._steps(hidden, target, states, source, allowed)[0]

    def weights(
        self,
        hidden: Float[Tensor, "B L D"],
        target: Float[Tensor, "B L D"],
        states: Float[Tensor, "B S D"],
        source: Float[Tensor, "B S D"],
        allowed: Bool[Tensor, "B S"] | None = None,
    ) -> Float[Tensor, "B K L S"]:
        """A map for each of K steps."""
        queries = torch.cat(self._steps(hidden, target, states, source, allowed)[1], 1)
        keys = zero_padding(states, allowed).unsqueeze(1).expand(-1, len(self.to_query), -1, -1)
        return attention_weights(queries, keys, padding(allowed), score=DOT)

    def _steps(
        self, hidden: Tensor, target: Tensor, states: Tensor, source: Tensor, allowed: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        """The last h, and the queries (B, 1, L, D) of each step."""
        keys = zero_padding(states, allowed).unsqueeze(1)
        values = zero_padding(states + source, allowed).unsqueeze(1)
        queries = []
        for to_query in self.to_query:
            queries.append((to_query(hidden) + target).unsqueeze(1))
            hidden = hidden + attend(queries[-1], keys, values, padding(allowed), score=DOT).squeeze(1)
        return hidden, queries


def translation(batch: int, width: int) -> tuple[Tensor, ...]:
    source = sentences(batch, width)[0]
    hidden, target = torch.randn(2, batch, len(TARGET), width)
    return hidden, target, source + 0.5 * torch.randn(batch, len(WORDS), width), source


MULTI_STEP = Mechanism(
    name="multi-step",
    purpose="Each layer of a decoder attends to the source again, with the results of the layers before it.",
    formula="d_i = W h_i + b + g_i; h_i <- h_i + softmax_j(d_i . z_j) (z_j + e_j), in every layer",
    paper="Gehring et al. 2017, Convolutional Sequence to Sequence Learning, 1705.03122",
    cost="time K * L * S * D for K steps; K (D^2 + D) parameters",
    kind="arrangement",
    build=lambda width: MultiStep(width, STEPS),
    shapes="(B, L, D), (B, L, D), (B, S, D), (B, S, D) -> (B, L, D)",
    inputs=translation,
    sides=(TARGET, WORDS),
    caption="A row shows where its target word looks; each map ('head') is a step.",
    note="In the paper a gated convolution stands before each step.",
)

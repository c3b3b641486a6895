"""Feedback memory: every layer attends to earlier states of all layers, the top one among them.

Letters: B batch, L tokens, N layers, D width.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.attend import attend, attention_weights
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.layers.feed_forward import FeedForward
from transduce.layers.initialise import xavier_linear


class FeedbackMemory(nn.Module):
    """At step t each layer attends to the memories m_{t - span} .. m_{t - 1}; then all its states become one memory:

        m_t = sum_l softmax(w)_l x_t^l    with x_t^0 the embedding and x_t^l the output of layer l

    All layers share the maps to keys and values. At step 0 there is no memory, and a layer is its feed-forward part alone.
    span: the longest distance of a memory, by default all. One head; steps run one after the other, in training too.
    """

    def __init__(self, width: int, layers: int, span: int | None = None) -> None:
        super().__init__()
        if layers < 1 or (span is not None and span < 1):
            raise ValueError(
                f"feedback memory needs at least 1 layer and a span of at least 1, found {layers} and {span}"
            )
        self.span = span
        self.to_key, self.to_value = xavier_linear(width, width), xavier_linear(width, width)
        self.layers = nn.ModuleList(FeedbackLayer(width) for _ in range(layers))
        self.mixture = nn.Parameter(torch.zeros(layers + 1))  # w

    def forward(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        return self._run(x)[0]

    def weights(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B N L L"]:
        """A matrix for each layer. Row 0 is zero."""
        return self._run(x)[1]

    def _run(self, x: Float[Tensor, "B L D"]) -> tuple[Float[Tensor, "B L D"], Float[Tensor, "B N L L"]]:
        length = x.shape[1]
        keys: list[Tensor] = []
        values: list[Tensor] = []
        outputs, rows = [], []
        for step in range(length):
            first = 0 if self.span is None else max(0, step - self.span)
            near = x[:, :0], x[:, :0]  # no memory yet
            if step:
                near = torch.cat(keys[first:], 1), torch.cat(values[first:], 1)
            states = [x[:, step, None]]
            weights = []
            for layer in self.layers:
                state, by_key = layer(states[-1], *near)
                states.append(state)
                weights.append(F.pad(by_key, (first, length - step)))
            memory = torch.einsum("n,nbld->bld", self.mixture.softmax(0), torch.stack(states))
            keys.append(self.to_key(memory))
            values.append(self.to_value(memory))
            outputs.append(states[-1])
            rows.append(torch.stack(weights, 1))
        return torch.cat(outputs, 1), torch.cat(rows, 2)


class FeedbackLayer(nn.Module):
    """x + W_O attend(W_Q norm(x), keys, values), then x + feed-forward(norm(x))."""

    def __init__(self, width: int, activation: Callable[[Tensor], Tensor] = F.gelu) -> None:
        super().__init__()
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_query = xavier_linear(width, width)
        self.to_output = xavier_linear(width, width, bias=False)  # without a bias: no memory adds nothing
        self.feed_forward = FeedForward(width, 4 * width, activation)

    def forward(
        self, x: Float[Tensor, "B 1 D"], keys: Float[Tensor, "B S D"], values: Float[Tensor, "B S D"]
    ) -> tuple[Float[Tensor, "B 1 D"], Float[Tensor, "B 1 S"]]:
        query, keys, values = (each.unsqueeze(1) for each in (self.to_query(self.attention_norm(x)), keys, values))
        x = x + self.to_output(attend(query, keys, values)).squeeze(1)
        x = x + self.feed_forward(self.feed_forward_norm(x))
        return x, attention_weights(query, keys).squeeze(1)


FEEDBACK = Mechanism(
    name="feedback",
    purpose="The lowest layer sees the highest states of earlier steps: depth grows with the length of the text.",
    formula="x_t^l = layer_l(x_t^{l-1}, m_{<t}) with m_t = sum_l softmax(w)_l x_t^l",
    paper="Fan et al. 2020, Addressing Some Limitations of Transformers with Feedback Memory, 2002.09402",
    cost="time N * L * L, L * N steps one after the other; keys and values of one layer instead of N",
    kind="own module",
    build=lambda width: FeedbackMemory(width, layers=2),
    shapes="(B, L, D) -> (B, L, D)",
    inputs=lambda batch, width: sentences(batch, width)[:1],
    sides=(WORDS, WORDS),
    caption="A head is a layer. A row shows which earlier memories its word reads; the first word has none.",
    sums_to_one=False,
    note="The name also stands for attention that is told its own earlier weights; here layers read states from above.",
    alternates=("coverage",),
)

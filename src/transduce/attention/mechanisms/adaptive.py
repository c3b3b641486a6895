"""Adaptive attention: each head learns how far back it looks.

Letters: B batch, L tokens, D width, H heads.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from transduce import config
from transduce.attention.biases import AdaptiveSpan, DistanceBias
from transduce.attention.mask import DenseMask, Mask
from transduce.attention.masks import causal
from transduce.attention.mechanisms.mechanism import Mechanism, sentences
from transduce.attention.model_attention import ModelAttention, Place
from transduce.attention.multihead import SelfAttention
from transduce.config import Fact


@dataclass(frozen=True)
class AdaptiveAttention(ModelAttention):
    """A learned span of each head, half of the longest at first. The loss has no cost on the spans, unlike the paper."""

    places: ClassVar[tuple[Place, ...]] = ("encoder", "decoder")

    longest: Annotated[int, "tokens of the longest span", Fact(at_least=1, at_most=1_000_000)] = 512
    ramp: Annotated[int, "tokens over which weights fall to 0 beyond the span", Fact(at_least=1, at_most=1_000_000)] = (
        32
    )

    def __post_init__(self) -> None:
        config.check(self)

    def bias(self, heads: int, causal: bool) -> DistanceBias:
        return AdaptiveSpan(heads, self.longest, self.ramp)


class Adaptive(nn.Module):
    """Causal self-attention with a learned span of each head. Add `span.span_loss()` times a small factor to the loss."""

    def __init__(self, width: int, heads: int, longest: int, ramp: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.span = AdaptiveSpan(heads, longest, ramp)

    def forward(self, x: Float[Tensor, "B L D"], mask: Mask | None = None) -> Float[Tensor, "B L D"]:
        output: Tensor = self.attention(x, self._mask(x, mask), self.span(x.shape[1], x.shape[1]))[0]
        return output

    def weights(self, x: Float[Tensor, "B L D"], mask: Mask | None = None) -> Float[Tensor, "B H L L"]:
        return self.attention.weights(x, self._mask(x, mask), self.span(x.shape[1], x.shape[1]))

    def _mask(self, x: Tensor, mask: Mask | None) -> DenseMask:
        earlier = causal() if mask is None else causal() & mask
        batch, length, _ = x.shape
        dense = earlier.dense(batch, self.attention.heads, length, length, x.device)
        return DenseMask(dense & self.span.reach(length, length).allowed)


ADAPTIVE = Mechanism(
    name="adaptive",
    purpose="Each head learns its span: most heads need few keys, and a cost on the spans keeps them short.",
    formula="softmax_j(s_ij + log m(i - j)) v_j over j <= i with m(x) = clamp((R + z - x) / R, 0, 1) and a learned span z",
    paper="Sukhbaatar et al. 2019, Adaptive Attention Span in Transformers, 1905.07799",
    cost="time L * (z + R) per head once the spans are learned (this module forms all L^2); one parameter for each head",
    kind="point",
    build=lambda width: Adaptive(width, heads=2, longest=4, ramp=2),
    shapes="(B, L, D) -> (B, L, D)",
    inputs=lambda batch, width: sentences(batch, width)[:1],
    in_models=AdaptiveAttention,
    caption="A row shows where its word looks: at all words up to 2 back (z), less at 3 back, not beyond (R = 2).",
    note="Spans adapt in training; the visual sentinel (1612.01887) adapts while it generates.",
    alternates=("visual-sentinel",),
)

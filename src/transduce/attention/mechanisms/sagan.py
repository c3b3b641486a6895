"""Self-attention between the pixels of a feature map, behind a gate that begins at 0 (SAGAN).

Letters: B pictures, C channels, A channels of queries, keys and values, h height, w width, N = h w pixels.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.attention.attend import attend, attention_weights
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.pictures import PIXELS, pictures, to_picture, to_tokens
from transduce.attention.scores import ScaledDotProduct

UNSCALED = ScaledDotProduct(1.0)


class GatedPixelAttention(nn.Module):
    """gate * v(sum_i w_ji h(x_i)) + x. The maps f, g, h and v are convolutions of one pixel, without biases."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.f, self.g, self.h = (nn.Linear(channels, inner, bias=False) for _ in range(3))  # keys, queries, values
        self.v = nn.Linear(inner, channels, bias=False)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        pixels = to_tokens(x).unsqueeze(1)  # one head
        context = attend(self.g(pixels), self.f(pixels), self.h(pixels), score=UNSCALED).squeeze(1)
        return self.gate * to_picture(self.v(context), x.shape[2]) + x

    def weights(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B N N"]:
        pixels = to_tokens(x).unsqueeze(1)
        return attention_weights(self.g(pixels), self.f(pixels), score=UNSCALED).squeeze(1)


SAGAN = Mechanism(
    name="sagan",
    purpose="Lets distant parts of a generated picture agree: convolutions see neighbours only.",
    formula="gate * v(sum_i softmax_i(f(x_i) . g(x_j)) h(x_i)) + x_j, with a gate that begins at 0",
    paper="Zhang et al. 2018, Self-Attention Generative Adversarial Networks, 1805.08318",
    cost="time and memory (h w)^2; 4 C A + 1 parameters, A = C / 8 in the paper",
    kind="point",
    build=lambda width: GatedPixelAttention(width, max(1, width // 2)),
    shapes="(B, C, h, w) -> (B, C, h, w)",
    inputs=pictures,
    sides=(PIXELS, PIXELS),
    caption="A row shows where its pixel looks (row, column). Pixels 1,1 and 2,3 have the same colour and similar rows.",
    alternates=("generative", "danet"),
)

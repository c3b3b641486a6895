"""Set attention: elements of a set attend to each other, whatever their order.

Letters: B batch, N and M elements, K seeds, D width, H heads.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.attention.masks import padding, zero_padding
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.multi_head import MultiHead
from transduce.layers.initialise import xavier_linear

ELEMENTS = 5


class AttentionBlock(nn.Module):
    """MAB(X, Y) = norm(H + relu(H W + b)), H = norm(X + multi-head attention of X to Y)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = MultiHead(width, heads)
        self.linear = xavier_linear(width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(
        self, x: Float[Tensor, "B N D"], y: Float[Tensor, "B M D"], allowed: Bool[Tensor, "B M"] | None = None
    ) -> Float[Tensor, "B N D"]:
        y = zero_padding(y, allowed)
        h = self.norm1(x + self.attention(x, y, y, padding(allowed)))
        output: Tensor = self.norm2(h + self.linear(h).relu())
        return output


class SetAttention(nn.Module):
    """SAB(X) = MAB(X, X): a permutation of the elements permutes the output. `allowed` is False at padding."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.block = AttentionBlock(width, heads)

    def forward(self, x: Float[Tensor, "B N D"], allowed: Bool[Tensor, "B N"] | None = None) -> Float[Tensor, "B N D"]:
        x = zero_padding(x, allowed)
        output: Tensor = self.block(x, x, allowed)
        return output

    def weights(
        self, x: Float[Tensor, "B N D"], allowed: Bool[Tensor, "B N"] | None = None
    ) -> Float[Tensor, "B H N N"]:
        x = zero_padding(x, allowed)
        return self.block.attention.weights(x, x, x, padding(allowed))


class InducedSetAttention(nn.Module):
    """ISAB(X) = MAB(X, MAB(I, X)) with M learned points I: time N * M, not N^2."""

    def __init__(self, width: int, heads: int, points: int) -> None:
        super().__init__()
        self.points = nn.Parameter(nn.init.xavier_uniform_(torch.empty(points, width)))
        self.to_points, self.from_points = AttentionBlock(width, heads), AttentionBlock(width, heads)

    def forward(self, x: Float[Tensor, "B N D"], allowed: Bool[Tensor, "B N"] | None = None) -> Float[Tensor, "B N D"]:
        x = zero_padding(x, allowed)
        summary = self.to_points(self.points.expand(len(x), -1, -1), x, allowed)
        output: Tensor = self.from_points(x, summary)
        return output


class SetPooling(nn.Module):
    """PMA(X) = MAB(S, relu(X W + b)) with K learned seeds S: the order of the elements has no influence."""

    def __init__(self, width: int, heads: int, seeds: int) -> None:
        super().__init__()
        self.linear = xavier_linear(width, width)
        self.seeds = nn.Parameter(nn.init.xavier_uniform_(torch.empty(seeds, width)))
        self.block = AttentionBlock(width, heads)

    def forward(self, x: Float[Tensor, "B N D"], allowed: Bool[Tensor, "B N"] | None = None) -> Float[Tensor, "B K D"]:
        x = zero_padding(x, allowed)
        output: Tensor = self.block(self.seeds.expand(len(x), -1, -1), self.linear(x).relu(), allowed)
        return output


SET = Mechanism(
    name="set",
    purpose="Elements of a set attend to each other; a permutation of the elements permutes the output.",
    formula="norm(H + relu(H W + b)) with H = norm(X + MultiHead(X, X, X))",
    paper="Lee et al. 2019, Set Transformer, 1810.00825",
    cost="time N^2 D, or N * M * D with M induced points; 5 D^2 + 9 D parameters",
    kind="arrangement",
    build=lambda width: SetAttention(width, heads=2),
    shapes="(B, N, D) -> (B, N, D)",
    inputs=lambda batch, width: (torch.randn(batch, ELEMENTS, width),),
    sides=([f"element {n + 1}" for n in range(ELEMENTS)], [f"element {n + 1}" for n in range(ELEMENTS)]),
    caption="A row shows where its element looks.",
    note="The block SAB. Its file also has ISAB (induced points) and PMA (pooling). Scores are divided by sqrt(D / heads) and "
    "the residual is X; the authors' code divides by sqrt(D) and adds the queries.",
)

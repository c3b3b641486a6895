"""Two-stream attention: a content stream, and a query stream that predicts a token without its content.

Letters: B batch, L tokens, D width, H heads.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.attention.mask import Mask
from transduce.attention.mechanisms.mechanism import WORDS, Mechanism, sentences
from transduce.attention.mechanisms.multi_head import MultiHead

PLACES = (2, 0, 4, 1, 3, 5)  # of each word of the example in the order


class TwoStream(nn.Module):
    """Keys and values are the content of tokens earlier in an order; the content stream sees its own token too.

    places (B, L): the place of each token in the order. The query stream of the first token sees nothing: its attention
    gives zeros before the output map.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = MultiHead(width, heads)

    def forward(
        self, content: Float[Tensor, "B L D"], query: Float[Tensor, "B L D"], places: Int[Tensor, "B L"]
    ) -> Float[Tensor, "B 2*L D"]:
        """The streams of `both`, the query stream behind the content stream."""
        return torch.cat(self.both(content, query, places), 1)

    def both(
        self, content: Float[Tensor, "B L D"], query: Float[Tensor, "B L D"], places: Int[Tensor, "B L"]
    ) -> tuple[Float[Tensor, "B L D"], Float[Tensor, "B L D"]]:
        new_content = self.attention(content, content, content, earlier(places, itself=True))
        return new_content, self.attention(query, content, content, earlier(places, itself=False))

    def weights(
        self, content: Float[Tensor, "B L D"], query: Float[Tensor, "B L D"], places: Int[Tensor, "B L"]
    ) -> Float[Tensor, "B H L L"]:
        """The weights of the query stream."""
        return self.attention.weights(query, content, content, earlier(places, itself=False))


def earlier(places: Int[Tensor, "B L"], itself: bool) -> Mask:
    """Queries see keys at earlier places of the order, and `itself`."""
    if itself:
        return Mask(lambda b, h, q, k: places[b, k] <= places[b, q])
    return Mask(lambda b, h, q, k: places[b, k] < places[b, q])


def permuted_sentence(batch: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Words, queries that know their positions only, and an order."""
    positions = torch.randn(len(WORDS), width).expand(batch, -1, -1)
    return sentences(batch, width)[0], positions, torch.tensor(PLACES).expand(batch, -1)


TWO_STREAM = Mechanism(
    name="two-stream",
    purpose="Predicts tokens in any order: a query stream knows the position of a token, but not the token itself.",
    formula="h_z(t) <- MultiHead(h_z(t), h_z(<=t)); g_z(t) <- MultiHead(g_z(t), h_z(<t)) for an order z",
    paper="Yang et al. 2019, XLNet, 1906.08237",
    cost="twice that of self-attention; 4 D^2 + 4 D parameters, shared by both streams",
    kind="arrangement",
    build=lambda width: TwoStream(width, heads=2),
    shapes="(B, L, D), (B, L, D), places (B, L) -> (B, 2 L, D)",
    inputs=permuted_sentence,
    sides=([f"{word}: {place + 1}" for word, place in zip(WORDS, PLACES, strict=True)], WORDS),
    caption="A row of the query stream shows where its token looks: at words before it in the order, whose places are given.",
    sums_to_one=False,
    note="`both` returns the streams, `forward` both in one tensor. XLNet adds relative positions and segments to the scores.",
    alternates=("dual-stream",),
)

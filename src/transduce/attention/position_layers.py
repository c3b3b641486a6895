"""Position encodings as rows of the catalogue of layers.

Letters: B batch, T tokens, S keys, D width, H heads, E width of a head.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.attention.positions import Alibi, Positions, rotary, rotate, sinusoidal
from transduce.layers.atlas.embedding import embedding
from transduce.layers.atlas.layer import Example, Layer, parameter_count, set_weights

TOKENS, WIDTH, HEADS = 4, 4, 4


def learned_positions(x: Float[Tensor, "B T D"], weight: Float[Tensor, "longest D"]) -> Float[Tensor, "B T D"]:
    """Adds to each token the row of its position. ValueError for a text that is longer than the table."""
    if x.shape[1] > len(weight):
        raise ValueError(f"the table has {len(weight)} positions, found a text of {x.shape[1]} tokens")
    return x + embedding(torch.arange(x.shape[1], device=x.device), weight)


def rotate_halves(x: Float[Tensor, "*B T E"], positions: Int[Tensor, " T"]) -> Float[Tensor, "*B T E"]:
    """Turns features i and i + E/2 by the angle p / 10000^(2i/E): the layout of LLaMA and of this package's networks."""
    return rotate(x, rotary(positions, x.shape[-1]).to(x))


def rotate_neighbours(
    x: Float[Tensor, "*B T E"], positions: Int[Tensor, " T"], base: float = 10_000.0
) -> Float[Tensor, "*B T E"]:
    """Turns features 2i and 2i + 1 by the angle p / base^(2i/E): the layout of the paper and of GPT-J.

    A pair of features is a complex number, and a turn is a product with e^(angle i).
    """
    even = torch.arange(0, x.shape[-1], 2, device=x.device, dtype=torch.float64)
    angles = positions.unsqueeze(-1) * base ** (-even / x.shape[-1])  # (T, E/2)
    turns = torch.polar(torch.ones_like(angles), angles)
    numbers = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(numbers * turns).flatten(-2).to(x)


def alibi_bias(heads: int, queries: int, keys: int) -> Float[Tensor, "1 H T S"]:
    """-slope_h |i - j|: added to the scores."""
    device = torch.device("cpu")
    return Alibi().bias(heads, Positions.first(queries, device), Positions.first(keys, device), torch.float32)


def _sinusoidal_example() -> Example:
    positions = torch.arange(TOKENS)
    return Example({"position": positions}, {"PE": sinusoidal(positions, WIDTH)})


def _learned_example() -> Example:
    x = torch.ones(1, TOKENS, 3)
    weight = torch.arange(15.0).view(5, 3) / 10
    table = set_weights(nn.Embedding(5, 3), weight=weight)
    return Example(
        {"x": x, "weight": weight},
        {"y": learned_positions(x, weight)},
        {"y": (x + table(torch.arange(TOKENS))).detach()},
        parameter_count(table),
    )


def _halves_example() -> Example:
    x, positions = torch.tensor([[1.0, 2.0, 0.0, 0.0]]).expand(TOKENS, WIDTH), torch.arange(TOKENS)
    return Example({"x": x}, {"y": rotate_halves(x, positions)})


def _neighbours_example() -> Example:
    x, positions = torch.tensor([[1.0, 0.0, 2.0, 0.0]]).expand(TOKENS, WIDTH), torch.arange(TOKENS)
    return Example({"x": x}, {"y": rotate_neighbours(x, positions)})


def _alibi_example() -> Example:
    bias = alibi_bias(HEADS, TOKENS, TOKENS)[0]
    return Example({}, {"bias of head 1": bias[0], "bias of head 2": bias[1]})


SINUSOIDAL = Layer(
    name="sinusoidal-positions",
    purpose="Tells positions apart by sines and cosines of many wavelengths, added to the embeddings.",
    formula="PE(p, 2i) = sin(p / 10000^(2i/D)), PE(p, 2i + 1) = cos(the same)",
    shapes="positions (*) -> (*, D)",
    source="Vaswani et al. 2017, Attention Is All You Need, 1706.03762, section 3.5",
    module="transduce.attention.positions.Sinusoidal",
    parameters="none",
    cost="one addition for each number; any length",
    reference=sinusoidal,
    example=_sinusoidal_example,
    notes=(
        "The product of two encodings depends on the distance only.",
        "Another layout has all sines first, then all cosines; weights that were trained with one need the same one.",
    ),
)

LEARNED = Layer(
    name="learned-positions",
    purpose="Each position has a vector of its own, which is learned and added to the embedding.",
    formula="y_t = x_t + W[t]",
    shapes="(B, T, D) -> the same; weight (longest, D)",
    source="Gehring et al. 2017, 1705.03122; BERT: Devlin et al. 2018, 1810.04805",
    module="torch.nn.Embedding",
    parameters="longest * D",
    cost="one addition for each number",
    reference=learned_positions,
    example=_learned_example,
    notes=("Positions beyond the table do not exist, and rare ones are learned badly.",),
)

ROTARY = Layer(
    name="rotary-positions",
    purpose="Turns queries and keys by angles that grow with the position, so that scores depend on distances.",
    formula="(x_i, x_(i+E/2)) turned by the angle p / 10000^(2i/E)",
    shapes="(*, T, E) -> the same, E even",
    source="Su et al. 2021, RoFormer, 2104.09864; layout of LLaMA",
    module="transduce.attention.positions.Rotary",
    parameters="none",
    cost="two multiplications for each number of queries and keys; any length",
    reference=rotate_halves,
    example=_halves_example,
    notes=(
        "Lengths of vectors stay. q . k after the turns depends on the distance of their positions only.",
        "The other layout turns neighbours; both are equal after a permutation of the features.",
        "The example turns the same vector at the positions 0 to 3.",
    ),
)

ROTARY_INTERLEAVED = Layer(
    name="rotary-positions-interleaved",
    purpose="Rotary positions in the layout of the paper: neighbouring features make a plane.",
    formula="(x_2i, x_(2i+1)) turned by the angle p / 10000^(2i/E); as complex numbers x e^(i p theta)",
    shapes="(*, T, E) -> the same, E even",
    source="Su et al. 2021, RoFormer, 2104.09864; layout of GPT-J",
    module="none; permute features for transduce.attention.positions.Rotary",
    parameters="none",
    cost="two multiplications for each number of queries and keys; any length",
    reference=rotate_neighbours,
    example=_neighbours_example,
    notes=("Feature 2i here is feature i of the other layout, and 2i + 1 is i + E/2.",),
)

ALIBI = Layer(
    name="alibi-positions",
    purpose="Lowers scores in proportion to the distance, at a rate of its own in each head.",
    formula="bias_h(i, j) = -slope_h |i - j|, slopes 2^(-8/H), 2^(-16/H), ...",
    shapes="-> (1, H, T, S), added to scores",
    source="Press, Smith and Lewis 2021, Train Short, Test Long, 2108.12409",
    module="transduce.attention.positions.Alibi",
    parameters="none",
    cost="one addition for each score; any length",
    reference=alibi_bias,
    example=_alibi_example,
    notes=(
        "The paper is about earlier keys only; here distances in both directions count alike.",
        "Adding slope_h j instead gives the same softmax where all keys are earlier.",
        "The example has 4 heads: slopes 1/4, 1/16, 1/64, 1/256.",
    ),
)

POSITION_LAYERS: dict[str, Layer] = {
    each.name: each for each in (SINUSOIDAL, LEARNED, ROTARY, ROTARY_INTERLEAVED, ALIBI)
}

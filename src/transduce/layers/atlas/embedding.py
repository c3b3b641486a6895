"""Embedding. Letters: V vocabulary, D width."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.layers.atlas.layer import Example, Layer, parameter_count, set_weights


def embedding(
    ids: Int[Tensor, "*B"], weight: Float[Tensor, "V D"], padding: int | None = None
) -> Float[Tensor, "*B D"]:
    """The rows `ids` of the weight. Row `padding` gets no gradient."""
    rows = weight[ids]
    return rows if padding is None else torch.where((ids == padding).unsqueeze(-1), rows.detach(), rows)


def _example() -> Example:
    ids = torch.tensor([2, 0, 1, 2])
    weight = torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    module = set_weights(nn.Embedding(3, 3, padding_idx=0), weight=weight)
    return Example(
        {"ids": ids, "weight": weight},
        {"y": embedding(ids, weight, padding=0)},
        {"y": module(ids).detach()},
        parameter_count(module),
    )


EMBEDDING = Layer(
    name="embedding",
    purpose="Each token id has a vector of its own, which is learned.",
    formula="y_t = W[id_t], which is onehot(id_t) W",
    shapes="ids (*) -> (*, D); weight (V, D)",
    source="Bengio et al. 2003, A Neural Probabilistic Language Model",
    module="torch.nn.Embedding",
    parameters="V * D",
    cost="one copy for each id",
    reference=embedding,
    example=_example,
    notes=(
        "padding_idx: its row begins as zeros and gets no gradient. Weights that are copied in later may be other than zero.",
        "PyTorch begins with N(0, 1); Transformers here with standard deviation D^-0.5.",
        "max_norm changes the weight in the forward pass.",
    ),
)

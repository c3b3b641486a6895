"""Residual connection with normalisation ("add and norm"), in both orders."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.atlas.layer import Example, Layer, parameter_count, set_weights
from transduce.layers.atlas.layer_norm import layer_norm
from transduce.layers.atlas.linear_map import linear

Function = Callable[[Tensor], Tensor]


def post_norm(x: Float[Tensor, "*B D"], layer: Function, norm: Function) -> Float[Tensor, "*B D"]:
    """norm(x + layer(x)): the sum is normalised."""
    return norm(x + layer(x))


def pre_norm(x: Float[Tensor, "*B D"], layer: Function, norm: Function) -> Float[Tensor, "*B D"]:
    """x + layer(norm(x)): the input of the layer is normalised."""
    return x + layer(norm(x))


def _example(order: Callable[[Tensor, Function, Function], Tensor]) -> Callable[[], Example]:
    def example() -> Example:
        x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        weight = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])  # layer(x) = x, one place further
        gain, bias = torch.ones(3), torch.zeros(3)
        parts = set_weights(nn.Linear(3, 3, bias=False), weight=weight), nn.LayerNorm(3)
        return Example(
            {"x": x, "weight": weight},
            {"y": order(x, lambda each: linear(each, weight), lambda each: layer_norm(each, gain, bias))},
            {"y": order(x, *parts).detach()},
            sum(map(parameter_count, parts)),
        )

    return example


POST_NORM = Layer(
    name="post-norm",
    purpose="Adds a layer's output to its input, and normalises the sum: the order of the first Transformer.",
    formula="y = norm(x + layer(x))",
    shapes="(*, D) -> the same",
    source="Vaswani et al. 2017, 1706.03762; residuals: He et al. 2015, 1512.03385",
    module="torch.nn.TransformerEncoderLayer(norm_first=False)",
    parameters="those of the layer and of the norm",
    cost="one addition beside layer and norm",
    reference=post_norm,
    example=_example(post_norm),
    notes=(
        "No path leads past the norms, so deep stacks need a warm-up of the learning rate.",
        "In the example the layer moves each feature by one place.",
    ),
)

PRE_NORM = Layer(
    name="pre-norm",
    purpose="Adds to the input what a layer makes of the normalised input; gradients pass through the sum unchanged.",
    formula="y = x + layer(norm(x))",
    shapes="(*, D) -> the same",
    source="Xiong et al. 2020, On Layer Normalization in the Transformer Architecture, 2002.04745",
    module="torch.nn.TransformerEncoderLayer(norm_first=True)",
    parameters="those of the layer and of the norm",
    cost="one addition beside layer and norm",
    reference=pre_norm,
    example=_example(pre_norm),
    notes=(
        "The sum grows with depth, so a stack ends with one more norm.",
        "In the example the layer moves each feature by one place.",
    ),
)

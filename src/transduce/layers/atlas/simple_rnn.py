"""Simple recurrent layer. Letters: B batch, T steps, I input features, H hidden features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.atlas.layer import Example, Layer, parameter_count, set_weights


def simple_rnn(
    x: Float[Tensor, "B T I"],
    h: Float[Tensor, "B H"],
    weight: Float[Tensor, "H I"],
    recurrent: Float[Tensor, "H H"],
    bias: Float[Tensor, " H"],
    recurrent_bias: Float[Tensor, " H"],
) -> Float[Tensor, "B T H"]:
    """The states h_t = tanh(W x_t + b + U h_(t-1) + b'), from the first state `h` on."""
    states = []
    for step in x.unbind(1):
        h = torch.tanh(step @ weight.T + bias + h @ recurrent.T + recurrent_bias)
        states.append(h)
    return torch.stack(states, 1)


def _example() -> Example:
    x = torch.tensor([1.0, 0.0, 1.0, 0.0]).view(1, 4, 1)
    weight, zero = torch.full((1, 1), 0.5), torch.zeros(1)
    module = set_weights(
        nn.RNN(1, 1, batch_first=True), weight_ih_l0=weight, weight_hh_l0=weight, bias_ih_l0=zero, bias_hh_l0=zero
    )
    return Example(
        {"x": x},
        {"h": simple_rnn(x, torch.zeros(1, 1), weight, weight, zero, zero)},
        {"h": module(x)[0].detach()},
        parameter_count(module),
        rows=1,
    )


SIMPLE_RNN = Layer(
    name="simple-rnn",
    purpose="Reads a sequence step by step; a state carries what came before.",
    formula="h_t = tanh(W x_t + b + U h_(t-1) + b')",
    shapes="(B, T, I), first state (B, H) -> (B, T, H)",
    source="Elman 1990, Finding Structure in Time",
    module="torch.nn.RNN",
    parameters="H * I + H * H + 2H",
    cost="H * (I + H) multiplications for each step; steps run one after the other",
    reference=simple_rnn,
    example=_example,
    notes=(
        "The two biases are one: PyTorch has both because its GPU kernels do.",
        "A gradient over n steps passes n times through U and tanh', so it vanishes or explodes.",
        "In the example both weights are 0.5, the biases are 0, and the inputs are 1, 0, 1, 0.",
    ),
)

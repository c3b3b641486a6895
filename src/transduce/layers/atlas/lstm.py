"""Long short-term memory. Letters: B batch, T steps, I input features, H hidden features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.atlas.layer import Example, Layer, parameter_count, set_weights


def lstm(
    x: Float[Tensor, "B T I"],
    h: Float[Tensor, "B H"],
    c: Float[Tensor, "B H"],
    weight: Float[Tensor, "4*H I"],
    recurrent: Float[Tensor, "4*H H"],
    bias: Float[Tensor, " 4*H"],
    recurrent_bias: Float[Tensor, " 4*H"],
) -> tuple[Float[Tensor, "B T H"], Float[Tensor, "B T H"]]:
    """The hidden states and the cells of all steps. The rows of the weights are the gates i, f, g, o, in this order."""
    states, cells = [], []
    for step in x.unbind(1):
        i, f, g, o = (step @ weight.T + bias + h @ recurrent.T + recurrent_bias).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
        cells.append(c)
    return torch.stack(states, 1), torch.stack(cells, 1)


def _example() -> Example:
    x = torch.tensor([1.0, 0.0, 1.0, 0.0]).view(1, 4, 1)
    weight, bias, zero = torch.full((4, 1), 0.5), torch.zeros(4), torch.zeros(1, 1)
    module = set_weights(
        nn.LSTM(1, 1, batch_first=True), weight_ih_l0=weight, weight_hh_l0=weight, bias_ih_l0=bias, bias_hh_l0=bias
    )
    h, c = lstm(x, zero, zero, weight, weight, bias, bias)
    cells = [module(x[:, : steps + 1])[1][1][0] for steps in range(4)]  # torch returns the last cell only
    return Example(
        {"x": x},
        {"h": h, "c": c},
        {"h": module(x)[0].detach(), "c": torch.stack(cells, 1).detach()},
        parameter_count(module),
        rows=1,
    )


LSTM = Layer(
    name="lstm",
    purpose="A recurrent layer with a cell: gates decide how much to keep, to add and to show, so gradients last longer.",
    formula="i, f, o = sigmoid(W x + b + U h + b'), g = tanh(same); c_t = f * c_(t-1) + i * g; h_t = o * tanh(c_t)",
    shapes="(B, T, I), first h and c (B, H) -> h and c (B, T, H); weights (4H, I) and (4H, H), rows i, f, g, o",
    source="Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber and Cummins 2000",
    module="torch.nn.LSTM",
    parameters="4 * (H * I + H * H + 2H)",
    cost="4 * H * (I + H) multiplications for each step; steps run one after the other",
    reference=lstm,
    example=_example,
    notes=(
        "Four gates against three of the GRU: parameters 4 : 3.",
        "No peepholes: gates see h, not c. PyTorch has two biases, of which the sum counts.",
        "A forget bias of 1 at the start helps (Jozefowicz et al. 2015); PyTorch does not set it.",
        "proj_size makes h narrower than c.",
        "In the example all weights are 0.5, the biases are 0, and the inputs are 1, 0, 1, 0.",
    ),
)

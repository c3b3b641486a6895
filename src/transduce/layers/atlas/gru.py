"""Gated recurrent unit, in both forms. Letters: B batch, T steps, I input features, H hidden features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transduce.layers.atlas.layer import Example, Layer, parameter_count, set_weights


def gru_reset_after(
    x: Float[Tensor, "B T I"],
    h: Float[Tensor, "B H"],
    weight: Float[Tensor, "3*H I"],
    recurrent: Float[Tensor, "3*H H"],
    bias: Float[Tensor, " 3*H"],
    recurrent_bias: Float[Tensor, " 3*H"],
) -> Float[Tensor, "B T H"]:
    """The states of all steps: the gate r acts after the recurrent product. The rows of the weights are r, z, n."""
    states = []
    for step in x.unbind(1):
        r, z, n = (step @ weight.T + bias).chunk(3, -1)
        r_h, z_h, n_h = (h @ recurrent.T + recurrent_bias).chunk(3, -1)
        r, z = torch.sigmoid(r + r_h), torch.sigmoid(z + z_h)
        n = torch.tanh(n + r * n_h)
        h = (1 - z) * n + z * h
        states.append(h)
    return torch.stack(states, 1)


def gru_reset_before(
    x: Float[Tensor, "B T I"],
    h: Float[Tensor, "B H"],
    weight: Float[Tensor, "3*H I"],
    recurrent: Float[Tensor, "3*H H"],
    bias: Float[Tensor, " 3*H"],
) -> Float[Tensor, "B T H"]:
    """The states of all steps: the gate r acts on the state before the recurrent product. The rows of the weights are r, z, n."""
    from_state = recurrent.chunk(3)  # for r, z, n: (H, H) each
    states = []
    for step in x.unbind(1):
        r, z, n = (step @ weight.T + bias).chunk(3, -1)
        r, z = torch.sigmoid(r + h @ from_state[0].T), torch.sigmoid(z + h @ from_state[1].T)
        n = torch.tanh(n + (r * h) @ from_state[2].T)
        h = (1 - z) * n + z * h
        states.append(h)
    return torch.stack(states, 1)


SEQUENCE = (1.0, 0.0, 1.0, 0.0)
WEIGHTS = "In the example all weights are 0.5, the biases are 0, and the inputs are 1, 0, 1, 0."


def _after_example() -> Example:
    x = torch.tensor(SEQUENCE).view(1, 4, 1)
    weight, bias = torch.full((3, 1), 0.5), torch.zeros(3)
    module = set_weights(
        nn.GRU(1, 1, batch_first=True), weight_ih_l0=weight, weight_hh_l0=weight, bias_ih_l0=bias, bias_hh_l0=bias
    )
    return Example(
        {"x": x},
        {"h": gru_reset_after(x, torch.zeros(1, 1), weight, weight, bias, bias)},
        {"h": module(x)[0].detach()},
        parameter_count(module),
        rows=1,
    )


def _before_example() -> Example:
    x = torch.tensor(SEQUENCE).view(1, 4, 1)
    weight, bias = torch.full((3, 1), 0.5), torch.zeros(3)
    states = gru_reset_before(x, torch.zeros(1, 1), weight, weight, bias)
    return Example({"x": x}, {"h": states}, parameters=2 * weight.numel() + bias.numel(), rows=1)


GRU_RESET_AFTER = Layer(
    name="gru-reset-after",
    purpose="A recurrent layer whose gates mix the old state with a candidate; the form that GPU kernels compute.",
    formula="r, z = sigmoid(W x + b + U h + b'); n = tanh(W x + b + r * (U h + b')); h_t = (1 - z) * n + z * h_(t-1)",
    shapes="(B, T, I), first state (B, H) -> (B, T, H); weights (3H, I) and (3H, H), rows r, z, n",
    source="Cho et al. 2014, 1406.1078, first version (Keras: reset_after=True); cuDNN",
    module="torch.nn.GRU",
    parameters="3 * (H * I + H * H + 2H)",
    cost="3 * H * (I + H) multiplications for each step; steps run one after the other",
    reference=gru_reset_after,
    example=_after_example,
    notes=(
        "Both biases of n are needed: r multiplies one of them.",
        "No mapping of weights turns one form into the other, except that both agree where r is 1.",
        "Where width H = 1 and no bias acts, r * (U h) = U (r * h): both examples give the same numbers.",
        WEIGHTS,
    ),
)

GRU_RESET_BEFORE = Layer(
    name="gru-reset-before",
    purpose="A recurrent layer whose gates mix the old state with a candidate; the form of the paper.",
    formula="r, z = sigmoid(W x + b + U h); n = tanh(W x + b + U (r * h)); h_t = (1 - z) * n + z * h_(t-1)",
    shapes="(B, T, I), first state (B, H) -> (B, T, H); weights (3H, I) and (3H, H), rows r, z, n",
    source="Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder, 1406.1078, third version",
    module="none; torch.nn.GRU resets after the product",
    parameters="3 * (H * I + H * H + H)",
    cost="3 * H * (I + H) multiplications for each step; the product for n waits for r",
    reference=gru_reset_before,
    example=_before_example,
    notes=(
        "Keras calls this reset_after=False.",
        "Chung et al. 2014 (1412.3555) let z weigh the candidate instead of the old state.",
        WEIGHTS,
    ),
)

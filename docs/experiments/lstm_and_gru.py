"""LSTM against GRU and the simple RNN: parameters, and how far gradients reach."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import nn

from transduce.drawing.lines import lines_svg
from transduce.layers.atlas.layer import parameter_count

WIDTHS = (32, 128, 512)
STEPS = (1, 2, 4, 8, 16, 32, 64)
HIDDEN, ROWS = 32, 16


def lstm_with_forget_bias(inputs: int, hidden: int) -> nn.LSTM:
    """An LSTM whose forget gates begin with a bias of 1 (Jozefowicz et al. 2015)."""
    module = nn.LSTM(inputs, hidden, batch_first=True)
    bias = dict(module.named_parameters())["bias_ih_l0"]
    bias.data[hidden : 2 * hidden] += 1.0  # the gates are i, f, g, o
    return module


LAYERS: Mapping[str, Callable[[int, int], nn.Module]] = {
    "simple RNN": lambda inputs, hidden: nn.RNN(inputs, hidden, batch_first=True),
    "GRU": lambda inputs, hidden: nn.GRU(inputs, hidden, batch_first=True),
    "LSTM": lambda inputs, hidden: nn.LSTM(inputs, hidden, batch_first=True),
    "LSTM, forget bias 1": lstm_with_forget_bias,
}


def parameters(width: int) -> dict[str, int]:
    return {name: parameter_count(build(width, width)) for name, build in LAYERS.items()}


def reach(steps: tuple[int, ...] = STEPS) -> dict[str, list[float]]:
    """Norm of the derivative of the last state by the first input, with PyTorch's initial weights, for each length."""
    norms: dict[str, list[float]] = {}
    with torch.random.fork_rng(devices=[]):
        for name, build in LAYERS.items():
            torch.manual_seed(1)
            module = build(HIDDEN, HIDDEN)
            x = torch.randn(ROWS, max(steps), HIDDEN, requires_grad=True)
            norms[name] = []
            for length in steps:
                states, _ = module(x[:, :length])
                (gradient,) = torch.autograd.grad(states[:, -1].sum(), x)
                norms[name].append(gradient[:, 0].norm().item())
    return norms


def pages() -> dict[str, str]:
    counts = {width: parameters(width) for width in WIDTHS}
    names = ("simple RNN", "GRU", "LSTM")
    sizes = "".join(
        f"| {width} | " + " | ".join(f"{row[name]:,}" for name in names) + " |\n" for width, row in counts.items()
    )
    norms = reach()
    head = " | ".join(map(str, STEPS))
    lines = "".join(
        f"| {name} | " + " | ".join(f"{value:.1e}" for value in row) + " |\n" for name, row in norms.items()
    )
    text = f"""# LSTM against GRU

Parameters of a layer with as many inputs as states:

| width | simple RNN | GRU | LSTM |
|---|---|---|---|
{sizes}
The simple RNN has one map of input and state, the GRU three, the LSTM four: 1 : 3 : 4. Work per step is in the same ratio.

How far a gradient reaches: the derivative of the last state by the first input, by the number of steps, with PyTorch's
initial weights ({HIDDEN} states).

| steps | {head} |
|---|{"---|" * len(STEPS)}
{lines}
![reach of gradients](lstm_and_gru.svg)

In the simple RNN the gradient passes through a matrix and a tanh at every step. A gate lets the state of a GRU and the cell of
an LSTM through; how much depends on its bias, so the forget bias of 1 makes a large difference at the start.
"""
    logarithms = {name: [math.log10(value) for value in row] for name, row in norms.items()}
    picture = lines_svg(list(map(float, STEPS)), logarithms, "", "steps", "log10 of the derivative", powers_of_two=True)
    return {"lstm_and_gru.md": text, "lstm_and_gru.svg": picture}

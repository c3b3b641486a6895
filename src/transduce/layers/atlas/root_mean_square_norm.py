"""Root mean square normalisation: the formula is `transduce.layers.norms.rms_norm`."""

import torch
from torch import nn

from transduce.layers.atlas.layer import Example, Layer, parameter_count, set_weights
from transduce.layers.norms import rms_norm


def _example() -> Example:
    x, gain = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), torch.tensor([1.0, 2.0, 3.0])
    module = set_weights(nn.RMSNorm(3, eps=1e-6), weight=gain)
    return Example(
        {"x": x, "weight": gain}, {"y": rms_norm(x, gain, 1e-6)}, {"y": module(x).detach()}, parameter_count(module)
    )


RMS_NORM = Layer(
    name="rms-norm",
    purpose="Scales the features of each token to mean square 1: layer norm without the mean.",
    formula="y = x / sqrt(mean(x^2) + eps) * gain",
    shapes="(*, D) -> the same; gain (D)",
    source="Zhang and Sennrich 2019, Root Mean Square Layer Normalization, 1910.07467",
    module="torch.nn.RMSNorm; here transduce.layers.norms.RMSNormModule",
    parameters="D",
    cost="one pass over the numbers",
    reference=rms_norm,
    example=_example,
    notes=(
        "Neither the mean is removed nor a bias added. For vectors of mean 0 it equals layer norm.",
        "torch.nn.RMSNorm without eps takes the machine epsilon, 1.2e-7 in float32; models state 1e-5 or 1e-6.",
    ),
)

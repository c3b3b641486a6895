"""One picture made larger by nearest, bilinear and learned upsampling."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from transduce.drawing.matrix import Matrix, matrices_svg

SIZE, FACTOR = 18, 3  # pixels of the true picture's side, and how many of them the small picture averages
KERNEL = 3 * FACTOR  # of the learned transposed convolution: it reads 3 x 3 pixels of the small picture
UPDATES, ROWS = 300, 64


def pictures(rows: int, generator: torch.Generator) -> Tensor:
    """Discs of random places and sizes with sharp edges: (rows, 1, SIZE, SIZE)."""
    y, x = torch.meshgrid(torch.arange(SIZE) + 0.5, torch.arange(SIZE) + 0.5, indexing="ij")
    centre = (0.3 + 0.4 * torch.rand(rows, 2, generator=generator)) * SIZE
    radius = (0.15 + 0.15 * torch.rand(rows, generator=generator)) * SIZE
    distance = torch.hypot(y - centre[:, :1, None], x - centre[:, 1:, None])
    return (distance < radius[:, None, None]).float()[:, None]


def smaller(x: Tensor) -> Tensor:
    return nn.functional.avg_pool2d(x, FACTOR)


def learned(generator: torch.Generator) -> nn.ConvTranspose2d:
    """A transposed convolution, trained on pairs of small and true pictures; the edges are padded by copies."""
    layer = nn.ConvTranspose2d(1, 1, KERNEL, FACTOR, padding=2 * FACTOR, bias=False)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.02)
    for _ in range(UPDATES):
        true = pictures(ROWS, generator)
        loss = nn.functional.mse_loss(layer(padded(smaller(true))), true)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return layer


def padded(x: Tensor) -> Tensor:
    return nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")


def methods() -> Mapping[str, Callable[[Tensor], Tensor]]:
    layer = learned(torch.Generator().manual_seed(1))
    return {
        "nearest": nn.Upsample(scale_factor=FACTOR, mode="nearest"),
        "bilinear": nn.Upsample(scale_factor=FACTOR, mode="bilinear", align_corners=False),
        "bilinear, corners aligned": nn.Upsample(scale_factor=FACTOR, mode="bilinear", align_corners=True),
        "learned": lambda x: layer(padded(x)),
    }


def measure() -> tuple[dict[str, Tensor], dict[str, float]]:
    """The first picture as each method gives it, and the root mean squared error of each over 256 pictures."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        rows = methods()
        true = pictures(256, torch.Generator().manual_seed(2))
        with torch.no_grad():
            outputs = {name: method(smaller(true)) for name, method in rows.items()}
    errors = {name: math.sqrt(nn.functional.mse_loss(output, true)) for name, output in outputs.items()}
    return {"true": true[0, 0], "small": smaller(true)[0, 0]} | {
        name: output[0, 0] for name, output in outputs.items()
    }, errors


def pages() -> dict[str, str]:
    examples, errors = measure()
    lines = "".join(f"| {name} | {error:.3f} |\n" for name, error in errors.items())
    text = f"""# Upsampling of one picture

A picture of {SIZE} x {SIZE} pixels, a disc with a sharp edge, is averaged over squares of {FACTOR} x {FACTOR} pixels. Four methods
make it large again. The learned one is a transposed convolution of {KERNEL} x {KERNEL} weights, trained for {UPDATES} updates on
random discs. The table has the root mean squared error over 256 other discs.

| method | error |
|---|---|
{lines}
![the picture, its average, and the four methods](upsampling.svg)

Nearest copies each pixel, so the edge is a stair. Bilinear puts straight lines between the centres of pixels: smooth, but
blurred. With corners aligned, the corner pixels of both pictures have the same centres, which stretches the picture a little, and
its error is larger. The learned kernel has seen that these pictures have sharp edges: it subtracts a part of the neighbours, and
the values swing below 0 (the other colour) and above 1 near the edge.
"""
    picture = matrices_svg([Matrix(values.tolist(), title=name) for name, values in examples.items()])
    return {"upsampling.md": text, "upsampling.svg": picture}

"""What the causal mask does to the dependence of outputs on inputs."""

import torch
from torch import Tensor

from transduce.attention.attend import attend
from transduce.attention.masks import Mask, causal
from transduce.drawing.matrix import Matrix, matrices_svg

TOKENS, WIDTH = 6, 8


def measure(tokens: int = TOKENS) -> tuple[Tensor, Tensor]:
    """Entry (i, j): the norm of the derivative of output i by input j, without and with the mask; (T, T) each."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        x = torch.randn(tokens, WIDTH)
        maps = torch.randn(3, WIDTH, WIDTH) / WIDTH**0.5

    def layer(mask: Mask | None) -> Tensor:
        def function(x: Tensor) -> Tensor:
            query, key, value = ((x @ each)[None, None] for each in maps)
            return attend(query, key, value, mask)[0, 0]

        jacobian = torch.autograd.functional.jacobian(function, x)  # (T, D, T, D)
        assert isinstance(jacobian, Tensor)
        return jacobian.square().sum((1, 3)).sqrt()

    return layer(None), layer(causal())


def pages() -> dict[str, str]:
    full, lower = measure()
    above = lower.triu(1).abs().max().item()
    text = f"""# The causal mask

Self-attention of {TOKENS} tokens. Cell (i, j) is the size of the derivative of output i by input j, with random weights.

![derivatives without and with the mask](causal_jacobian.svg)

Without a mask every output depends on every input. With the causal mask the largest derivative by a later input is {above:g}:
the matrix is lower triangular. So a language model learns from all positions of a text at once, and none of them sees its
own answer. In use, the outputs of earlier tokens stay as they are when a token is added.
"""
    names = [str(place) for place in range(TOKENS)]
    pictures = [
        Matrix(each.tolist(), names, names, title) for each, title in ((full, "no mask"), (lower, "causal mask"))
    ]
    return {"causal_jacobian.md": text, "causal_jacobian.svg": matrices_svg(pictures)}

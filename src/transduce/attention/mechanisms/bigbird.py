"""BigBird: blocks of tokens see their neighbours, the first and the last block, and blocks drawn at random."""

import torch
from torch import Tensor

from transduce.attention.mask import Mask
from transduce.attention.masks import random_blocks
from transduce.attention.mechanisms.mechanism import Attention, Mechanism


def bigbird(length: int, size: int, drawn: Mask) -> Mask:
    """Blocks of `size` tokens see three blocks around them, and those of `drawn`; the first and last one are global.

    ValueError if the length is no multiple of the size.
    """
    if length % size:
        raise ValueError(f"the length must be a multiple of the block size, found {length} and {size}: pad the text")
    last = length // size - 1
    near = Mask(lambda b, h, q, k: (q // size - k // size).abs() <= 1)
    ends = Mask(lambda b, h, q, k: (q // size == 0) | (q // size == last) | (k // size == 0) | (k // size == last))
    return near | ends | drawn


LENGTH, SIZE = 16, 2
TOKENS = [str(number) for number in range(LENGTH)]


def tokens(batch: int, width: int) -> tuple[Tensor, ...]:
    x = torch.randn(batch, LENGTH, width) / 2
    return x, x, x


BIGBIRD = Mechanism(
    name="bigbird",
    purpose="A window, a few global tokens and a few random pairs: every token reaches every other one in two layers.",
    formula="softmax_j(q_i . k_j / sqrt(D)) v_j over neighbouring, global and random blocks",
    paper="Zaheer et al. 2020, Big Bird: Transformers for Longer Sequences, 2007.14062",
    cost="L * block * (3 + 2 + random blocks) pairs; no parameters",
    kind="point",
    build=lambda width: Attention(mask=bigbird(LENGTH, SIZE, random_blocks(LENGTH, SIZE, 1, seed=3))),
    shapes="(B, L, D), (B, L, D), (B, L, V) -> (B, L, V) for texts of one length, a multiple of the block",
    inputs=tokens,
    sides=(TOKENS, TOKENS),
    caption="Blocks of two tokens, one random block for each. Dots are pairs without attention.",
    note="A random block may repeat a near one here; the authors' code draws among the others.",
    alternates=("sparse",),
)

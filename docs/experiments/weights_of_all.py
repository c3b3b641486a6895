"""How many keys each attention mechanism uses."""

import math
from dataclasses import dataclass

import torch

from transduce.attention.catalogue import MECHANISMS
from transduce.drawing.matrix import Matrix, matrices_svg
from transduce.workflows.attention.run import page


@dataclass(frozen=True)
class Row:
    """Of the weights of one mechanism, means over rows: keys, share of weights that are 0, keys in use, largest weight."""

    keys: int
    zeros: float
    used: float
    largest: float


def measure() -> dict[str, Row]:
    """Each mechanism with its initial parameters and the inputs of its page, the sparsest first."""
    rows = {}
    for name in MECHANISMS:
        weights = page(name).weights.double().abs().flatten(0, -2)
        weights = weights[weights.sum(-1) > 0]  # rows that attend to nothing have no keys
        shares = weights / weights.sum(-1, keepdim=True)
        entropy = torch.special.entr(shares).sum(-1)
        rows[name] = Row(
            weights.shape[-1],
            float((weights == 0).double().mean()),
            float(entropy.exp().mean()),
            float(shares.amax(-1).mean()),
        )
    return dict(sorted(rows.items(), key=lambda pair: (round(pair[1].used / pair[1].keys, 6), pair[0])))


def pages() -> dict[str, str]:
    rows = measure()
    lines = "".join(
        f"| [{name}](../attention/{name}.md) | {row.keys} | {row.zeros:.0%} | {row.used:.1f} | {row.largest:.2f} |\n"
        for name, row in rows.items()
    )
    text = f"""# The weights of all mechanisms

Each mechanism of the catalogue runs on the small example of its page, with its initial parameters. The weights of a row are
divided by their sum. *Keys in use* is the exponential of their entropy: k equal weights use k keys, whatever the other weights
are. The sparsest come first.

| mechanism | keys | weights that are 0 | keys in use | largest weight |
|---|---|---|---|---|
{lines}
![share of keys in use, the sparsest first](weights_of_all.svg)

Three things make weights sparse: a mask (local, dilated, sparse, tree and graph mechanisms), a normaliser that reaches 0
(hard, sparsemax, entmax, top-k), and a score that varies much (dot-product and cosine, whose scale or sharpness is large for
these inputs). Learned maps begin with small scores, so a softmax over them begins with nearly equal weights, and training makes
them sharper. A mask or a sparse normaliser hides keys from the gradient too.
"""
    shares = [row.used / row.keys for row in rows.values()]
    across = math.ceil(len(shares) / 3)
    cut = [shares[begin : begin + across] for begin in range(0, len(shares), across)]
    names = [*rows]
    matrices = [
        Matrix(
            [[share] for share in part], names[place * across : place * across + len(part)], title="keys in use / keys"
        )
        for place, part in enumerate(cut)
    ]
    return {"weights_of_all.md": text, "weights_of_all.svg": matrices_svg(matrices)}

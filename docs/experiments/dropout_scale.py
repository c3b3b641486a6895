"""Why dropout divides by the share of the units that stay."""

from dataclasses import dataclass

import torch

from transduce.drawing.lines import lines_svg

PROBABILITIES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
UNITS, DRAWS = 256, 2000


@dataclass(frozen=True)
class Row:
    """Mean of a sum of units, as a share of the sum without dropout; and the deviation of that share with the division."""

    plain: float
    scaled: float
    deviation: float


def measure(probabilities: tuple[float, ...] = PROBABILITIES, draws: int = DRAWS) -> dict[float, Row]:
    rows = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        x = torch.rand(UNITS)
        for p in probabilities:
            keep = torch.rand(draws, UNITS) >= p
            shares = (x * keep).sum(1) / x.sum()
            scaled = shares / (1 - p)
            rows[p] = Row(shares.mean().item(), scaled.mean().item(), scaled.std().item())
    return rows


def pages() -> dict[str, str]:
    rows = measure()
    lines = "".join(f"| {p} | {row.plain:.2f} | {row.scaled:.2f} | {row.deviation:.2f} |\n" for p, row in rows.items())
    text = f"""# The scale of dropout

A unit sums {UNITS} inputs between 0 and 1. Dropout with probability p makes some of them zero. The table shows the mean of
the sum over {DRAWS:,} draws, as a share of the sum without dropout.

| p | as it is | divided by 1 - p | deviation of the divided sum |
|---|---|---|---|
{lines}
![mean of the sum](dropout_scale.svg)

Without the division the next layer sees smaller sums in training than in use. With it the means are equal, so evaluation
needs no change. The deviation grows with p: dropout adds noise.
"""
    means = {
        "as it is": [row.plain for row in rows.values()],
        "divided by 1 - p": [row.scaled for row in rows.values()],
    }
    return {
        "dropout_scale.md": text,
        "dropout_scale.svg": lines_svg(list(rows), means, "", "dropout probability p", "mean of the sum"),
    }

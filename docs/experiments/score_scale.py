"""Why attention divides scores by the square root of the key width."""

import math
from dataclasses import dataclass

import torch

from transduce.drawing.lines import lines_svg

WIDTHS = (1, 4, 16, 64, 256, 1024)
KEYS, QUERIES = 32, 200


@dataclass(frozen=True)
class Row:
    """Of random queries and keys: deviation of the scores, mean of the largest weight, mean size of the softmax's Jacobian."""

    deviation: float
    largest: float
    gradient: float


def measure(widths: tuple[int, ...] = WIDTHS, queries: int = QUERIES) -> dict[int, tuple[Row, Row]]:
    """For each width of the keys: plain and scaled scores."""
    rows = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for width in widths:
            scores = torch.randn(queries, width) @ torch.randn(width, KEYS)
            rows[width] = _row(scores), _row(scores / math.sqrt(width))
    return rows


def _row(scores: torch.Tensor) -> Row:
    weights = scores.softmax(-1)
    jacobians = torch.diag_embed(weights) - weights.unsqueeze(-1) * weights.unsqueeze(-2)  # (Q, S, S)
    sizes = torch.linalg.matrix_norm(jacobians)
    return Row(scores.std().item(), weights.amax(-1).mean().item(), sizes.mean().item())


def pages() -> dict[str, str]:
    rows = measure()
    lines = "".join(
        f"| {width} | {plain.deviation:.1f} | {plain.largest:.2f} | {plain.gradient:.3f} "
        f"| {scaled.deviation:.1f} | {scaled.largest:.2f} | {scaled.gradient:.3f} |\n"
        for width, (plain, scaled) in rows.items()
    )
    text = f"""# The square root in attention

Queries and keys have independent features of variance 1. Their product is a sum over the width, so its deviation is the root
of the width. The table shows weights over {KEYS} keys, means over {QUERIES} queries. The size of the gradient is the norm of
the Jacobian of the softmax, diag(w) - w w^T.

| key width | deviation of scores | largest weight | gradient | scaled: deviation | largest weight | gradient |
|---|---|---|---|---|---|---|
{lines}
![largest weight and size of the gradient](score_scale.svg)

Without the root, wide keys put nearly all weight on one key at random, and hardly a gradient passes to change it. Divided by
the root of the width, scores, weights and gradients do not depend on the width.
"""
    values = {
        "largest weight, plain": [plain.largest for plain, _ in rows.values()],
        "largest weight, scaled": [scaled.largest for _, scaled in rows.values()],
        "gradient, plain": [plain.gradient for plain, _ in rows.values()],
        "gradient, scaled": [scaled.gradient for _, scaled in rows.values()],
    }
    return {
        "score_scale.md": text,
        "score_scale.svg": lines_svg(list(map(float, rows)), values, "", "key width", "", powers_of_two=True),
    }

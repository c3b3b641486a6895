"""How attention computes two small examples: two heads over one sentence, and two heads with given weights."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from transduce.attention.attend import attend, attention_weights
from transduce.attention.scores import ScaledDotProduct
from transduce.drawing.matrix import Matrix, matrices_svg
from transduce.terminal import table

SENTENCE = ((-1, 2, -3, 4, -5), (6, -7, 8, -9, 10), (-11, 12, -13, 14, -15), (16, -17, 18, -19, 20))
TO_QUERY = ((0.1, -0.2, 0.3, -0.4, 0.5), (-0.6, 0.7, -0.8, 0.9, -1))
TO_KEY = ((-1.1, 1.2, -1.3, 1.4, -1.5), (1.6, -1.7, 1.8, -1.9, 2))
TO_VALUE = ((2.1, -2.2, 2.3, -2.4, 2.5), (-2.6, 2.7, -2.8, 2.9, -3))
HEAD_WEIGHTS = (
    ((0.2, 0.3, 0.1, 0.4), (0.3, 0.2, 0.1, 0.4), (0.1, 0.3, 0.2, 0.4), (0.4, 0.2, 0.1, 0.3)),
    ((0.3, 0.4, 0.1, 0.2), (0.4, 0.3, 0.1, 0.2), (0.1, 0.4, 0.3, 0.2), (0.2, 0.3, 0.1, 0.4)),
)


@dataclass(frozen=True)
class Result:
    """query, output: (T, H), a column for each head of width 1. weights: (H, T, T). by_torch: the output by PyTorch."""

    query: Tensor
    weights: Tensor
    output: Tensor
    by_torch: Tensor


def two_heads() -> Result:
    x = torch.tensor(SENTENCE, dtype=torch.float32)
    query, key, value = (
        (x @ torch.tensor(each).T).T[None, :, :, None]  # (B, H, T, E) = (1, 2, 4, 1)
        for each in (TO_QUERY, TO_KEY, TO_VALUE)
    )
    plain = ScaledDotProduct(1.0)
    outputs = attend(query, key, value, score=plain), F.scaled_dot_product_attention(query, key, value, scale=1.0)
    weights = attention_weights(query, key, score=plain)[0]
    return Result(query[0, :, :, 0].T, weights, *(each[0, :, :, 0].T for each in outputs))


def mixtures() -> Tensor:
    """Head h mixes column h of the values 1..12 with its matrix: (T, H)."""
    values = torch.arange(1.0, 13.0).view(4, 3)
    return torch.stack([weights @ values[:, head] for head, weights in enumerate(torch.tensor(HEAD_WEIGHTS))], -1)


def pages() -> dict[str, str]:
    result, mixture = two_heads(), mixtures()
    text = f"""# Attention by hand

A sentence of four tokens with five features, two heads of width 1, scores that are not scaled, no output map:

```text
x
{_table(torch.tensor(SENTENCE))}
query weights
{_table(torch.tensor(TO_QUERY))}
key weights
{_table(torch.tensor(TO_KEY))}
value weights
{_table(torch.tensor(TO_VALUE))}
queries x W^T, a column for each head
{_table(result.query)}
output, a column for each head
{_table(result.output)}```

![queries, weights and output](attention_by_hand.svg)

Scores of such size put all weight on one key, so each output is one of the values. `scaled_dot_product_attention` of PyTorch
gives the same; the largest difference is {(result.output - result.by_torch).abs().max().item():.1f}.

With given weights a head is a matrix product. Values 1 to 12 in four rows; head 1 mixes column 1, head 2 column 2:

```text
weights of head 1
{_table(torch.tensor(HEAD_WEIGHTS[0]))}
weights of head 2
{_table(torch.tensor(HEAD_WEIGHTS[1]))}
output, a column for each head
{_table(mixture)}```

Each output is a weighted mean over tokens: weights are not multiplied with the values cell by cell.
"""
    pictures = [Matrix(result.query.tolist(), title="queries")]
    pictures += [Matrix(each.tolist(), title=f"weights of head {head}") for head, each in enumerate(result.weights, 1)]
    pictures.append(Matrix(result.output.tolist(), title="output"))
    return {"attention_by_hand.md": text, "attention_by_hand.svg": matrices_svg(pictures)}


def _table(matrix: Tensor) -> str:
    """Rounded, so that the last bits of a float do not show."""
    rows = [["", *(f"{round(value, 4):g}" for value in row)] for row in matrix.tolist()]
    return table(rows, "l" + "r" * matrix.shape[1])

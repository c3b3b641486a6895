"""Batch normalisation against layer normalisation, on texts of several lengths and on one token at a time."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from transduce.drawing.lines import lines_svg

WIDTH, TOKENS = 16, 5
LENGTHS = (5, 10, 20, 40, 80)


@dataclass(frozen=True)
class Result:
    """Largest changes of the outputs of one text; they are of size 1.

    changes: for each length of the other text in the batch, for batch and for layer norm.
    in_use: between training and evaluation. alone: of the last token, between alone and within its text, in layer norm.
    fails_alone: batch norm cannot train on one token.
    """

    changes: dict[int, tuple[float, float]]
    in_use: tuple[float, float]
    alone: float
    fails_alone: bool


def measure(lengths: tuple[int, ...] = LENGTHS) -> Result:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        text, others = torch.randn(TOKENS, WIDTH), torch.randn(max(lengths), WIDTH)
        batch_norm, layer_norm = nn.BatchNorm1d(WIDTH), nn.LayerNorm(WIDTH)
        before = [_in_batch(norm, text, others[:TOKENS]) for norm in (batch_norm, layer_norm)]
        changes = {}
        for length in lengths:
            after = [_in_batch(norm, text, others[:length]) for norm in (batch_norm, layer_norm)]
            changes[length] = _change(before[0], after[0]), _change(before[1], after[1])
        in_use = [_change(y, norm.eval()(text)) for y, norm in zip(before, (batch_norm, layer_norm), strict=True)]
        alone = _change(layer_norm(text)[-1:], layer_norm(text[-1:]))
        try:
            batch_norm.train()(text[-1:])
            fails_alone = False
        except ValueError:  # one value per channel has no variance
            fails_alone = True
    return Result(changes, (in_use[0], in_use[1]), alone, fails_alone)


def _in_batch(norm: nn.Module, text: Tensor, other: Tensor) -> Tensor:
    """The outputs of the text in a batch of two, with zeros up to one length."""
    batch = nn.utils.rnn.pad_sequence([text, other], batch_first=True)  # (2, T, D)
    outputs: Tensor = norm(batch.flatten(0, 1))
    return outputs.view_as(batch)[0, : len(text)]


def _change(first: Tensor, second: Tensor) -> float:
    return (first - second).abs().max().item()


def pages() -> dict[str, str]:
    result = measure()
    rows = "".join(f"| {length} | {batch:.2f} | {layer:.2f} |\n" for length, (batch, layer) in result.changes.items())
    text = f"""# Batch norm against layer norm

A text of {TOKENS} tokens stands in a batch with one other text; zeros fill the shorter one. Its outputs should not depend on
its neighbour. The table shows their largest change as the neighbour grows, from a neighbour of the same length on.

| tokens of the neighbour | batch norm | layer norm |
|---|---|---|
{rows}
![change of the outputs](normalisation.svg)

Batch norm takes mean and variance over all texts and over the padding, so each text depends on its batch. Layer norm takes
them over the {WIDTH} features of one token.

| | batch norm | layer norm |
|---|---|---|
| change from training to evaluation | {result.in_use[0]:.2f} | {result.in_use[1]:.2f} |
| one token alone, in training | {"an error" if result.fails_alone else "a result"} | change {result.alone:.2f} |

A decoder gets one token at a time, so what it computes for a token must not need the others: Transformers use layer norm.
"""
    lines = {
        name: [values[place] for values in result.changes.values()]
        for place, name in enumerate(("batch norm", "layer norm"))
    }
    return {
        "normalisation.md": text,
        "normalisation.svg": lines_svg(
            list(map(float, result.changes)), lines, "", "tokens of the neighbour", "largest change", powers_of_two=True
        ),
    }

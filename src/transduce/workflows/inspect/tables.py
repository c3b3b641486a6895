"""An inspection as tables of text, for a terminal."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from transduce.drawing.labels import readable
from transduce.terminal import table
from transduce.workflows.inspect.run import Inspection

TOP = 5  # source tokens named for each step


def as_text(found: Inspection) -> str:
    """The tokens; then, for each of the output, its alternatives and the source tokens that it depends on or looks at."""
    how = origin_of_output(found)
    head = [
        ["source", " ".join(map(readable, found.source_pieces))],
        ["output", " ".join(readable(step.taken.piece) for step in found.steps)],
        ["", f"{how}, log-probability {found.log_probability:.4f}"],
    ]
    mean = found.attention.mean((0, 1))
    return "\n".join(
        [
            table(head),
            "alternatives: the most probable tokens at each step (the model's own probabilities)\n"
            + _alternatives(found),
            "saliency: share of gradient x input, source tokens with the most\n" + _most(found, shares(found.saliency)),
            "attention: weight over the source, mean of all layers and heads\n" + _most(found, mean),
        ]
    )


def origin_of_output(found: Inspection) -> str:
    """Where the output comes from, and whether it is whole."""
    if found.given:
        return "given"
    return (
        "found by search"
        if found.ended
        else "found by search, cut at the longest output allowed (the end token is put)"
    )


def shares(values: np.ndarray) -> np.ndarray:
    """Each row divided by its sum; rows of zeros stay."""
    sums = values.sum(-1, keepdims=True)
    divided: np.ndarray = np.divide(values, sums, out=np.zeros_like(values), where=sums > 0)
    return divided


def _alternatives(found: Inspection) -> str:
    most = max(len(step.choices) for step in found.steps)
    rows = [["", "output", "p", "rank", *(str(place) for place in range(1, most + 1))]]
    for number, step in enumerate(found.steps, 1):
        others = (f"{readable(choice.piece)} {choice.probability:.3f}" for choice in step.choices)
        taken = [readable(step.taken.piece), f"{step.taken.probability:.3f}", f"{step.rank:,}"]
        rows.append([str(number), *taken, *others])
    return table(rows)


def _most(found: Inspection, values: np.ndarray) -> str:
    """The source tokens with the largest values in each row, largest first; those that would show as 0 are left out."""
    rows = [["", "output", "source"]]
    names = _names(found.source_pieces)
    for number, (step, row) in enumerate(zip(found.steps, values, strict=True), 1):
        best = [place for place in np.argsort(-row, kind="stable")[:TOP].tolist() if row[place] >= 0.005]
        named = (f"{names[place]} {row[place]:.2f}" for place in best)
        rows.append([str(number), readable(step.taken.piece), *named])
    return table(rows)


def _names(pieces: Sequence[str]) -> list[str]:
    """The tokens; those that occur more than once with their numbers, as "the(3)"."""
    often = {piece for piece, count in Counter(pieces).items() if count > 1}
    shown = ((readable(piece), piece in often) for piece in pieces)
    return [f"{text}({place})" if repeated else text for place, (text, repeated) in enumerate(shown, 1)]

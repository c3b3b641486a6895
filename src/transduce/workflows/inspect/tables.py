"""An inspection as tables of text, for a terminal."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from transduce.drawing.labels import readable
from transduce.terminal import table
from transduce.workflows.inspect.run import Inspection

TOP = 5  # source tokens named for each step


def as_text(inspection: Inspection) -> str:
    """The tokens; then, for each of the output, its alternatives and the source tokens that it depends on or looks at."""
    how = origin_of_output(inspection)
    head = [
        ["source", " ".join(map(readable, inspection.source_pieces))],
        ["output", " ".join(readable(step.token.piece) for step in inspection.steps)],
        ["", f"{how}, log-probability {inspection.log_probability:.4f}"],
    ]
    mean = inspection.attention.mean((0, 1))
    return "\n".join(
        [
            table(head),
            "alternatives: the most probable tokens at each step (the model's own probabilities)\n"
            + _alternatives(inspection),
            "saliency: share of gradient x input, source tokens with the most\n"
            + _most(inspection, shares(inspection.saliency)),
            "attention: weight over the source, mean of all layers and heads\n" + _most(inspection, mean),
        ]
    )


def origin_of_output(inspection: Inspection) -> str:
    """Where the output comes from, and whether it is whole."""
    if inspection.from_caller:
        return "given"
    return (
        "by beam search"
        if inspection.ended
        else "by beam search, cut at the longest output allowed (the end token is put)"
    )


def shares(values: np.ndarray) -> np.ndarray:
    """Each row divided by its sum; rows of zeros stay."""
    sums = values.sum(-1, keepdims=True)
    divided: np.ndarray = np.divide(values, sums, out=np.zeros_like(values), where=sums > 0)
    return divided


def _alternatives(inspection: Inspection) -> str:
    most = max(len(step.choices) for step in inspection.steps)
    rows = [["", "output", "p", "rank", *(str(place) for place in range(1, most + 1))]]
    for number, step in enumerate(inspection.steps, 1):
        others = (f"{readable(choice.piece)} {choice.probability:.3f}" for choice in step.choices)
        token = [readable(step.token.piece), f"{step.token.probability:.3f}", f"{step.rank:,}"]
        rows.append([str(number), *token, *others])
    return table(rows)


def _most(inspection: Inspection, values: np.ndarray) -> str:
    """The source tokens with the largest values in each row, largest first; those that would show as 0 are left out."""
    rows = [["", "output", "source"]]
    names = _names(inspection.source_pieces)
    for number, (step, row) in enumerate(zip(inspection.steps, values, strict=True), 1):
        best = [place for place in np.argsort(-row, kind="stable")[:TOP].tolist() if row[place] >= 0.005]
        named = (f"{names[place]} {row[place]:.2f}" for place in best)
        rows.append([str(number), readable(step.token.piece), *named])
    return table(rows)


def _names(pieces: Sequence[str]) -> list[str]:
    """The tokens; those that occur more than once with their numbers, as "the(3)"."""
    often = {piece for piece, count in Counter(pieces).items() if count > 1}
    texts = ((readable(piece), piece in often) for piece in pieces)
    return [f"{text}({place})" if repeated else text for place, (text, repeated) in enumerate(texts, 1)]

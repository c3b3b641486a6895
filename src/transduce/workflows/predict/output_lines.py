"""How the translations of a line are written: as text, in columns with tabs between them, or as JSON."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from transduce.tasks.outputs import Output
from transduce.workflows.predict.line_batches import Line
from transduce.workflows.predict.stream import one_line


@dataclass(frozen=True)
class Columns:
    """One line for each output: the number of its line, its rank and its score; its confidence; and its text, last.

    `Columns(ranked=True)` writes "3\\t1\\t-0.482113\\tdas Haus".
    """

    ranked: bool = False
    confidence: bool = False

    def __call__(self, line: Line, outputs: Sequence[Output]) -> str:
        return "".join(self._row(line, rank, output) for rank, output in enumerate(outputs, 1))

    def _row(self, line: Line, rank: int, output: Output) -> str:
        start = [f"{line.number}", f"{rank}", f"{output.score:.6f}"] if self.ranked else []
        sure = [f"{output.confidence:.4f}"] if self.confidence else []
        return "\t".join([*start, *sure, one_line(output.text)]) + "\n"


@dataclass(frozen=True)
class Json:
    """One object on a line for each output, with the probability of each of its tokens."""

    tags: tuple[str, ...] = ()

    def __call__(self, line: Line, outputs: Sequence[Output]) -> str:
        rows = (self._tree(line, rank, output) for rank, output in enumerate(outputs, 1))
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    def _tree(self, line: Line, rank: int, output: Output) -> dict[str, object]:
        pairs = zip(output.pieces, output.token_probabilities, strict=True)
        return {
            "line": line.number,
            "rank": rank,
            "text": output.text,
            "score": _finite(output.score),
            "confidence": output.confidence,
            "ended": output.ended,
            "source_cut": output.source_cut,
            "tags": list(self.tags),
            "tokens": [{"piece": piece, "probability": probability} for piece, probability in pairs],
        }


def _finite(value: float) -> float | None:
    """JSON has no infinity: null."""
    return value if math.isfinite(value) else None

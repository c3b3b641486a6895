"""How to decode: the [decoding] table of a run file."""

import math
from dataclasses import dataclass
from typing import Annotated

from transduce.decoding.sampling import Sampling

LIMITS = {
    "beam": (1, 1_000),
    "n_best": (1, 1_000_000),
    "max_length": (1, 100_000),
    "max_extra": (1, 100_000),
    "batch_tokens": (1, 100_000_000),
    "alpha": (0, 10),
    "max_ratio": (0, 1_000),
}


@dataclass(frozen=True)
class Decoding:
    """Settings of greedy and beam search. Lengths count tokens, the end token included.

    A hypothesis is scored by log-probability / length^alpha. No output is longer than its limit,

        limit = min(max-length, floor(max-ratio * source tokens) + max-extra)

    which holds for each sentence on its own, whatever it shares a batch with. What reaches the limit without an end
    token counts as finished there, as it is. The defaults leave room for outputs in characters of a source in words.
    """

    beam: Annotated[int, "hypotheses kept open per sentence; 1 is greedy search"] = 4
    alpha: Annotated[float, "length penalty: the score is log-probability / length^alpha; 0 for none"] = 1.0
    n_best: Annotated[int, "outputs returned per sentence, best first; at most beam"] = 1
    max_length: Annotated[int, "longest output in tokens, whatever the source"] = 256
    max_ratio: Annotated[float, "longest output in tokens per source token, on top of max-extra"] = 5.0
    max_extra: Annotated[int, "tokens any output may have, however short its source"] = 50
    batch_tokens: Annotated[int, "padded source tokens decoded together, each counted once per beam"] = 4096
    sampling: Annotated[Sampling | None, "draw n-best outputs, independently, instead of searching"] = None

    def __post_init__(self) -> None:
        for key, (least, most) in LIMITS.items():
            if not least <= getattr(self, key) <= most:
                raise ValueError(f"{key.replace('_', '-')} must be {least} to {most:,}, found {getattr(self, key)}")
        if self.n_best > self.beam and self.sampling is None:
            raise ValueError(
                f"n-best must be at most beam ({self.beam}), found {self.n_best}; raise beam or lower n-best"
            )

    def limit(self, source_length: int) -> int:
        """Most tokens that a source of `source_length` tokens may be given: `Decoding(max_ratio=2).limit(3) == 56`."""
        return min(self.max_length, math.floor(self.max_ratio * source_length) + self.max_extra)

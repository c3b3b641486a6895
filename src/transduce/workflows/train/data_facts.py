"""What the choices by the size of the data look at; the files of a run are read for it once."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from transduce.data.config import DataConfig
from transduce.data.formats.read import examples
from transduce.data.records import Example
from transduce.data.scan import Origin, find_origins
from transduce.data.tally import Findings

SAMPLE = 10_000  # pairs whose lengths are measured,
SAMPLE_CHARACTERS = 50_000_000  # and characters of a corpus after which no more are


@dataclass(frozen=True)
class DataFacts:
    """Pairs to train on, and mean characters of a source and of a target.

    epoch: pairs of an epoch, where weights make it another number.
    """

    pairs: int
    source_characters: float
    target_characters: float
    epoch: float | None = None


@dataclass(frozen=True)
class RunData:
    """The files that [data] names, from the folder `base`. They are counted and hashed at first use, once."""

    config: DataConfig
    base: Path

    @cached_property
    def origins(self) -> dict[str, Origin]:
        return find_origins(self.config, self.base)

    @cached_property
    def facts(self) -> DataFacts:
        return measure(self.config, self.origins["train"])


def measure(data: DataConfig, train: Origin) -> DataFacts:
    """Counts the pairs to train on, before any is cleaned away, and measures the first of each corpus.

    ValueError if a split holds out more than there is.
    """
    source = target = 0.0
    held_out = data.split.dev + data.split.test if data.split else 0
    if held_out and held_out >= train.lines:
        raise ValueError(
            f"data.split holds out {held_out:,} sources, but the train files have {train.lines:,} pairs at most; hold out "
            "fewer"
        )
    for corpus, count in zip(train.corpora, train.counts, strict=True):
        pairs = islice(examples(corpus, train.rules, Findings()), max(1, SAMPLE // len(train.corpora)))
        share, means = count / max(1, train.lines), _mean_characters(pairs)
        source, target = source + share * means[0], target + share * means[1]
    left = max(1, train.lines - held_out)
    weighted = sum(count * corpus.weight for corpus, count in zip(train.corpora, train.counts, strict=True))
    epoch = None if weighted == train.lines else left * weighted / train.lines
    return DataFacts(left, source, target, epoch)


def _mean_characters(pairs: Iterable[Example]) -> tuple[float, float]:
    """Of sources and of targets, over the first pairs that have `SAMPLE_CHARACTERS` together; 0 where there are none."""
    number = source = target = 0
    for pair in pairs:
        number, source, target = number + 1, source + len(pair.source), target + len(pair.target)
        if source + target >= SAMPLE_CHARACTERS:
            break
    return source / max(1, number), target / max(1, number)

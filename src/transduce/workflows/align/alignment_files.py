"""Aligned files as pairs, and gold alignments of them: what `align` is given and measured with."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from transduce.data.findings import Findings
from transduce.data.formats.lines import LineRules, aligned, facts, lines, require_equal_lines
from transduce.data.records import counted
from transduce.evaluation.alignment import AlignmentScore, Gold, check_within, error_rate, format_links, parse_gold
from transduce.models.model import Model
from transduce.networks.probes import source_attentions
from transduce.workflows.align.run import Links, Reading, align, networks_of

Pair = tuple[str, str]

BATCH = 1_024  # pairs


@dataclass(frozen=True)
class Measured:
    """What one reading found, and its error."""

    reading: Reading
    links: tuple[Links, ...]
    score: AlignmentScore


def pair_batches(source: Path, target: Path) -> Iterator[list[Pair]]:
    """The lines of two files as pairs, blank ones too, a thousand at a time.

    ValueError, before the first, if they do not have equally many lines; later at a line that is no text.
    """
    require_equal_lines([facts(source), facts(target)])
    pairs = ((row[0], row[1]) for _, row in aligned([source, target], LineRules(), Findings()))
    while batch := list(islice(pairs, BATCH)):
        yield batch


def read_gold(path: Path, pairs: Sequence[Pair], first: int = 0) -> list[Gold]:
    """The gold links of each pair, one line each; `first` is the number of the first word, 0 or 1.

    ValueError, with file and line, for what is no link and for a link to a word that its pair does not have; and for
    another number of lines.
    """
    rows = list(lines(path))
    if len(rows) != len(pairs):
        raise ValueError(
            f"{path} has {counted(len(rows), 'line')}, but the number of pairs is {len(pairs):,}; line N holds the links of pair N"
        )
    gold_links = []
    for number, (row, (source, target)) in enumerate(zip(rows, pairs, strict=True), 1):
        gold = parse_gold(row, f"{path}:{number}", first)
        check_within(gold.possible, len(source.split()), len(target.split()), f"{path}:{number}")
        gold_links.append(gold)
    return gold_links


def every_reading(model: Model) -> list[Reading]:
    """All ways to read a model's alignments: from the mean of its layers and from each of them, unshifted and shifted."""
    common = min(source_attentions(network) for network in networks_of(model))
    layers = [None, *range(1, common + 1)]
    return [Reading(layer, shifted) for layer in layers for shifted in (False, True)]


def measure(
    model: Model,
    pairs: Sequence[Pair],
    gold: Sequence[Gold],
    readings: Sequence[Reading],
    tags: Sequence[Sequence[str]] | None = None,
) -> list[Measured]:
    """The links of each reading and their error."""
    sure, possible = [each.sure for each in gold], [each.possible for each in gold]
    links_by_reading = [align(model, pairs, tags, reading=reading) for reading in readings]
    return [
        Measured(reading, tuple(links), error_rate(links, sure, possible))
        for reading, links in zip(readings, links_by_reading, strict=True)
    ]


def as_lines(links: Iterable[Links]) -> str:
    """Pharaoh format: a line for each pair, empty where it has no links."""
    return "".join(f"{format_links(each)}\n" for each in links)

"""Word alignments: their text form and their error.

A link (s, t) says that target word t renders source word s; both count from 0.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from transduce.data.records import counted

Link = tuple[int, int]

GOLD_LINK = re.compile(r"([0-9]{1,9})([-?p])([0-9]{1,9})")


@dataclass(frozen=True)
class Gold:
    """The annotation of one pair: the sure links, and the possible links, which include the sure ones."""

    sure: frozenset[Link]
    possible: frozenset[Link]


@dataclass(frozen=True)
class AlignmentScore:
    """Och and Ney 2003 (A Systematic Comparison of Various Statistical Alignment Models), over a corpus, in percent.

    A are the links of the output, S the sure ones of the gold standard, P the possible ones (S included), each counted over all
    pairs: precision = |A & P| / |A|, recall = |A & S| / |S|, error_rate = 1 - (|A & S| + |A & P|) / (|A| + |S|).
    Precision is None for an output without links, recall for a gold standard without sure links.
    """

    error_rate: float
    precision: float | None
    recall: float | None
    links: int
    sure: int
    possible: int


def error_rate(
    links: Sequence[Iterable[Link]], sure: Sequence[Iterable[Link]], possible: Sequence[Iterable[Link]]
) -> AlignmentScore:
    """The error of one alignment per pair. A sure link counts as possible whether or not `possible` repeats it.

    ValueError if there are neither links nor sure links, since no rate is defined then.
    """
    assert len(links) == len(sure) == len(possible), f"{len(links)}, {len(sure)} and {len(possible)} pairs"
    link_count = sure_count = possible_count = in_sure = in_possible = 0
    for output, must, may in zip(map(set, links), map(set, sure), map(set, possible), strict=True):
        may |= must
        link_count += len(output)
        sure_count += len(must)
        possible_count += len(may)
        in_sure += len(output & must)
        in_possible += len(output & may)
    if link_count + sure_count == 0:
        raise ValueError(
            "the alignment error rate is not defined: the output has no links and the gold standard no sure ones"
        )
    return AlignmentScore(
        error_rate=100 * (1 - (in_sure + in_possible) / (link_count + sure_count)),
        precision=100 * in_possible / link_count if link_count else None,
        recall=100 * in_sure / sure_count if sure_count else None,
        links=link_count,
        sure=sure_count,
        possible=possible_count,
    )


def format_links(links: Iterable[Link]) -> str:
    """Pharaoh format, in order and each link once: `format_links([(1, 2), (0, 0)]) == "0-0 1-2"`."""
    return " ".join(f"{source}-{target}" for source, target in sorted(set(links)))


def parse_gold(line: str, where: str, first: int = 0) -> Gold:
    """Sure links as "1-2", possible ones as "1?2" or "1p2"; `first` is the number of the first word, 0 or 1.

    `parse_gold("0-0 1?2", "gold.txt:1")` is `Gold({(0, 0)}, {(0, 0), (1, 2)})`. A ValueError begins with `where`.
    """
    sure, possible = set(), set()
    for part in line.split():
        match = GOLD_LINK.fullmatch(part)
        if match is None:
            raise ValueError(
                f"{where}: {part!r} is no link; expected two word numbers, 1-2 for a sure link, 1?2 (or 1p2) for a "
                "possible one"
            )
        link = int(match[1]) - first, int(match[3]) - first
        if min(link) < 0:
            raise ValueError(f"{where}: {part!r} has a 0, but the first word is number {first}")
        possible.add(link)
        if match[2] == "-":
            sure.add(link)
    return Gold(frozenset(sure), frozenset(possible))


def check_within(links: Collection[Link], source_words: int, target_words: int, where: str) -> None:
    """ValueError, beginning with `where`, for a link to a word that the pair does not have."""
    for source, target in sorted(links):
        for number, words, side in ((source, source_words, "source"), (target, target_words, "target")):
            if number >= words:
                raise ValueError(
                    f"{where}: the link from source word {source} to target word {target} (counted from 0) leads out "
                    f"of the {side}, which has {counted(words, 'word')}"
                )

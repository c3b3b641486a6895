"""First pass over the records: every record is reduced to the 64-bit keys and small numbers that the split is made from."""

from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8, UInt16, UInt64

from transduce.data.cleaning.rules import Clean, rules, verdict
from transduce.data.columns import Text
from transduce.data.findings import Findings
from transduce.data.records import Record, of_kind
from transduce.data.scan import Origin
from transduce.data.split import exact_key, text_key
from transduce.text.tags import MOST_TAGS, advice

MOST_SETS = 1 << 16  # different combinations of tags; what a number has bits for
Numbers = UInt16[np.ndarray, " N"]


@dataclass(frozen=True)
class Survey:
    """What is known of an origin's records, in order.

    keys: of the key column. groups: of what a split keeps together: the keys again unless it is by group.
    contents: keys of tags and all columns, where duplicates are looked for; else empty.
    tags: the number of each record's tags in `tag_sets`.
    verdicts: TRAIN, or why a record is not worth training on.
    corpora: how many of the records come from each corpus.
    """

    keys: UInt64[np.ndarray, " N"]
    groups: UInt64[np.ndarray, " N"]
    contents: UInt64[np.ndarray, " M"]
    tags: UInt16[np.ndarray, " N"]
    verdicts: UInt8[np.ndarray, " N"]
    corpora: tuple[int, ...]
    tag_sets: "TagSets"


def survey(origin: Origin, findings: Findings, clean: Clean | None = None, by_group: bool = False) -> Survey:
    """Read every record and keep at most 27 bytes of each; `findings` counts what is left out or changed.

    `clean`: the rules to judge the records by, none by default. ValueError if no record is usable, or if one names no
    group where groups are asked for.
    """
    task = origin.task
    keys, groups, contents, tags, verdicts = array("Q"), array("Q"), array("Q"), array("H"), array("B")
    tag_sets, ends = TagSets(), [0]
    active = rules(clean, of_kind(task, Text)) if clean else []
    duplicates = clean is not None and clean.drop_duplicates
    for corpus in origin.read_corpora("reading", findings):
        for record in corpus:
            keys.append(text_key(record.values[task.key]))
            tags.append(tag_sets.number(record.tags, record.where))
            verdicts.append(verdict(record.values, active))
            if duplicates:
                contents.append(exact_key("\0".join((*record.tags, *record.values.values()))))
            if by_group:
                groups.append(_group_key(record, task.unit))
        ends.append(len(keys))
    if not keys:
        dropped = str(findings.dropped)
        names = ", ".join(str(file.path) for file in origin.files[:10])
        raise ValueError(f"{names}: no usable {task.unit}" + (f" (dropped: {dropped})" if dropped else ""))
    all_keys = np.frombuffer(keys, np.uint64)
    return Survey(
        keys=all_keys,
        groups=np.frombuffer(groups, np.uint64) if by_group else all_keys,
        contents=np.frombuffer(contents, np.uint64),
        tags=np.frombuffer(tags, np.uint16),
        verdicts=np.frombuffer(verdicts, np.uint8),
        corpora=tuple(np.diff(ends).tolist()),
        tag_sets=tag_sets,
    )


def _group_key(record: Record, unit: str) -> int:
    if not (name := record.group.strip()):
        raise ValueError(
            f"{record.where}: this {unit} has no group in its group file or column; "
            f'split.by = "group" needs one of every {unit}'
        )
    return exact_key(name)


class TagSets:
    """Numbers the different combinations of tags, in the order in which they come; 0 is no tags at all."""

    def __init__(self) -> None:
        self.sets: list[tuple[str, ...]] = [()]
        self._numbers: dict[tuple[str, ...], int] = {(): 0}
        self._first: dict[str, str] = {}  # where each name came first

    def number(self, tags: tuple[str, ...], where: str) -> int:
        """The number of a record's tags. ValueError, naming its place, for more tags than a model takes."""
        known = self._numbers.get(tags)
        if known is not None:
            return known
        for name in tags:
            self._first.setdefault(name, where)
        if len(self._first) > MOST_TAGS or len(self.sets) == MOST_SETS:
            names = ", ".join(map(repr, list(self._first)[:3]))
            what = f"{MOST_TAGS:,} different tags" if len(self._first) > MOST_TAGS else f"{MOST_SETS:,} sets of tags"
            raise ValueError(
                f"{where}: more than {what} by this line ({names}, ...); is its tag column the right one? "
                'columns = { tag = "" } reads none'
            )
        self.sets.append(tags)
        self._numbers[tags] = len(self.sets) - 1
        return len(self.sets) - 1

    def names(self, numbers: Numbers) -> tuple[str, ...]:
        """All tags of records with these numbers, sorted."""
        return tuple(sorted({name for number in np.unique(numbers).tolist() for name in self.sets[number]}))

    def unknown(self, numbers: Numbers, known: Collection[str]) -> Bool[np.ndarray, " N"]:
        """Which of the records have a tag that is not among the known."""
        allowed = set(known)
        strange = [number for number, tags in enumerate(self.sets) if not allowed.issuperset(tags)]
        return np.isin(numbers, strange)

    def require_known(self, numbers: Numbers, known: Sequence[str], why: str) -> None:
        """ValueError, naming tag and place, if a record has a tag that is not among the known; `why` they are those."""
        strange = [name for name in self.names(numbers) if name not in set(known)]
        if strange:
            more = f" (and {len(strange) - 1} more unknown tags)" if len(strange) > 1 else ""
            raise ValueError(
                f"{self._first[strange[0]]}: unknown tag {strange[0]!r}{more}: {why}; {advice(known, strange[0])}; "
                'in a .csv or .jsonl file, columns = { tag = "" } leaves them out'
            )

"""First pass over the records: reduces every record to 64-bit keys and small numbers, from which the split is computed."""

from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8, UInt16, UInt64

from transduce.data.cleaning.rules import Clean, rules, verdict
from transduce.data.columns import Text
from transduce.data.findings import Findings
from transduce.data.records import Record, counted, of_kind
from transduce.data.scan import Origin
from transduce.data.split import exact_key, text_key
from transduce.text.tags import MOST_TAGS, advice

MOST_SETS = 1 << 16  # different combinations of tags: a number has 16 bits
Numbers = UInt16[np.ndarray, " N"]


@dataclass(frozen=True)
class RecordKeys:
    """The keys of an origin's records, in order.

    keys: hashes of the key column. groups: hashes of the groups if the split is by group, else `keys`.
    contents: hashes of tags and all columns if duplicates are dropped, else empty.
    tags: the number of each record's tags in `tag_sets`.
    verdicts: TRAIN, or the outcome of the cleaning rule that leaves the record out.
    """

    keys: UInt64[np.ndarray, " N"]
    groups: UInt64[np.ndarray, " N"]
    contents: UInt64[np.ndarray, " M"]
    tags: UInt16[np.ndarray, " N"]
    verdicts: UInt8[np.ndarray, " N"]
    tag_sets: "TagSets"


def read_keys(origin: Origin, findings: Findings, clean: Clean | None = None, by_group: bool = False) -> RecordKeys:
    """Read every record and keep at most 27 bytes of each; `findings` counts what is left out or changed.

    `clean`: the cleaning rules, none by default. ValueError if no record is usable, or if a record has no group and
    `by_group` needs one.
    """
    task = origin.task
    keys, groups, contents, tags, verdicts = array("Q"), array("Q"), array("Q"), array("H"), array("B")
    tag_sets = TagSets()
    active = rules(clean, of_kind(task, Text)) if clean else []
    duplicates = clean is not None and clean.drop_duplicates
    for record in origin.read("reading", findings):
        keys.append(text_key(record.values[task.key]))
        tags.append(tag_sets.number(record.tags, record.where))
        verdicts.append(verdict(record.values, active))
        if duplicates:
            contents.append(exact_key("\0".join((*record.tags, *record.values.values()))))
        if by_group:
            groups.append(_group_key(record, task.unit))
    if not keys:
        dropped = str(findings.dropped)
        names = ", ".join(str(file.path) for file in origin.files[:10])
        raise ValueError(f"{names}: no usable {task.unit}" + (f" (dropped: {dropped})" if dropped else ""))
    all_keys = np.frombuffer(keys, np.uint64)
    return RecordKeys(
        keys=all_keys,
        groups=np.frombuffer(groups, np.uint64) if by_group else all_keys,
        contents=np.frombuffer(contents, np.uint64),
        tags=np.frombuffer(tags, np.uint16),
        verdicts=np.frombuffer(verdicts, np.uint8),
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
    """Numbers the different combinations of tags in order of occurrence; 0 is the empty one."""

    def __init__(self) -> None:
        self.sets: list[tuple[str, ...]] = [()]
        self._numbers: dict[tuple[str, ...], int] = {(): 0}
        self._first: dict[str, str] = {}  # name -> its first place

    def number(self, tags: tuple[str, ...], where: str) -> int:
        """The number of a record's tags. ValueError, naming its place, for more tags than a model accepts."""
        number = self._numbers.get(tags)
        if number is not None:
            return number
        for name in tags:
            self._first.setdefault(name, where)
        if len(self._first) > MOST_TAGS or len(self.sets) == MOST_SETS:
            names = ", ".join(map(repr, list(self._first)[:3]))
            limit = f"{MOST_TAGS:,} different tags" if len(self._first) > MOST_TAGS else f"{MOST_SETS:,} sets of tags"
            raise ValueError(
                f"{where}: more than {limit} by this line ({names}, ...); is its tag column the right one? "
                'columns = { tag = "" } reads none'
            )
        self.sets.append(tags)
        self._numbers[tags] = len(self.sets) - 1
        return len(self.sets) - 1

    def names(self, numbers: Numbers) -> tuple[str, ...]:
        """All tags of records with these numbers, sorted."""
        return tuple(sorted({name for number in np.unique(numbers).tolist() for name in self.sets[number]}))

    def unknown(self, numbers: Numbers, vocabulary: Collection[str]) -> Bool[np.ndarray, " N"]:
        """Marks the records with a tag that is not in the vocabulary of tags."""
        allowed = set(vocabulary)
        strange = [number for number, tags in enumerate(self.sets) if not allowed.issuperset(tags)]
        return np.isin(numbers, strange)

    def require_known(self, numbers: Numbers, vocabulary: Sequence[str], why: str) -> None:
        """ValueError, with tag and place, if a record has a tag outside the vocabulary; `why` explains the vocabulary."""
        strange = [name for name in self.names(numbers) if name not in set(vocabulary)]
        if strange:
            more = f" (and {counted(len(strange) - 1, 'more unknown tag')})" if len(strange) > 1 else ""
            raise ValueError(
                f"{self._first[strange[0]]}: unknown tag {strange[0]!r}{more}: {why}; {advice(vocabulary, strange[0])}; "
                'in a .csv or .jsonl file, columns = { tag = "" } leaves them out'
            )

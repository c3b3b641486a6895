"""First pass over the records: reduces every record to 64-bit keys and small numbers, from which the split is computed."""

from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt16, UInt64

from transduce.data.cleaning.rules import Clean, rules, verdict
from transduce.data.columns import Label, Text
from transduce.data.config import SplitBy
from transduce.data.findings import Findings
from transduce.data.formats.time_windows import has_windows
from transduce.data.keys import exact_key
from transduce.data.plausibility import Sample, plausibility_warnings
from transduce.data.records import Record, RecordType, counted, of_kind
from transduce.data.scan import Origin
from transduce.text.tags import MOST_TAGS, advice

NO_SPAN = (-1, -1)
MOST_SETS = 1 << 16  # different combinations of tags: a number has 16 bits
Numbers = UInt16[np.ndarray, " N"]


@dataclass(frozen=True)
class RecordKeys:
    """The keys of an origin's records, in order.

    keys: hashes of the key column. groups: hashes of the groups if the split is by group or by time, else `keys`.
    spans: first and last time step of each in its group; -1 for records that have none.
    contents: hashes of tags and all columns if duplicates are dropped, else empty; empty for windows of series.
    labels: hashes of the labels; empty for tasks without.
    tags: the number of each record's tags in `tag_sets`.
    verdicts: TRAIN, or the outcome of the cleaning rule that leaves the record out.
    """

    keys: UInt64[np.ndarray, " N"]
    groups: UInt64[np.ndarray, " N"]
    contents: UInt64[np.ndarray, " M"]
    labels: UInt64[np.ndarray, " L"]
    tags: UInt16[np.ndarray, " N"]
    verdicts: UInt8[np.ndarray, " N"]
    tag_sets: "TagSets"
    spans: Int64[np.ndarray, "N 2"]


def read_keys(
    origin: Origin, findings: Findings, clean: Clean | None = None, split_by: SplitBy | None = None
) -> RecordKeys:
    """Read every record and keep at most 51 bytes of each; `findings` counts what is left out or changed, and gets
    warnings about implausible data.

    `clean`: the cleaning rules, none by default. ValueError if no record is usable, or if a record has no group or time
    and `split_by` needs one.
    """
    task = origin.task
    keys, groups, contents, tags, verdicts = array("Q"), array("Q"), array("Q"), array("H"), array("B")
    spans, labels = array("q"), array("Q")
    tag_sets = TagSets()
    active = rules(clean, of_kind(task, Text)) if clean else []
    duplicates = clean is not None and clean.drop_duplicates and not has_windows(task.columns)
    columns, key_column, label_columns = task.columns, task.columns[task.key], of_kind(task, Label)
    samples = [Sample(columns, most) for most in origin.counts]
    corpora = zip(samples, origin.read_corpora("reading", findings), strict=True)
    for record in chain.from_iterable(sample.tally(records) for sample, records in corpora):
        content = {name: columns[name].content(value) for name, value in record.values.items()}
        keys.append(key_column.key(content[task.key]))
        if record.tags and not isinstance(key_column, Text):
            raise ValueError(f"{record.where}: tags stand before a text, and {task.key} is none: leave the tags out")
        tags.append(tag_sets.number(record.tags, record.where))
        verdicts.append(verdict(record.values, active))
        spans.extend(record.span or NO_SPAN)
        if label_columns:
            labels.append(exact_key("\0".join(record.values[name] for name in label_columns)))
        if duplicates:
            contents.append(exact_key("\0".join((*record.tags, *content.values()))))
        if (group := _split_key(record, task, split_by)) is not None:
            groups.append(group)
    if not keys:
        dropped = str(findings.dropped)
        names = ", ".join(str(file.path) for file in origin.files[:10])
        raise ValueError(f"{names}: no usable {task.unit}" + (f" (dropped: {dropped})" if dropped else ""))
    findings.warnings.extend(
        plausibility_warnings(origin, samples, drops_copies=clean is not None and clean.drop_copies)
    )
    all_keys = np.frombuffer(keys, np.uint64)
    return RecordKeys(
        keys=all_keys,
        groups=np.frombuffer(groups, np.uint64) if groups else all_keys,
        contents=np.frombuffer(contents, np.uint64),
        labels=np.frombuffer(labels, np.uint64),
        tags=np.frombuffer(tags, np.uint16),
        verdicts=np.frombuffer(verdicts, np.uint8),
        tag_sets=tag_sets,
        spans=np.frombuffer(spans, np.int64).reshape(-1, 2),
    )


def _split_key(record: Record, task: RecordType, split_by: SplitBy | None) -> int | None:
    """The hash of the group or series whose records stay together; None where the key column decides."""
    if split_by == "group":
        if not (name := record.group.strip()):
            raise ValueError(
                f"{record.where}: this {task.unit} has no group in its group file or column; "
                f'split.by = "group" needs one of every {task.unit}'
            )
        return exact_key(name)
    if split_by == "time":
        if record.span is None:
            raise ValueError(
                f'{record.where}: split.by = "time" is for windows of series, and this is a {task.unit} without a time; '
                'use split.by = "key" or "group"'
            )
        return exact_key(record.group)
    if split_by == "key" and record.span is not None:
        raise ValueError(
            f'{record.where}: a window of a series shares its steps with the next one, so that split.by = "key" puts the '
            'same steps into several parts; use split.by = "time" (the last windows of each series) or "group" (whole series)'
        )
    return None


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

"""Last pass over the files: records -> ids -> rows of the store of each part."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from transduce.data.cleaning.rules import Clean
from transduce.data.columns import Fault, Label, Text
from transduce.data.findings import Findings
from transduce.data.formats.lines import BadLine, LineRules, drop_or_stop
from transduce.data.lengths import TOO_MANY_TOKENS, UNBALANCED, length_faults
from transduce.data.picture_column import NAME
from transduce.data.processors import Processors
from transduce.data.records import (
    DEV,
    PARTS,
    TEST,
    TRAIN,
    EncodedRow,
    Record,
    RecordType,
    line_of,
    of_kind,
    plural,
    removed,
    shortened,
)
from transduce.data.report import EXAMPLES, Example, example_of, label_advice, spread, unknown_label
from transduce.data.scan import Origin
from transduce.data.split import Assignment
from transduce.data.store import StoreWriter, TokenStore
from transduce.text.tags import tags_of_source

BLOCK_RECORDS, BLOCK_SIZE = 8192, 4_000_000  # records, and characters or numbers, that are encoded together


@dataclass
class PartCounts:
    """Counts of a part: records, rows of the store, and ids in each column."""

    records: int = 0
    rows: int = 0
    tokens: dict[str, int] = field(default_factory=dict)


@dataclass
class Encoding:
    """The result of `encode`: counts of each part, rows of each train corpus, a mask of the train records in use, and a
    few of these records.
    """

    parts: dict[int, PartCounts]
    corpora: list[int]
    train_mask: Bool[np.ndarray, " N"]
    examples: list[Example]


def encode(
    folder: Path,
    task: RecordType,
    origins: Mapping[str, Origin],
    assignment: Assignment,
    processors: Processors,
    clean: Clean,
    findings: Mapping[str, Findings],
) -> Encoding:
    """Writes `PART.arrow` for each part, and `PART.jsonl` with the records of dev and test.

    The encoded records of each part stream through the task's `rows`, those of train corpus by corpus. `findings` (by origin)
    count records that are left out and texts that `rows` cuts. ValueError for an empty part.
    """
    ends: list[int] = []
    encoders = {}
    with ExitStack() as stack:
        # held-out records wait in files while train records stream: a part may be larger than memory
        held_out = {
            part: HeldOutWriter(stack, folder, PARTS[part], task) for part in (DEV, TEST) if assignment.count(part)
        }
        train = stack.enter_context(StoreWriter(folder / "train.arrow", task.columns, types_of(task)))
        for name, origin in origins.items():
            encoder = _Encoder(
                task, processors, clean, getattr(assignment, name), findings[name], held_out, origin.rules
            )
            for records in origin.read_corpora("encoding", Findings()):
                train.write(task.rows(encoder.train_rows(records), processors))
                ends.append(train.rows)
            encoder.require_all()
            encoders[name] = encoder
    train_mask = encoders["train"].mask & (assignment.train == TRAIN)
    parts = {TRAIN: PartCounts(int(np.count_nonzero(train_mask)), train.rows, train.tokens)}
    parts |= {part: writer.finish(task, processors) for part, writer in held_out.items()}
    _require_rows(task, parts, clean, findings)
    corpora = len(origins["train"].corpora)
    return Encoding(
        parts, np.diff([0, *ends[:corpora]]).tolist(), train_mask, spread(encoders["train"].examples, EXAMPLES)
    )


def _require_rows(
    task: RecordType, parts: Mapping[int, PartCounts], clean: Clean, findings: Mapping[str, Findings]
) -> None:
    for part, counts in parts.items():
        if counts.rows:
            continue
        dropped = findings.get(PARTS[part], findings["train"]).dropped
        advice = list(label_advice(task, dropped.counts))
        if dropped.counts.keys() & {TOO_MANY_TOKENS, UNBALANCED}:
            limits = f"data.clean.max-length, now {clean.max_length}, and data.clean.max-ratio"
            advice = [f"{limits} limit the tokens"]
        reasons = "".join(f"; {text}" for text in advice)
        raise ValueError(f"no {PARTS[part]} {plural(task.unit)} are left (left out: {dropped}){reasons}")


def types_of(task: RecordType) -> dict[str, str]:
    """The type of the numbers in each column of the store."""
    return {name: column.dtype for name, column in task.columns.items()}


class HeldOutWriter:
    """Writes records of dev or test: texts to `NAME.jsonl`, ids to a temporary file until `finish`."""

    def __init__(self, stack: ExitStack, folder: Path, name: str, task: RecordType) -> None:
        """`stack` closes the files before `finish`."""
        self._columns, self._types = tuple(task.columns), types_of(task)
        self._path, self._waiting = folder / f"{name}.arrow", folder / f"{name}-records.arrow"
        self._ids = stack.enter_context(StoreWriter(self._waiting, self._columns, self._types))
        self._texts = stack.enter_context((folder / f"{name}.jsonl").open("w", encoding="utf-8", newline="\n"))

    def write(self, records: Sequence[Record], rows: Sequence[EncodedRow]) -> None:
        """Append records, in order."""
        self._ids.write(rows)
        self._texts.writelines(line_of(record) + "\n" for record in records)

    def finish(self, task: RecordType, processors: Processors) -> PartCounts:
        """Writes `NAME.arrow`; call it when the files are closed."""
        store = TokenStore(self._waiting)
        with StoreWriter(self._path, self._columns, self._types) as writer:
            writer.write(task.rows(_stored_rows(store), processors))
        self._waiting.unlink()
        return PartCounts(len(store), writer.rows, writer.tokens)


def _stored_rows(store: TokenStore) -> Iterator[EncodedRow]:
    for start in range(0, len(store), BLOCK_RECORDS):
        places = np.arange(start, min(start + BLOCK_RECORDS, len(store)))
        columns = [store.rows(column, places) for column in store.columns]
        for values in zip(*columns, strict=True):
            row = zip(store.columns, values, strict=True)
            yield {column: each.tolist() if each.dtype == np.int32 else each for column, each in row}


class _Encoder:
    """Encodes the records of one origin: yields those of train, writes those of dev and test, counts the others.

    mask: which records are in the store. examples: some of the train records in it, from the whole origin.
    """

    def __init__(
        self,
        task: RecordType,
        processors: Processors,
        clean: Clean,
        outcomes: UInt8[np.ndarray, " N"],
        findings: Findings,
        held_out: Mapping[int, HeldOutWriter],
        rules: LineRules,
    ) -> None:
        self.mask = np.zeros(len(outcomes), bool)
        self._task, self._processors, self._clean = task, processors, clean
        self._outcomes, self._findings, self._held_out = outcomes, findings, held_out
        self._removed, self._rules = removed(task), rules
        self._texts = of_kind(task, Text)
        self._labels = {name: processors.labels(name) for name in of_kind(task, Label)}
        columns = {name: column for name, column in task.columns.items() if isinstance(column, Text)}
        self._cut = {
            name: (column.limit, column.beyond) for name, column in columns.items() if column.limit is not None
        }
        self._done = 0
        self.examples: list[Example] = []  # some of each block

    def train_rows(self, corpus: Iterator[Record]) -> Iterator[EncodedRow]:
        """The encoded train records of a corpus, in order."""
        for block in blocks(corpus, self._task):
            start, self._done = self._done, self._done + len(block)
            outcomes, mask = self._outcomes[start : self._done], self.mask[start : self._done]
            if len(outcomes) < len(block):
                return
            for outcome in np.unique(outcomes).tolist():
                places = np.flatnonzero(outcomes == outcome).tolist()
                if outcome not in PARTS:
                    for place in places:
                        self._findings.dropped.add(self._removed[outcome], block[place].where, block[place].text)
                    continue
                places = [place for place in places if self._has_known_labels(block[place])]
                records = [block[place] for place in places]
                columns, readable = self._encoded(records)
                records, places = list(compress(records, readable)), list(compress(places, readable))
                usable = self._usable(records, columns, outcome)
                mask[places] = usable
                rows = [dict(zip(columns, ids, strict=True)) for ids in zip(*columns.values(), strict=True)]
                if outcome == TRAIN:
                    self.examples += map(example_of, spread(list(compress(records, usable)), EXAMPLES))
                    yield from compress(rows, usable)
                else:
                    self._held_out[outcome].write(list(compress(records, usable)), list(compress(rows, usable)))

    def require_all(self) -> None:
        """ValueError unless this pass reads as many records as the first."""
        if self._done != len(self._outcomes):
            raise ValueError(
                f"a data file changed during reading: {len(self._outcomes):,} {plural(self._task.unit)}, then "
                f"{self._done:,}; start again"
            )

    def _encoded(self, records: Sequence[Record]) -> tuple[dict[str, list[Any]], list[bool]]:
        """Ids or numbers of each column, of the records that can be read, and which these are; ids of the key column begin
        with the tags. A record that cannot be read is left out or raises ValueError, as data.bad-lines says.
        """
        columns: dict[str, list[Any]] = {}
        readable = [True] * len(records)
        for name, column in self._task.columns.items():
            values, notes = column.encode(self._processors[name], [record.values[name] for record in records])
            columns[name] = list(values)
            for place, (value, own_notes) in enumerate(zip(values, notes, strict=True)):
                if isinstance(value, Fault) and readable[place]:
                    readable[place] = False
                    bad = BadLine(_where(records[place], name), value.reason, value.detail, advice=column.advice)
                    drop_or_stop(bad, self._rules, self._findings)
                for note in own_notes:
                    self._findings.noted.add(note, _where(records[place], name))
        tag_sets = {record.tags for record in records}
        if any(tag_sets):
            tokenizer = self._processors.tokenizer(self._task.key)
            ids = {tags: tokenizer.tag_ids(tags_of_source(tags)) for tags in tag_sets}
            rows = zip(records, columns[self._task.key], strict=True)
            columns[self._task.key] = [ids[record.tags] + row for record, row in rows]
        if not all(readable):
            columns = {name: list(compress(values, readable)) for name, values in columns.items()}
        return columns, readable

    def _has_known_labels(self, record: Record) -> bool:
        for name, labels in self._labels.items():
            if record.values[name] not in labels.ids:
                text = f"{name} {record.values[name]!r}: {record.text}"
                self._findings.dropped.add(unknown_label(name), record.where, text)
                return False
        return True

    def _usable(self, records: Sequence[Record], columns: Mapping[str, list[Any]], part: int) -> Bool[np.ndarray, " R"]:
        """Marks the records with suitable numbers of tokens. Ratios apply to train only; lengths include the tags."""
        lengths = {name: np.fromiter(map(len, columns[name]), np.int64, len(records)) for name in self._texts}
        usable = np.ones(len(records), bool)
        faults = length_faults(self._task, self._clean, records, lengths, ratios=part == TRAIN)
        for reason, applies in faults:
            for place in np.flatnonzero(applies & usable).tolist():
                tokens = " and ".join(str(each[place]) for each in lengths.values())
                text = f"{tokens} tokens: {records[place].text}"
                self._findings.dropped.add(reason, records[place].where, text)
            usable &= ~applies
        for name, (limit, note) in self._cut.items():
            for place in np.flatnonzero(usable & (lengths[name] > limit)).tolist():
                self._findings.noted.add(note, records[place].where, records[place].text)
        return usable


def _where(record: Record, column: str) -> str:
    """The place of a value that names a file: of the record, and the file, unless the record is the file."""
    value = record.values[column]
    is_file = value in record.where or value == os.path.abspath(record.where)
    return record.where if is_file else f"{record.where} ({shortened(value, NAME)})"


def blocks(records: Iterable[Record], task: RecordType) -> Iterator[list[Record]]:
    """The records, as many at once as are encoded together."""
    block: list[Record] = []
    fixed = sum(column.numbers or 0 for column in task.columns.values())
    varying = [name for name, column in task.columns.items() if column.numbers is None]
    size = 0
    for record in records:
        block.append(record)
        size += fixed + sum(len(record.values[name]) for name in varying)
        if len(block) == BLOCK_RECORDS or size >= BLOCK_SIZE:
            yield block
            block, size = [], 0
    if block:
        yield block

"""Warnings about corpora that are probably not what their owner means, from every k-th record of each.

The limits are beyond ordinary data: in corrections of grammar nearly half of the sentences have no error, the names of numbers
are up to ten times as long as their digits, and the summaries of news are twenty times shorter than the news.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from transduce.data.cleaning.rules import is_copy
from transduce.data.columns import Column, Label, Text
from transduce.data.formats.table import format_of
from transduce.data.records import Record, plural, shortened
from transduce.data.scan import Origin

SAMPLE = 10_000  # records of a corpus; of a large one up to twice as many
LEAST = 20  # records below which shares say little
COPIES = 0.5  # share of pairs with two equal texts
LENGTHS = 30  # times that the texts of one column are longer than those of the other, on average
MAJORITY = 0.95  # share of one answer
BLANKS = 0.95  # share of texts that begin with a blank
CODES, DISTINCT = 0.95, 0.9  # share of a column of ids: single words with a digit; different ones
CODE = re.compile(r"(?=\S*\d)[\x21-\x7e]{1,40}")


class Sample:
    """Counts over every k-th record of a corpus."""

    def __init__(self, columns: Mapping[str, Column], most: int) -> None:
        """`most`: an upper bound of the records of the corpus."""
        self._step = max(1, most // SAMPLE)
        self.texts = [name for name, column in columns.items() if isinstance(column, Text)]
        self.labels = [name for name, column in columns.items() if isinstance(column, Label)]
        last = list(columns)[-1] if len(columns) > 1 else ""
        self.answer = last if last in (*self.texts, *self.labels) else ""
        self.records = self.copies = self.groups = 0
        self.characters = dict.fromkeys(self.texts, 0)
        self.blanks = dict.fromkeys(self.texts, 0)
        self.answers: Counter[tuple[int, str]] = Counter()  # by length and beginning
        self.codes: Counter[str] = Counter()  # of a column, "" for the groups
        self._distinct: dict[str, set[str]] = {}

    def tally(self, records: Iterator[Record]) -> Iterator[Record]:
        """Yields all records and counts every k-th."""
        for number, record in enumerate(records):
            if number % self._step == 0:
                self._add(record)
            yield record

    def distinct(self, column: str) -> int:
        """Different values of a text or label column; of the groups for ""."""
        return len(self._distinct.get(column, ()))

    def _add(self, record: Record) -> None:
        values = {name: record.values[name] for name in (*self.texts, *self.labels)}
        self.records += 1
        self.groups += bool(record.group)
        for name in self.texts:
            self.characters[name] += len(values[name])
            self.blanks[name] += values[name].startswith(" ")
        if len(self.texts) == 2:
            self.copies += is_copy(*(values[name] for name in self.texts))
        if self.answer:
            self.answers[len(values[self.answer]), shortened(values[self.answer])] += 1
        for name, value in (*values.items(), ("", record.group)):
            self.codes[name] += CODE.fullmatch(value) is not None
            self._distinct.setdefault(name, set()).add(shortened(value))


def plausibility_warnings(origin: Origin, samples: Sequence[Sample], drops_copies: bool = False) -> Iterator[str]:
    """A warning for each oddity of each corpus; `samples` has one of each. `drops_copies`: a rule leaves copies out."""
    for corpus, files, sample in zip(origin.corpora, origin.facts, samples, strict=True):
        name = (
            str(corpus.file) if corpus.file is not None else " and ".join(str(path) for path in corpus.files.values())
        )
        hashes = {column: file.sha256 for column, file in zip(origin.task.columns, files, strict=False)}
        same = corpus.file is None and len(set(hashes.values())) < len(hashes)
        if same:
            yield f"{name}: two columns have the same content, in one file or two equal ones; give each column its own file"
        if sample.records < LEAST:
            continue
        if len(sample.texts) == 2:
            yield from _pairs(name, sample, drops_copies or same)
        yield from _answers(name, sample)
        yield from _blanks(name, sample, origin)
        if format_of(corpus, origin.task.columns) == ".tsv":
            yield from _ids(name, sample)


def _pairs(name: str, sample: Sample, copies_known: bool) -> Iterator[str]:
    first, second = sample.texts
    if not copies_known and (share := sample.copies / sample.records) >= COPIES:
        yield (
            f"{name}: {share:.0%} of the {plural(second)} equal their {plural(first)}; if they should not, correct the file, "
            "or leave such records out of training by data.clean.drop-copies = true"
        )
    longer, shorter = sorted(sample.texts, key=lambda each: -sample.characters[each])
    if (ratio := sample.characters[longer] / max(1, sample.characters[shorter])) > LENGTHS:
        yield (
            f"{name}: the {plural(longer)} are on average {ratio:,.0f} times as long as the {plural(shorter)}; check that "
            "these are the right columns, and that each record has what belongs together"
        )


def _answers(name: str, sample: Sample) -> Iterator[str]:
    for (_, answer), count in sample.answers.most_common(1):
        if count >= MAJORITY * sample.records:
            yield (
                f"{name}: {count / sample.records:.0%} of the {plural(sample.answer)} are {answer!r}, so a model that always "
                f"gives it is right as often; check that this is the right column, or add records with other "
                f"{plural(sample.answer)}"
            )


def _blanks(name: str, sample: Sample, origin: Origin) -> Iterator[str]:
    for column, count in sample.blanks.items():
        kind = origin.task.columns[column]
        if count >= BLANKS * sample.records and not (isinstance(kind, Text) and kind.multiline):
            yield (
                f"{name}: {count / sample.records:.0%} of the {plural(column)} begin with a blank, which belongs to the text; "
                "remove the blanks unless a model should learn them"
            )


def _ids(name: str, sample: Sample) -> Iterator[str]:
    """Columns are known by their places: a column of ids moves the texts behind it to the label or the group."""
    behind = [*sample.labels, *([""] if sample.groups >= DISTINCT * sample.records else [])]
    if not any(
        sample.distinct(each) >= DISTINCT * sample.records and sample.codes[each] < COPIES * sample.records
        for each in behind
    ):
        return
    for column in sample.texts:
        if min(sample.codes[column], sample.distinct(column)) >= CODES * sample.records:
            yield (
                f"{name}: the {column} column looks like one of ids, and the text behind it like one more column; a .tsv file "
                f"has {' TAB '.join((*sample.texts, *sample.labels))} [TAB group [TAB tags]]: remove the ids"
            )

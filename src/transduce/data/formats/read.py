"""Reads the records of a corpus: one file, whose extension names its format, or aligned text files, one for each column.

    .csv            a header that names the columns, then rows    see csv.py
    .tsv            the task's columns [TAB group [TAB tags]]     tabs separate columns; there is no quoting
    .jsonl .ndjson  {"source": ..., "target": ..., ...}           see json_lines.py
    .txt            one column                                    see plain_text.py
    a folder        pictures, with a folder for each class        see picture_folder.py
    idx3-ubyte      arrays of bytes, as aligned files             see idx.py

Where the columns of the task are series, a row of a table is a time step, and records are windows: see time_windows.py.
Any of these files may be compressed, with .gz or .zst after its extension. The report counts the cases of these rules:
blank lines of one-file formats are skipped; a line break inside a value becomes one space, unless its column keeps them;
a record with a blank column is dropped; control and bidirectional characters stay.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from transduce.data.columns import Column, Fault, Label
from transduce.data.config import Corpus
from transduce.data.findings import Findings
from transduce.data.formats import idx, time_windows
from transduce.data.formats.layout import corpus_files, layout_of
from transduce.data.formats.lines import BadLine, LineRules, aligned, drop_or_stop, lines
from transduce.data.formats.table import FORMATS, OBJECTS, format_of
from transduce.data.picture_column import picture_columns
from transduce.data.records import Record, with_tags

CONTROL = re.compile("[\x01-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")  # all but the tab and the line break
BIDIRECTIONAL = re.compile(
    "[\u202a-\u202e\u2066-\u2069]"
)  # embeddings, overrides and isolates; plain marks are everyday text

HEADER = "first row that looks like a header"
COLUMN_NAMES = {  # beside those of the task
    "answer", "article", "body", "category", "class", "comment", "document", "domain", "group", "id", "index", "input", "label",
    "lang", "language", "message", "original", "output", "phonemes", "phrase", "pronunciation", "query", "question", "reference",
    "response", "review", "sentence", "sentiment", "source", "src", "summary", "tag", "target", "text", "tgt", "title", "topic",
    "translation", "trg", "word", "arabic", "chinese", "czech", "dutch", "english", "finnish", "french", "german", "greek",
    "hebrew", "hindi", "hungarian", "italian", "japanese", "korean", "polish", "portuguese", "romanian", "russian", "spanish",
    "swedish", "turkish", "ukrainian", "vietnamese", "ar", "cs", "de", "el", "en", "es", "fi", "fr", "he", "hi", "hu", "it",
    "ja", "ko", "nl", "pl", "pt", "ro", "ru", "sv", "tr", "uk", "vi", "zh",
}  # fmt: skip
BETWEEN_WORDS = re.compile(r"[\s_.:/()-]+|(?<=[^\W\d])\d+$")  # of "source_en", "English sentence" and "text2"


def read_records(
    corpus: Corpus,
    columns: Mapping[str, Column],
    rules: LineRules,
    findings: Findings,
    without: str | None = None,
    keep_empty: bool = False,
) -> Iterator[Record]:
    """The usable records of a corpus, in file order; `findings` counts records that are left out or changed.

    `columns` are those of the task; the column `without` is not read and may be missing. `keep_empty` keeps records with
    an empty column. ValueError, with file and line, for invalid input.
    """
    tags = corpus.tags
    labels = [name for name, column in columns.items() if isinstance(column, Label) and name != without]
    for record in _located(_records(corpus, columns, rules, findings, without), corpus, columns, rules, findings):
        if labels:
            stripped = {name: record.values[name].strip() for name in labels}
            record = record._replace(values={**record.values, **stripped})
        for value in record.values.values():  # quick checks; the rest is rare
            if not value or value.isspace() or not value.isprintable():
                empty = _remark(record, findings)
                break
        else:
            empty = None
        if empty is not None and not keep_empty:
            findings.dropped.add(f"empty {empty}", record.where, record.text)
            continue
        if tags:
            try:
                record = with_tags(record, tags)
            except ValueError as error:
                drop_or_stop(BadLine(record.where, "not a tag", str(error)), rules, findings)
                continue
        yield record


def _located(
    records: Iterator[Record], corpus: Corpus, columns: Mapping[str, Column], rules: LineRules, findings: Findings
) -> Iterator[Record]:
    """The records, in which names of files are absolute; without those that name none."""
    folder = corpus.file is not None and corpus.file.is_dir()  # its records have absolute names
    named = [] if folder else picture_columns(columns)
    if not named:
        yield from records
        return
    for record in records:
        values = dict(record.values)
        for name in (name for name in named if name in values):
            path = corpus.files[name] if corpus.file is None else corpus.file
            if idx.is_idx(path) or not values[name].strip():  # blank: left out later
                continue
            place = columns[name].located(values[name], path.parent)
            if isinstance(place, Fault):
                drop_or_stop(BadLine(record.where, *place), rules, findings)
                break
            values[name] = place
        else:
            yield record._replace(values=values)


def _records(
    corpus: Corpus, columns: Mapping[str, Column], rules: LineRules, findings: Findings, without: str | None = None
) -> Iterator[Record]:
    extension, files = format_of(corpus, columns), corpus_files(corpus, columns)
    if extension == "aligned":
        name = str(files[0])
        items = {path: idx.values for path in files if idx.is_idx(path)}
        for number, values in aligned(files, rules, findings, items):
            group = values[-1] if corpus.group is not None else ""
            yield Record(dict(zip(columns, values, strict=False)), f"{name}:{number}", group)
        return
    for file in files:
        for place, record in enumerate(_rows(extension, file, corpus, columns, rules, findings, without)):
            if isinstance(record, BadLine):
                drop_or_stop(record, rules, findings)
                continue
            if place == 0 and extension == ".tsv" and _looks_like_header(record):
                findings.noted.add(HEADER, record.where, record.text)
            yield record


def _rows(
    extension: str,
    file: Path,
    corpus: Corpus,
    columns: Mapping[str, Column],
    rules: LineRules,
    findings: Findings,
    without: str | None,
) -> Iterator[Record | BadLine]:
    """The records of a file, or the windows of the series in it."""
    read = FORMATS[extension]
    if time_windows.has_windows(columns) and not _holds_windows(file, extension, columns):
        layout = layout_of(corpus, columns, without)
        names = time_windows.variables(columns)
        steps = replace(layout, names={name: name for name in names}, numbers=frozenset(names), without=None)
        return time_windows.windows(read(file, steps, rules, findings), columns, without)
    return read(file, layout_of(corpus, columns, without), rules, findings)


def _holds_windows(file: Path, extension: str, columns: Mapping[str, Column]) -> bool:
    """Whether the records of a .jsonl file are windows already, as in the dev.jsonl of a run, and not time steps."""
    if extension not in OBJECTS:
        return False
    with suppress(ValueError):
        first = json.loads(next(lines(file), "null"))
        return isinstance(first, dict) and next(iter(columns)) in first
    return False


def _looks_like_header(record: Record) -> bool:
    """Whether the columns are different usual names: "source" and "target", "text_en" and "text_de", "English" and "German"."""
    names = {value.strip().casefold() for value in record.values.values()}
    usual = {*record.values, *COLUMN_NAMES}
    words = [[word for word in BETWEEN_WORDS.split(name) if word] for name in names]
    return len(names) == len(record.values) and all(each and usual.issuperset(each) for each in words)


def header_warnings(findings: Findings) -> Iterator[str]:
    """A warning for each .tsv file whose first row looks like a header, up to the number of examples."""
    for example in findings.noted.examples(HEADER):
        yield (
            f"{example['where']}: the first row looks like a header ({example['text']}), but a .tsv file has none, so the "
            "row counts as a record; remove it, or name the file .csv if it is one"
        )


def _remark(record: Record, findings: Findings) -> str | None:
    """Counts unusual characters; returns the first blank column, if there is one."""
    for text in record.values.values():
        if CONTROL.search(text):
            findings.noted.add("control character kept", record.where)
        if BIDIRECTIONAL.search(text):
            findings.noted.add("bidirectional control character kept", record.where)
    return next((name for name, value in record.values.items() if not value or value.isspace()), None)

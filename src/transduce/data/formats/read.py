"""Files -> examples. A corpus is two aligned files, or one file whose extension names its format.

    .csv            a header that names the columns, then rows    see csv.py
    .tsv            source TAB target [TAB group [TAB tags]]      a tab is a column's end; there is no quoting
    .jsonl .ndjson  {"source": ..., "target": ..., ...}           see json_lines.py

Any of these files may be compressed, with .gz or .zst after its extension. Stated rules, each counted in the report:
blank lines of one-file formats are skipped; a line break inside a quoted cell or a JSON string becomes one space; a pair
with nothing but white space on one side is dropped; control and bidirectional characters are kept.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from transduce.data.config import Columns, Corpus
from transduce.data.formats import csv, json_lines
from transduce.data.formats.compression import unpacked_name
from transduce.data.formats.lines import BadLine, LineRules, aligned, drop_or_stop, open_text, stream_lines
from transduce.data.records import Example, tags_of, with_tags
from transduce.data.tally import Findings

__all__ = ["Example", "examples", "format_of"]

CONTROL = re.compile("[\x01-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")  # all but the tab
BIDIRECTIONAL = re.compile(
    "[\u202a-\u202e\u2066-\u2069]"
)  # embeddings, overrides and isolates; plain marks are everyday text


def examples(corpus: Corpus, rules: LineRules, findings: Findings) -> Iterator[Example]:
    """The usable pairs of a corpus, in file order; everything left out or changed is counted in `findings`.

    ValueError names file and line of what is wrong with the input.
    """
    tags = corpus.tags
    for example in _pairs(corpus, rules, findings):
        if not (example.source and example.target) or example.source.isspace() or example.target.isspace():
            findings.dropped.add("empty side", example.where, example.text)
            continue
        for text in (example.source, example.target):
            if not text.isprintable():  # quick; the rest is rare
                _note_unusual(text, example.where, findings)
        if tags:
            try:
                example = with_tags(example, tags)
            except ValueError as error:
                drop_or_stop(BadLine(example.where, "not a tag", str(error)), rules, findings)
                continue
        yield example


def format_of(corpus: Corpus) -> str:
    """What a corpus is made of: "aligned", or the extension of its one file, ".gz" and ".zst" aside.

    ValueError for an extension that names no format, and for columns where the format has none.
    """
    if corpus.file is None:
        return "aligned"
    extension = unpacked_name(corpus.file).suffix.lower()
    if extension not in FORMATS:
        raise ValueError(
            f"{corpus.file}: unknown extension {extension!r}; one file with both sides must end in {', '.join(FORMATS)}, "
            "with .gz or .zst behind it if it is compressed (two aligned files are given as source and target)"
        )
    if corpus.columns is not None and extension == ".tsv":
        raise ValueError(
            f"{corpus.file}: a .tsv file has no names of columns, which `columns` could choose; leave it out"
        )
    return extension


def _pairs(corpus: Corpus, rules: LineRules, findings: Findings) -> Iterator[Example]:
    if corpus.file is None:
        assert corpus.source is not None
        name = str(corpus.source)
        for number, (source, target, *group) in aligned(corpus.paths, rules, findings):
            yield Example(source, target, group[0] if group else "", f"{name}:{number}")
        return
    read = FORMATS[format_of(corpus)]
    for example in read(corpus.file, corpus.columns or Columns(), rules, findings):
        if isinstance(example, BadLine):
            drop_or_stop(example, rules, findings)
        else:
            yield example


Parse = Callable[[str, str, Columns, Findings], Example | BadLine]  # of a line, its place, ...


def _line_by_line(
    parse: Parse, path: Path, columns: Columns, rules: LineRules, findings: Findings
) -> Iterator[Example | BadLine]:
    name = str(path)
    with open_text(path) as stream:
        for number, line in enumerate(stream_lines(stream, name, rules.max_line_bytes, findings), 1):
            if isinstance(line, BadLine):
                yield line
            elif not line.strip(" "):
                findings.noted.add("blank line skipped", f"{name}:{number}")
            else:
                yield parse(line, f"{name}:{number}", columns, findings)


def _from_tsv(line: str, where: str, columns: Columns, findings: Findings) -> Example | BadLine:
    cells = line.split("\t")
    if not 2 <= len(cells) <= 4:
        found = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
        return BadLine(
            where, "wrong number of columns", f"expected source TAB target [TAB group [TAB tags]], found {found}"
        )
    try:
        tags = tags_of(cells[3]) if len(cells) == 4 else ()
    except ValueError as error:
        return BadLine(where, "not a tag", str(error))
    return Example(cells[0], cells[1], cells[2] if len(cells) > 2 else "", where, tags)


def _note_unusual(text: str, where: str, findings: Findings) -> None:
    if CONTROL.search(text):
        findings.noted.add("control character kept", where)
    if BIDIRECTIONAL.search(text):
        findings.noted.add("bidirectional control character kept", where)


FORMATS: dict[str, Callable[[Path, Columns, LineRules, Findings], Iterator[Example | BadLine]]] = {
    ".csv": csv.rows,
    ".tsv": partial(_line_by_line, _from_tsv),
    ".jsonl": partial(_line_by_line, json_lines.parse),
    ".ndjson": partial(_line_by_line, json_lines.parse),
}

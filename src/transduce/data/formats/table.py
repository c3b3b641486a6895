"""The formats by extension, and which one a corpus has."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from transduce.data.columns import Column, Label
from transduce.data.config import Corpus
from transduce.data.findings import Findings
from transduce.data.formats import csv, json_lines, picture_folder, plain_text, time_windows
from transduce.data.formats.compression import unpacked_name
from transduce.data.formats.layout import Layout
from transduce.data.formats.lines import BadLine, LineRules, open_text, stream_lines
from transduce.data.picture_column import Picture, picture_columns
from transduce.data.records import Record, counted
from transduce.text.tags import names_in

FOLDER = "folder"
OBJECTS = (".jsonl", ".ndjson")
Parse = Callable[[str, str, Layout, Findings], Record | BadLine]  # line, its place, layout, findings


def _line_by_line(
    parse: Parse, path: Path, layout: Layout, rules: LineRules, findings: Findings
) -> Iterator[Record | BadLine]:
    name = str(path)
    with open_text(path) as stream:
        for number, line in enumerate(stream_lines(stream, name, rules.max_line_bytes, findings), 1):
            if isinstance(line, BadLine):
                yield line
            elif not line.strip(" "):
                findings.noted.add("blank line skipped", f"{name}:{number}")
            else:
                yield parse(line, f"{name}:{number}", layout, findings)


def _objects(path: Path, layout: Layout, rules: LineRules, findings: Findings) -> Iterator[Record | BadLine]:
    json_lines.refuse_array(path)
    yield from _line_by_line(json_lines.parse, path, layout, rules, findings)


def _from_tsv(line: str, where: str, layout: Layout, findings: Findings) -> Record | BadLine:
    cells, count = line.split("\t"), len(layout.names)
    if layout.without is not None and len(cells) > count:
        del cells[count]  # the answer is the last column of a task
    if not count <= len(cells) <= count + 2:
        detail = f"expected {_columns(layout)}, found {counted(len(cells), 'column')}"
        return BadLine(where, "wrong number of columns", detail)
    values = dict(zip(layout.names, cells))  # noqa: B905  (there may be more cells, and `strict` takes time)
    if len(cells) == count:
        return Record(values, where)
    try:
        tags = names_in(cells[count + 1]) if len(cells) == count + 2 else ()
    except ValueError as error:
        return BadLine(where, "not a tag", f"{error}; the columns of a .tsv file are {_columns(layout)}")
    return Record(values, where, cells[count], tags)


def _columns(layout: Layout) -> str:
    return f"{' TAB '.join(layout.names)} [TAB group [TAB tags]]"


FORMATS: dict[str, Callable[[Path, Layout, LineRules, Findings], Iterator[Record | BadLine]]] = {
    ".csv": csv.rows,
    ".tsv": partial(_line_by_line, _from_tsv),
    **dict.fromkeys(OBJECTS, _objects),
    ".txt": plain_text.rows,
    FOLDER: picture_folder.rows,
}


def format_of(corpus: Corpus, columns: Mapping[str, Column]) -> str:
    """The format of a corpus: "aligned", or the extension of its one file without ".gz" and ".zst".

    ValueError for an unknown extension, and for a corpus that does not suit the columns of the task.
    """
    if corpus.file is None:
        _require_columns(corpus.files, columns)
        if corpus.records != "lines":
            raise ValueError(f'records = "{corpus.records}" is for a .txt file; aligned files have one record per line')
        return "aligned"
    if corpus.columns is not None:
        _require_columns(corpus.columns.names, columns, all_of_them=False)
    if corpus.records == "lines" and corpus.file.is_dir() and picture_columns(columns):
        return _folder_of_pictures(corpus, columns)
    if time_windows.has_windows(columns):
        _require_time_steps(corpus, columns)
    extension = ".txt" if corpus.records == "file" else unpacked_name(corpus.file).suffix.lower()
    if extension not in FORMATS and not corpus.file.exists():
        raise ValueError(f"{corpus.file}: no such file or folder; the name is relative to the folder of the run file")
    if extension not in FORMATS:
        files = [name for name in FORMATS if name != FOLDER]
        folder = "; or name a folder that has a folder of pictures for each label" if picture_columns(columns) else ""
        raise ValueError(
            f"{corpus.file}: unknown extension {extension!r}; one file with all columns must end in {', '.join(files)}, "
            f"followed by .gz or .zst if it is compressed (the keys of aligned text files are {' and '.join(columns)}){folder}"
        )
    if corpus.columns is not None and extension in (".tsv", ".txt"):
        raise ValueError(
            f"{corpus.file}: columns is for files with column names, but a {extension} file has none; leave it out"
        )
    if extension == ".txt" and len(columns) > 1:
        raise ValueError(
            f"{corpus.file}: a .txt file has one column, but the task has {' and '.join(columns)}; give a file with all "
            "of them, or one text file for each"
        )
    if corpus.records != "lines" and extension != ".txt":
        raise ValueError(f'{corpus.file}: records = "{corpus.records}" is for a .txt file; leave it out')
    return extension


def _folder_of_pictures(corpus: Corpus, columns: Mapping[str, Column]) -> str:
    """ValueError unless the task has a picture and its label, in this order."""
    assert corpus.file is not None
    kinds = [type(column) for column in columns.values()]
    if kinds != [Picture, Label]:
        raise ValueError(
            f"{corpus.file}: is a folder, which is for tasks with a picture and a label; this one has "
            f'{" and ".join(columns)} (a folder of text files needs records = "file")'
        )
    if corpus.columns is not None:
        raise ValueError(f"{corpus.file}: columns is for files with column names; leave it out")
    return FOLDER


def _require_time_steps(corpus: Corpus, columns: Mapping[str, Column]) -> None:
    """ValueError for settings that do not suit tables of time steps."""
    assert corpus.file is not None
    extension = unpacked_name(corpus.file).suffix.lower()
    names = ", ".join(time_windows.variables(columns))
    if extension not in (".csv", *OBJECTS) or corpus.records != "lines":
        raise ValueError(
            f"{corpus.file}: series come from a .csv or .jsonl file with a row for each step and {names} in it"
        )
    if corpus.columns is not None and corpus.columns.names:
        first = next(iter(corpus.columns.names))
        raise ValueError(
            f"{corpus.file}: columns cannot name {first}: task.variables names the columns of series, now {names}"
        )


def _require_columns(names: Mapping[str, object], columns: Mapping[str, Column], all_of_them: bool = True) -> None:
    """ValueError for names that are not columns of the task and, with `all_of_them`, for missing columns."""
    expected = " and ".join(columns)
    for name in names:
        if name not in columns:
            raise ValueError(f"{name!r} is not a column of the task, which has {expected}")
    if all_of_them and len(names) < len(columns):
        raise ValueError(f"needs a file for each of {expected}, or file; found only {' and '.join(names)}")

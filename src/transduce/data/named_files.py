"""Files that records name, such as pictures: their contents belong to the identity of the data."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from transduce.data.columns import Column
from transduce.data.config import Corpus
from transduce.data.findings import Findings
from transduce.data.formats import idx
from transduce.data.formats.lines import FileFacts, LineRules
from transduce.data.formats.read import read_records
from transduce.data.picture_column import Picture, picture_columns


@dataclass(frozen=True)
class NamedFilesFacts(FileFacts):
    """Of the files that the records of a table name: their number, as `lines`, and the hash of their contents."""

    names: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def new_stamp(self) -> tuple[int, ...]:
        return _stamp(self.names)

    def again(self) -> FileFacts:
        return _facts(self.path, self.names)


def named_files(corpus: Corpus, columns: Mapping[str, Column], rules: LineRules) -> NamedFilesFacts | None:
    """Facts of the files that the pictures of a corpus name; None for a corpus that names none.

    Records that cannot be read are left out: `prepare` says what is wrong with them.
    """
    pictures = picture_columns(columns)
    in_files = corpus.file is None and all(idx.is_idx(corpus.files[name]) for name in pictures)
    if not pictures or in_files or (corpus.file is not None and corpus.file.is_dir()):
        return None
    dropping = LineRules("drop", rules.max_line_bytes, rules.max_row_lines)
    records = read_records(corpus, columns, dropping, Findings())
    names = tuple(dict.fromkeys(record.values[name] for record in records for name in pictures))
    path = next(iter(corpus.files.values())) if corpus.file is None else corpus.file
    return _facts(path, names)


def _facts(path: Path, names: tuple[str, ...]) -> NamedFilesFacts:
    picture, digest, before = Picture(), hashlib.sha256(), _stamp(names)
    for name in names:
        digest.update(picture.content(name).encode("utf-8", "surrogatepass"))
    return NamedFilesFacts(path, len(names), digest.hexdigest(), before, names)


def _stamp(names: Iterable[str]) -> tuple[int, ...]:
    """A hash of sizes and times of the files that are there."""
    picture, digest = Picture(), hashlib.sha256()
    for file in (picture.file_of(name) for name in names):
        if file is not None and file.is_file():
            status = file.stat()
            digest.update(f"{status.st_size} {status.st_mtime_ns}\n".encode())
    return (int.from_bytes(digest.digest()[:8], "little"),)

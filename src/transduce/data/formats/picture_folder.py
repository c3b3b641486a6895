"""A folder of pictures with a folder for each class.

    pictures/cat/1.png       ->    {"image": ".../pictures/cat/1.png", "label": "cat"}
    pictures/dog/old/7.jpg         {"image": ".../pictures/dog/old/7.jpg", "label": "dog"}

Classes and files come sorted by name. Hidden files and folders (".name", "__MACOSX") are ignored; files that are no pictures by
their names are left out and counted.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from transduce.data.findings import Findings
from transduce.data.formats.layout import Layout
from transduce.data.formats.lines import BadLine, FileFacts, LineRules
from transduce.data.pictures import SUFFIXES, is_hidden, visible_files
from transduce.data.records import Record, counted

BLOCK = 1 << 20  # bytes
NOT_IN_CLASS, NOT_PICTURE = "not in the folder of a class", "not the name of a picture"  # why a file is left out
COPY = "copy the pictures into the folder"


def rows(path: Path, layout: Layout, rules: LineRules, findings: Findings) -> Iterator[Record | BadLine]:
    """The record of each picture, or a BadLine for a file that cannot be one. ValueError for a class without pictures.

    The first column of `layout` is the picture, the second its class, which may be left out.
    """
    image, *label = layout.names
    for folder in _classes(path, findings):
        pictures, others = 0, []
        for file in visible_files(folder):
            where = str(file)
            if file.suffix.lower() not in SUFFIXES:
                findings.dropped.add(NOT_PICTURE, where)
                others.append(file)
                continue
            pictures += 1
            if not _is_unicode(where):
                yield BadLine(ascii(where), "name that is no UTF-8", advice="rename the file")
                continue
            target = Path(os.path.realpath(file))
            if not target.is_relative_to(os.path.realpath(path)):
                yield BadLine(where, "picture outside of the folder", f"the link leads to {target}", advice=COPY)
            elif target.is_dir():
                yield BadLine(where, "link to a folder", "links to pictures alone are followed", advice=COPY)
            else:
                yield Record({image: os.path.abspath(file), **dict.fromkeys(label, folder.name)}, where)
        if not pictures:
            raise _empty(folder, others)


def _empty(folder: Path, others: Sequence[Path]) -> ValueError:
    """The error for the folder of a class without pictures."""
    beside = f" but {counted(len(others), 'other file')} such as {others[0].name}" if others else ""
    return ValueError(
        f"{folder}: no picture is in this folder of a class{beside} (names that end in {', '.join(SUFFIXES)}); put pictures in "
        "it, or delete the folder"
    )


def _classes(path: Path, findings: Findings) -> list[Path]:
    """The folders of the classes. ValueError if there is none."""
    entries = sorted(each for each in path.iterdir() if not is_hidden(each.name))
    folders = [each for each in entries if each.is_dir()]
    for each in entries:
        if not each.is_dir():
            findings.dropped.add(NOT_IN_CLASS, str(each))
    if not folders:
        raise ValueError(
            f"{path}: holds no folder; a folder of pictures has one for each class, such as {path / 'cat'}"
        )
    for each in folders:
        if not _is_unicode(each.name) or not each.name.strip():
            raise ValueError(f"{str(each)!a}: the name of a class must be UTF-8 text and not blank; rename the folder")
        if not Path(os.path.realpath(each)).is_relative_to(os.path.realpath(path)):
            raise ValueError(
                f"{each}: the link leads out of {path}, to {os.path.realpath(each)}; copy the folder there instead"
            )
    return folders


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class FolderFacts(FileFacts):
    """The number of files in a folder of pictures, as `lines`, and the hash of their names and contents, and of empty classes."""

    def new_stamp(self) -> tuple[int, ...]:
        return _stamp(self.path)

    def again(self) -> FileFacts:
        return facts(self.path)


def facts(path: Path) -> FolderFacts:
    """Hashes every file, block by block, and the names of classes without files, which are an error later."""
    before, digest, count, present = _stamp(path), hashlib.sha256(), 0, visible_files(path)
    for name in _empty_classes(path, present):
        digest.update(os.fsencode(name) + b"\0")
    for file in present:
        count += 1
        own = hashlib.sha256()
        if file.is_file():
            with file.open("rb") as stream:
                while block := stream.read(BLOCK):
                    own.update(block)
        digest.update(os.fsencode(file.relative_to(path)) + b"\0" + own.digest())
    return FolderFacts(path, count, digest.hexdigest(), before)


def _empty_classes(path: Path, present: Sequence[Path]) -> list[str]:
    """The names of the classes to which none of the files that are present belongs."""
    others = {file.relative_to(path).parts[0] for file in present}
    return sorted(
        each.name for each in path.iterdir() if each.is_dir() and not is_hidden(each.name) and each.name not in others
    )


def _stamp(path: Path) -> tuple[int, ...]:
    """Shows changes to the files: the number of them, their bytes, and a hash of their times."""
    present = visible_files(path)
    status = [(file, file.stat()) for file in present if file.is_file()]
    times = repr(
        ([(os.fspath(file), each.st_size, each.st_mtime_ns) for file, each in status], _empty_classes(path, present))
    )
    return len(status), int.from_bytes(hashlib.sha256(os.fsencode(times)).digest()[:8], "little")

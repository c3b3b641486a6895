"""Manifests: the SHA-256 of the files of a folder, to detect a flipped bit before loading.

    {"digest": "9f86d0...", "editable": {}, "files": {"config.toml": {"bytes": 812, "sha256": "60303a..."}}, "format": 1}

`digest` covers the rest of the manifest. `editable` lists the files that their owner may change, as they were written, so
that the next writer of the folder knows which of them were edited.
A text file, known by its suffix (TEXT_FILES), counts with LF line ends: git on Windows, zip programs and editors write
CRLF, which changes no value in it. Every other file counts byte by byte. (A `.gitattributes` in the folder would help with
git alone.)
Files that look like pickle are refused, whatever their name.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from transduce.files.durable import write_atomically

MANIFEST = "manifest.json"
TEXT_FILES = frozenset({".toml", ".json", ".jsonl", ".md", ".txt"})
_BLOCK = 1 << 20  # bytes
_LARGEST = 64 * 2**20  # bytes of a manifest, enough for half a million files
_AGAIN = "copy the folder again, or make it again"


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(path: Path) -> tuple[int, str]:
    """Number of bytes and SHA-256 of a file; of a text file (TEXT_FILES) both with LF line ends."""
    if path.suffix not in TEXT_FILES:
        return path.stat().st_size, sha256(path)
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            if block.endswith(b"\r"):  # the line feed may be in the next block
                block += file.read(1)
            block = block.replace(b"\r\n", b"\n")
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def tree_digest(value: Any) -> str:
    """The SHA-256 of a JSON-able value, independent of the order of its keys, in hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_manifest(folder: Path, version: int, editable: Collection[str] = (), **extra: Any) -> None:
    """Writes `folder/manifest.json` for the files of the folder; call it last.

    version: format version of the folder's content. editable: names of files that the manifest does not protect, because
    their owner may change them. extra: further keys (JSON-able).
    """
    assert not {"digest", "editable", "files", "format"} & set(extra), f"reserved keys in {sorted(extra)}"
    files: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for path in _files(folder):
        if path.is_symlink():
            raise ValueError(f"{path}: is a symbolic link, which a manifest cannot contain; put the file itself there")
        name = path.relative_to(folder).as_posix()
        if name != MANIFEST:
            (own if name in editable else files)[name] = _entry(path)
    content = {"format": version, "files": files, "editable": own, **extra}
    write_atomically(folder / MANIFEST, _serialise({**content, "digest": tree_digest(content)}))


def list_again(folder: Path, version: int, name: str) -> None:
    """Writes the manifest of a folder anew after a change of one of its files. ValueError where there is no whole manifest."""
    content = _read_manifest(folder, version)
    content["files"][name] = _entry(folder / name)
    write_atomically(folder / MANIFEST, _serialise({**content, "digest": tree_digest(content)}))


def edited_files(folder: Path, version: int) -> list[str]:
    """The editable files of a folder that are not as they were written: changed, or removed. None in what is no whole
    folder of this version.
    """
    try:
        entries = _read_manifest(folder, version).get("editable")
    except ValueError:
        return []
    if not isinstance(entries, dict):
        return []
    return [name for name, entry in entries.items() if _entry(folder / name) != entry]


def _entry(path: Path) -> dict[str, Any] | None:
    """The file as a manifest lists it; None for anything but a file."""
    if path.is_symlink() or not path.is_file():
        return None
    size, digest = content_digest(path)
    return {"sha256": digest, "bytes": size}


def _files(folder: Path) -> Iterator[Path]:
    """All files and links below a folder, not following links to folders."""
    for parent, folders, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)
        yield from (path for name in folders if (path := Path(parent, name)).is_symlink())


def _serialise(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def verify_manifest(
    folder: Path, version: int, required: Collection[str] = (), editable: Collection[str] = ()
) -> dict[str, Any]:
    """Check a folder against its manifest, and return the manifest.

    ValueError, naming the file and what to do, for: no manifest or a changed one, another format version, a missing,
    changed or truncated file, a name that leaves the folder, a symbolic link, a file that looks like pickle (listed or
    not), and a `required` name that is not listed. Other unlisted files are ignored: load only what is listed.
    editable: names of text files of the owner, which are not opened here and may hold any words.
    """
    content = _read_manifest(folder, version)
    for name in required:
        if name not in content["files"]:
            raise ValueError(f"{folder}: {name} is not in {MANIFEST}; {_AGAIN}")
    for path in _files(folder):
        if path.is_file() and not path.is_symlink() and path.relative_to(folder).as_posix() not in editable:
            refuse_pickle(path)
    for name, entry in content["files"].items():
        _verify_file(folder, name, entry)
    return content


def _read_manifest(folder: Path, version: int) -> dict[str, Any]:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise ValueError(f"{folder}: {'is a file, expected a folder' if folder.exists() else 'no such folder'}")
    if not path.is_file() or path.is_symlink():
        raise ValueError(f"{folder}: has no {MANIFEST}: not a whole folder of this program; {_AGAIN}")
    changed = ValueError(f"{path}: is damaged or was changed; {_AGAIN}")
    data = path.read_bytes().replace(b"\r\n", b"\n") if path.stat().st_size <= _LARGEST else b""
    try:
        content = json.loads(data)
        actual = content["format"]
        whole = data == _serialise(content) and isinstance(content["files"], dict)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise changed from None
    if type(actual) is int and actual != version:
        advice = "update transduce" if actual > version else "make the folder again"
        raise ValueError(f"{folder}: has format {actual}, but this version reads format {version}; {advice}")
    rest = {key: value for key, value in content.items() if key != "digest"}
    if not whole or type(actual) is not int or content.get("digest") != tree_digest(rest):
        raise changed
    return rest


def _verify_file(folder: Path, name: str, entry: Any) -> None:
    """Check one listed file: its name, type, size and hash."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or pure.as_posix() != name or ".." in pure.parts or re.search(r"[\\:\0]", name) or not name:
        raise ValueError(f"{folder}: {MANIFEST} names {name!r}, which is outside the folder; do not use this folder")
    for part in (*reversed(pure.parents[:-1]), pure):
        path = folder / part
        try:
            status = os.lstat(path)
        except (OSError, ValueError):
            raise ValueError(f"{path}: is missing; {_AGAIN}") from None
        if stat.S_ISLNK(status.st_mode):
            raise ValueError(f"{path}: is a symbolic link; put the file itself there")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path}: is not a file; {_AGAIN}")
    size, digest = (entry.get("bytes"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
    actual_size, actual_digest = content_digest(path)
    if actual_size != size:
        raise ValueError(f"{path}: has {actual_size} bytes, expected {size}; {_AGAIN}")
    if actual_digest != digest:
        raise ValueError(f"{path}: is damaged or was changed (its SHA-256 differs from {MANIFEST}); {_AGAIN}")


# First bytes of files for Python's pickle: binary protocols, text protocols (a global, a marked list, dict or instance,
# an empty list or dict put into the memo), and the zip archives of torch.save.
_PICKLE = re.compile(
    rb"\x80[\x02-\x05]|\(*c[A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n|\((?:[ldt]p?\d*\n|i[A-Za-z_][\w.]*\n)|[\]})][qr][\0-\xff]"
    rb"|PK(?:\x03\x04|\x05\x06|\x07\x08)",
    re.DOTALL,
)
_SAFETENSORS = re.compile(rb".{4}\0{4}\{", re.DOTALL)  # length of the header (below 4 GiB), then its opening brace


def refuse_pickle(path: Path) -> None:
    """ValueError for a file that begins as pickle or as a zip archive (torch.save), whatever its name."""
    with open(path, "rb") as file:
        start = file.read(256)
    if _PICKLE.match(start) and not _SAFETENSORS.match(start):
        raise ValueError(f"{path}: looks like pickle, which can run any code during loading; transduce never reads it")

"""A tokenizer from a `tokenizer.json` of any origin: byte-level BPE, WordPiece, SentencePiece styles, whole words."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, SupportsIndex

from transduce import files
from transduce.text.config import ColumnTokenizer, TokenizerConfig
from transduce.text.imported_tokenizer_file import ROLES, read
from transduce.text.learned_tokenizer import LearnedTokenizer
from transduce.text.spelling import SPACE
from transduce.text.tags import advice
from transduce.text.tokenizer import LibraryTokenizer, Tokenizer, library_tokenizer, utf8_of
from transduce.text.tokenizer_file import content_of, parse, unusable

BYTE_PIECE = re.compile("<0x[0-9A-F]{2}>")
OUR_SPELLING = re.compile(r'"String":\s*"(?:\ue000|\\u[eE]000)"')  # a step of spelling.py that no other file has


class MissingTokenError(ValueError, AttributeError):
    """A special id that the file lacks. (As an AttributeError it works with `isinstance(tokenizer, Tokenizer)`.)"""


class ImportedTokenizer(LibraryTokenizer):
    """The library's tokenizer of a file. `save` writes the file byte for byte.

    With the file of `BertTokenizer`: start, end, pad = [CLS], [SEP], [PAD]; `encode("The [SEP]")` has the ids of "the",
    "[", "sep" and "]". The file decides what `decode(encode(text))` loses: byte-level BPE nothing, WordPiece case and
    white space. `names` are special tokens by role ("start", "end", "pad", "mask") that replace the file's own. Text
    never yields a special token, except `unknown`. ValueError, naming the file, for one that cannot be used.
    """

    def __init__(self, text: str, names: Mapping[str, str] | None = None, name: str = "tokenizer.json") -> None:
        self._text, self._names = text, dict(names or {})
        try:
            self._file = read(text, self._names)
            library = library_tokenizer(self._file.for_library())
        except ValueError as error:
            raise unusable(name, error) from None
        except RecursionError:
            raise unusable(name, "its parts are nested too deeply") from None
        super().__init__(library, self._file.special, name)

    @classmethod
    def load(cls, path: Path, names: Mapping[str, str] | None = None) -> "ImportedTokenizer":
        """Reads a tokenizer.json; `names` are by default those that `save` wrote beside it."""
        return cls(content_of(path), _names_beside(path) if names is None else names, str(path))

    def __reduce__(self) -> tuple[Any, ...]:
        return ImportedTokenizer, (self._text, self._names, self._name)

    @property
    def kind(self) -> str:
        return self._file.kind

    @property
    def size(self) -> int:
        return len(self._file.pieces)

    @property
    def pad(self) -> int:
        return self._role("pad")

    @property
    def start(self) -> int:
        return self._role("start")

    @property
    def end(self) -> int:
        return self._role("end")

    @property
    def unknown(self) -> int | None:
        return self._file.roles.get("unknown")

    @property
    def mask(self) -> int | None:
        return self._file.roles.get("mask")

    @property
    def tags(self) -> tuple[str, ...]:
        return ()

    def tag_ids(self, names: Iterable[str]) -> list[int]:
        for name in names:
            raise ValueError(f"unknown tag {name!r}; {advice((), name)}")
        return []

    def normalise(self, text: str) -> str:
        """The output of the file's normaliser, which may spell spaces as "▁"."""
        normaliser = self._library.normalizer
        return text if normaliser is None else str(self._call([text], lambda: normaliser.normalize_str(text)))

    def pieces(self, ids: Iterable[SupportsIndex]) -> list[str]:
        """In the spelling of a learned tokenizer: byte-level "Ġthe" becomes "▁the"."""
        pieces = [self._file.pieces[number] for number in self._valid(ids)]
        return list(map(_readable, pieces)) if self._is_byte_level else pieces

    def piece_bytes(self) -> list[bytes]:
        if not self._is_byte_level:
            return utf8_of(self._file.pieces, self.special, self.spelling_ids())
        return [b"" if number in self.special else _bytes_of(piece) for number, piece in enumerate(self._file.pieces)]

    def spelling_ids(self) -> list[int]:
        if "ByteFallback" not in json.dumps(self._file.tree.get("decoder")):
            return []
        return [number for number, piece in enumerate(self._file.pieces) if BYTE_PIECE.fullmatch(piece)]

    def sha256(self) -> str:
        """Of the file, with LF line ends, and of the names, if there are any."""
        names = json.dumps(self._names, sort_keys=True) if self._names else ""
        return hashlib.sha256((self._text.replace("\r\n", "\n") + names).encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Writes the unchanged file and, if there are names, a second file: source.json, source.special.json."""
        files.write_atomically(path, self._text.encode())
        if self._names:
            files.write_atomically(_beside(path), json.dumps(self._names, sort_keys=True) + "\n")
        else:
            _beside(path).unlink(missing_ok=True)

    @property
    def _is_byte_level(self) -> bool:
        return self.kind == "bpe" and "ByteLevel" in json.dumps(self._file.tree.get("decoder"))

    def _role(self, role: str) -> int:
        try:
            return self._file.roles[role]
        except KeyError:
            tokens = ", ".join(repr(self._file.pieces[number]) for number in sorted(self.special)[:10]) or "none"
            raise MissingTokenError(
                f"{self._name}: has no {role} token with a usual name; set {role} in the tokenizer's table to one of its "
                f"special tokens, as {role} = {ROLES[role][0]!r} (it has {tokens})"
            ) from None


def load(path: Path) -> Tokenizer:
    """Reads a tokenizer of either kind. ValueError, naming the file, for anything else."""
    is_ours = OUR_SPELLING.search(content_of(path))
    return LearnedTokenizer.load(path) if is_ours else ImportedTokenizer.load(path)


def read_files(
    config: TokenizerConfig, roles: Mapping[str, Sequence[str]], base: Path, reader: str
) -> dict[str, Tokenizer]:
    """The tokenizers of the columns whose table names a file; columns with equal tables share one.

    roles: for each text column, the special tokens that the `reader` needs: {"text": ("start", "end", "pad")}.
    ValueError for a file that is missing, cannot be used, or lacks such a token.
    """
    by_side: dict[ColumnTokenizer, Tokenizer] = {}
    by_column: dict[str, Tokenizer] = {}
    for name, required in roles.items():
        side, key = config.side(name), f"tokenizer.{name}" if name in config.columns else "tokenizer"
        if side.file is None:
            continue
        path = base / side.file
        if not path.is_file():
            raise ValueError(f"{path}: no such file; {key}.file names it, relative to the folder of the run file")
        try:
            tokenizer = by_side.setdefault(side, by_side.get(side) or ImportedTokenizer.load(path, side.names))
        except ValueError as error:
            raise ValueError(f"{key}.file: {error}") from None
        try:
            for role in required:
                getattr(tokenizer, role)
        except MissingTokenError as error:
            raise ValueError(f"{key}.file: {error}; {reader} needs it") from None
        by_column[name] = tokenizer
    return by_column


def _beside(path: Path) -> Path:
    return path.with_suffix(".special.json")


def _names_beside(path: Path) -> dict[str, str]:
    beside = _beside(path)
    if not beside.exists():
        return {}
    text = content_of(beside)
    try:
        names = parse(text)
    except ValueError as error:
        raise unusable(beside, error) from None
    if not names.keys() <= ROLES.keys() or not all(isinstance(name, str) for name in names.values()):
        raise unusable(beside, f"expected the names of tokens, with the keys {', '.join(ROLES)}")
    return names


def _readable(piece: str) -> str:
    """A byte-level piece as text: "Ġthe" is "▁the"; bytes that are not UTF-8 become <0xE2>."""
    if not _is_made_of_bytes(piece):
        return piece  # a special or added token
    data = _bytes_of(piece)
    try:
        return data.decode().replace(" ", SPACE)
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in data)


def _bytes_of(piece: str) -> bytes:
    """The bytes of a byte-level piece; those of its letters where it is an added token."""
    return bytes(BYTE_OF[char] for char in piece) if _is_made_of_bytes(piece) else piece.encode()


def _is_made_of_bytes(piece: str) -> bool:
    return all(char in BYTE_OF for char in piece)


def _bytes_of_characters() -> dict[str, int]:
    """The alphabet of byte-level BPE: printable Latin-1 characters are themselves, other bytes U+0100, U+0101, ..."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + place): byte for place, byte in enumerate(others)}


BYTE_OF = _bytes_of_characters()

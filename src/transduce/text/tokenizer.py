"""Strings to token ids and back."""

import hashlib
import stat
from collections.abc import Iterable, Sequence
from operator import index
from pathlib import Path
from typing import Any, SupportsIndex

import tokenizers

from transduce import files
from transduce.text.config import Kind
from transduce.text.special import NAMES
from transduce.text.spelling import Pipeline, normaliser, refuse_surrogates, respell
from transduce.text.tags import advice
from transduce.text.tokenizer_file import Vocabulary, read, write

MOST_BYTES = 64 * 2**20  # of a tokenizer file


class Tokenizer:
    """A trained tokenizer. `transduce.text.learn.learn.train` makes one, `Tokenizer.load` reads one.

    One of 273 unigram pieces, learned from the lines "low lower lowest" and "new newer newest":

        encode("lower <s>")                  ->  [260, 263, 272, 242, 132, 134, 269, 66]
        pieces(encode("lower <s>"))          ->  ["▁low", "er", "▁", "<0xEE>", "<0x80>", "<0x82>", "s", "<0x3E>"]
        decode(encode("lower <s>"))          ->  "lower <s>"

    ("<" is spelled in bytes since these lines hold none; its spelling is explained in pipeline.py.)
    `decode(encode(text)) == normalise(text)` for every text, and `encode` never yields a special piece. Whitespace
    words are the exception to both: white space becomes one space, and a word not learned becomes `UNKNOWN`.
    Tags have ids of their own, which only `tag_ids` gives. Text with lone surrogates raises ValueError. Ids may be any
    integers: Python's, numpy's or a tensor's.
    """

    def __init__(self, pipeline: Pipeline, vocabulary: Vocabulary) -> None:
        self._pipeline, self._vocabulary = pipeline, vocabulary
        self._text = write(pipeline, vocabulary)
        self._library = _built(self._text)
        self._library.encode_special_tokens = True  # "</s>" in a text is text; the file cannot say so
        self._normaliser = normaliser(pipeline)
        self._first_text = len(pipeline.special)  # the first id that stands for text

    def __reduce__(self) -> tuple[Any, ...]:  # the library's own pickling forgets encode_special_tokens
        return Tokenizer, (self._pipeline, self._vocabulary)

    def __repr__(self) -> str:
        return f"Tokenizer({self.kind}, {self.size} pieces)"

    @property
    def kind(self) -> Kind:
        """unigram, bpe, characters or words."""
        return self._pipeline.kind

    @property
    def tags(self) -> tuple[str, ...]:
        """The names of its tags, in the order of their ids."""
        return self._pipeline.tags

    def tag_ids(self, names: Iterable[str]) -> list[int]:
        """The ids of tags, in the order given. ValueError for one that it does not know, naming those it does."""
        known = {name: number for number, name in enumerate(self.tags, len(NAMES))}
        try:
            return [known[name] for name in names]
        except KeyError as error:
            raise ValueError(f"unknown tag {error.args[0]!r}; {advice(self.tags, error.args[0])}") from None

    @property
    def size(self) -> int:
        """Number of pieces, special ones and bytes included; ids are 0 to size - 1."""
        return len(self._vocabulary.pieces)

    def normalise(self, text: str) -> str:
        """The text as the tokenizer sees it: `normalise("E\\u0301") == "É"` in form NFC."""
        try:
            return str(self._normaliser.normalize_str(text))
        except (TypeError, UnicodeEncodeError):
            refuse_surrogates(text)
            raise

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without start and end."""
        try:
            return list(self._library.encode(text, add_special_tokens=False).ids)
        except (TypeError, UnicodeEncodeError):
            refuse_surrogates(text)
            raise

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` of each text, on all cores."""
        try:
            return [found.ids for found in self._library.encode_batch_fast(list(texts), add_special_tokens=False)]
        except (TypeError, UnicodeEncodeError):
            for text in texts:
                refuse_surrogates(text)
            raise

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where in the text each token of `encode(text)` comes from: its first character's place, and its last one's + 1.

        Tokens that spell one character in bytes share its place; a "▁" put in front of a text has its first character's.
        """
        try:
            return list(self._library.encode(text, add_special_tokens=False).offsets)
        except (TypeError, UnicodeEncodeError):
            refuse_surrogates(text)
            raise

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text of ids, special pieces left out. Bytes that are no UTF-8 become "\\ufffd"."""
        return str(self._library.decode(self._textual(ids), skip_special_tokens=False))

    def decode_batch(self, rows: Iterable[Iterable[SupportsIndex]]) -> list[str]:
        """`decode` of each row, on all cores."""
        return list(self._library.decode_batch([self._textual(row) for row in rows], skip_special_tokens=False))

    def pieces(self, ids: Iterable[SupportsIndex]) -> list[str]:
        """The piece of each id, for people to read: "▁" is a space, "<0x41>" a byte, "</s>" a special piece."""
        return [respell(self._vocabulary.pieces[number]) for number in self._checked(ids)]

    def sha256(self) -> str:
        """The hash, in hexadecimal, of the file that `save` writes."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Writes a `tokenizers` JSON file; equal tokenizers give equal bytes. ValueError for one that `load` would refuse."""
        content = self._text.encode()
        if len(content) > MOST_BYTES:
            raise ValueError(
                f"{path}: the tokenizer has {len(content):,} bytes, at most {MOST_BYTES:,} can be read again; lower vocabulary"
            )
        files.write_atomically(path, content)

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Reads a file that `save` wrote. ValueError, naming the file, for anything else: another format, a cut or
        changed file, one over 64 MiB, pickle.
        """
        try:
            return cls(*read(_content(path)))
        except ValueError as error:
            raise ValueError(f"{path}: not a tokenizer that can be used: {error}") from None

    def _checked(self, ids: Iterable[SupportsIndex]) -> list[int]:
        numbers = list(map(index, ids))
        for number in (min(numbers, default=0), max(numbers, default=0)):
            if not 0 <= number < self.size:
                raise ValueError(f"id {number} is none of this tokenizer's, which go from 0 to {self.size - 1}")
        return numbers

    def _textual(self, ids: Iterable[SupportsIndex]) -> list[int]:
        return [number for number in self._checked(ids) if number >= self._first_text]


def _built(text: str) -> tokenizers.Tokenizer:
    try:
        return tokenizers.Tokenizer.from_str(text)
    except Exception as error:  # the library raises no narrower class
        raise ValueError(f"the tokenizers library refuses it: {error}") from None


def _content(path: Path) -> str:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no regular file")
    if found.st_size > MOST_BYTES:
        raise ValueError(f"it has {found.st_size:,} bytes, at most {MOST_BYTES:,} are read")
    files.refuse_pickle(path)
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is no UTF-8") from None

"""The protocol of tokenizers, and two tools for all kinds: decoding of a stream of ids, and the words of tokens."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from operator import index
from pathlib import Path
from typing import Protocol, SupportsIndex, TypeVar, runtime_checkable

import tokenizers

from transduce.text.spelling import ESCAPE, refuse_surrogates

T = TypeVar("T")

WORD = re.compile(r"\S+")


@runtime_checkable
class Tokenizer(Protocol):
    """Text to ids and back. Ids are 0 to `size` - 1; those in `special` stand for no text.

    Two kinds exist: `LearnedTokenizer` (`decode(encode(text)) == normalise(text)`) and `ImportedTokenizer` (any
    `tokenizer.json`). With both, text never yields a special id, except `unknown` for an unknown piece. Text with lone
    surrogates raises ValueError, and so does a special id that the vocabulary lacks. Ids may be any integers: Python's,
    numpy's or a tensor's.
    """

    @property
    def kind(self) -> str:
        """unigram, bpe, characters, words or wordpiece."""

    @property
    def size(self) -> int:
        """Number of ids, special ones included."""

    @property
    def pad(self) -> int:
        """Fills batches. It equals `end` if an imported vocabulary has no such token: mask by lengths."""

    @property
    def start(self) -> int:
        """Begins every output."""

    @property
    def end(self) -> int:
        """Ends every input and output."""

    @property
    def unknown(self) -> int | None:
        """Stands for text outside the vocabulary."""

    @property
    def mask(self) -> int | None:
        """Hides a token that a masked language model predicts."""

    @property
    def special(self) -> frozenset[int]:
        """All ids that stand for no text: those above, tags, and others that an imported file flags."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Names of the tags, in the order of their ids."""

    def tag_ids(self, names: Iterable[str]) -> list[int]:
        """The ids of tags, in the order given. ValueError for an unknown one."""

    def normalise(self, text: str) -> str:
        """The text in the tokenizer's normal form: `normalise("E\\u0301") == "É"` for NFC."""

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without start and end."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` of each text, on all cores."""

    def places(self, text: str) -> list[tuple[int, int]]:
        """For each token of `encode(text)`, the place of its first character in the text, and that of its last + 1."""

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text of ids without the special ones. Bytes that are not UTF-8 become "\\ufffd"."""

    def decode_batch(self, rows: Iterable[Iterable[SupportsIndex]]) -> list[str]:
        """`decode` of each row, on all cores."""

    def pieces(self, ids: Iterable[SupportsIndex]) -> list[str]:
        """The piece of each id for display: "▁" is a space, "<0x41>" a byte, "</s>" a special piece."""

    def piece_bytes(self) -> list[bytes]:
        """The UTF-8 bytes that each id adds to a text: b"\\xe7" for the piece "<0xE7>"; b"" for a special one."""

    def spelling_ids(self) -> list[int]:
        """Ids of the pieces for single bytes, which spell characters that have no piece; none in byte-level BPE, where
        every piece is made of bytes."""

    def sha256(self) -> str:
        """A hash, in hexadecimal, of everything that `save` writes."""

    def save(self, path: Path) -> None:
        """Writes a `tokenizers` JSON file."""


class LibraryTokenizer(Tokenizer):
    """The base of both kinds: calls the `tokenizers` library and turns its errors into ValueErrors.

    `name` is for messages.
    """

    def __init__(self, library: tokenizers.Tokenizer, special: Iterable[int], name: str) -> None:
        library.encode_special_tokens = True  # "</s>" in a text is text; the file has no key for it
        self._library, self._special, self._name = library, frozenset(special), name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.kind}, {self.size} pieces)"

    @property
    def special(self) -> frozenset[int]:
        return self._special

    def encode(self, text: str) -> list[int]:
        return list(self._call([text], lambda: self._library.encode(text, add_special_tokens=False).ids))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        texts = list(texts)
        rows = self._call(texts, lambda: self._library.encode_batch_fast(texts, add_special_tokens=False))
        return [row.ids for row in rows]

    def places(self, text: str) -> list[tuple[int, int]]:
        """The bytes of one character share its place; a "▁" in front of a text has the place of the first character."""
        return list(self._call([text], lambda: self._library.encode(text, add_special_tokens=False).offsets))

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        row = self._textual(ids)
        return str(self._call([], lambda: self._library.decode(row, skip_special_tokens=False)))

    def decode_batch(self, rows: Iterable[Iterable[SupportsIndex]]) -> list[str]:
        textual = [self._textual(row) for row in rows]
        return list(self._call([], lambda: self._library.decode_batch(textual, skip_special_tokens=False)))

    def _call(self, texts: Sequence[str], function: Callable[[], T]) -> T:
        try:
            return function()
        except (TypeError, UnicodeEncodeError):
            for text in texts:
                refuse_surrogates(text)
            raise
        except BaseException as error:
            if not is_of_library(error):
                raise
            raise ValueError(f"{self._name}: the tokenizers library fails on this text or these ids: {error}") from None

    def _valid(self, ids: Iterable[SupportsIndex]) -> list[int]:
        numbers = list(map(index, ids))
        for number in (min(numbers, default=0), max(numbers, default=0)):
            if not 0 <= number < self.size:
                raise ValueError(f"id {number} is outside the vocabulary, which has the ids 0 to {self.size - 1}")
        return numbers

    def _textual(self, ids: Iterable[SupportsIndex]) -> list[int]:
        return [number for number in self._valid(ids) if number not in self._special]


def utf8_of(pieces: Sequence[str], special: frozenset[int], spelling: Sequence[int]) -> list[bytes]:
    """The bytes of each piece: none of a special one, one of a byte piece ("<0x41>"), else those of its letters."""
    data = [b"" if number in special else piece.encode() for number, piece in enumerate(pieces)]
    for number in spelling:
        data[number] = bytes([int(pieces[number][1:-1], 16)])
    return data


def library_tokenizer(text: str) -> tokenizers.Tokenizer:
    """The library's tokenizer from the text of a file. ValueError if the library refuses it."""
    try:
        return tokenizers.Tokenizer.from_str(text)
    except BaseException as error:
        if not is_of_library(error):
            raise
        raise ValueError(f"the tokenizers library refuses it: {error}") from None


def is_of_library(error: BaseException) -> bool:
    """Whether the library raised the error: a plain Exception, or a panic of its Rust code, which is no Exception."""
    return type(error) in (Exception, ValueError) or type(error).__name__ == "PanicException"


class StreamDecoder:
    """Decodes ids that arrive one by one, and yields each part of the text when later ids cannot change it.

        stream = StreamDecoder(tokenizer)
        [stream.push([number]) for number in ids]  ->  ["to", " ", "", "", "猫"]       three ids spell the bytes of 猫
        stream.finish()                            ->  ""

    The parts together equal `tokenizer.decode(ids)`, with one exception: a byte piece that is not UTF-8, right after byte
    pieces that are. `decode` replaces the whole run, but the stream has already yielded its beginning.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer, self._special = tokenizer, tokenizer.special
        self._context: list[int] = []  # ids with final text, on which the spacing of the next piece depends
        self._open: list[int] = []  # ids whose text may change

    def push(self, ids: Iterable[int]) -> str:
        """The text that becomes final with these ids; "" while a character is incomplete."""
        self._open += [number for number in ids if number not in self._special]
        before, text = self._texts()
        if text.endswith(("\ufffd", ESCAPE)):
            return ""
        if len(text) > len(before):
            self._context, self._open = self._open, []
        return text[len(before) :]

    def finish(self) -> str:
        """The text of the remaining ids."""
        before, text = self._texts()
        self._context, self._open = [], []
        return text[len(before) :]

    def _texts(self) -> tuple[str, str]:
        decode = self._tokenizer.decode
        return decode(self._context), decode(self._context + self._open)


def word_numbers(text: str, places: Sequence[tuple[int, int]]) -> list[int | None]:
    """For each token, the number of its word in `text.split()`, counted from 0; `places` is the result of `Tokenizer.places`.

    A token of white space alone belongs to the next word, if there is one.

        "to  Bremen", ["▁to", "▁", "▁B", "remen"] at [(0, 2), (2, 3), (3, 5), (5, 10)]  ->  [0, 1, 1, 1]
    """
    ends = [word.end() for word in WORD.finditer(text)]
    numbers: list[int | None] = []
    for start, end in places:
        inside = re.search(r"\S", text[start:end])
        word = bisect_right(ends, start if inside is None else start + inside.start())
        numbers.append(word if word < len(ends) else None)
    return numbers

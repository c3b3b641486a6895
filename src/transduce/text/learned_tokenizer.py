"""A tokenizer that this package learns: strict and lossless."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, SupportsIndex

from transduce import files
from transduce.text.config import BYTES, Kind
from transduce.text.special import END, NAMES, PAD, START, UNKNOWN
from transduce.text.spelling import Pipeline, normaliser, respell
from transduce.text.tags import advice
from transduce.text.tokenizer import LibraryTokenizer, library_tokenizer, utf8_of
from transduce.text.tokenizer_file import MOST_BYTES, Vocabulary, content_of, read, unusable, write


class LearnedTokenizer(LibraryTokenizer):
    """The result of `transduce.text.learn.learn.train`; `LearnedTokenizer.load` reads it from a file.

    Example: 273 unigram pieces, learned from the lines "low lower lowest" and "new newer newest":

        encode("lower <s>")                  ->  [260, 263, 272, 242, 132, 134, 269, 66]
        pieces(encode("lower <s>"))          ->  ["▁low", "er", "▁", "<0xEE>", "<0x80>", "<0x82>", "s", "<0x3E>"]
        decode(encode("lower <s>"))          ->  "lower <s>"

    (Bytes spell the "<" because these lines have none; see spelling.py.)
    `decode(encode(text)) == normalise(text)` for every text, with its line breaks, tabs and runs of spaces, and `encode`
    never yields a special piece. Tokenizers of words are the exception to both: white space becomes one space, and an
    unknown word becomes `unknown`. Only `tag_ids` yields the ids of tags.
    """

    pad, start, end, unknown, mask = PAD, START, END, UNKNOWN, None

    def __init__(self, pipeline: Pipeline, vocabulary: Vocabulary) -> None:
        self._pipeline, self._vocabulary = pipeline, vocabulary
        self._text = write(pipeline, vocabulary)
        self._normaliser = normaliser(pipeline)
        super().__init__(library_tokenizer(self._text), range(len(pipeline.special)), "the tokenizer")

    def __reduce__(self) -> tuple[Any, ...]:  # the library's own pickling forgets encode_special_tokens
        return LearnedTokenizer, (self._pipeline, self._vocabulary)

    @property
    def kind(self) -> Kind:
        return self._pipeline.kind

    @property
    def tags(self) -> tuple[str, ...]:
        return self._pipeline.tags

    def tag_ids(self, names: Iterable[str]) -> list[int]:
        numbers = {name: number for number, name in enumerate(self.tags, len(NAMES))}
        try:
            return [numbers[name] for name in names]
        except KeyError as error:
            raise ValueError(f"unknown tag {error.args[0]!r}; {advice(self.tags, error.args[0])}") from None

    @property
    def size(self) -> int:
        return len(self._vocabulary.pieces)

    def normalise(self, text: str) -> str:
        return str(self._call([text], lambda: self._normaliser.normalize_str(text)))

    def pieces(self, ids: Iterable[SupportsIndex]) -> list[str]:
        return [respell(self._vocabulary.pieces[number]) for number in self._valid(ids)]

    def piece_bytes(self) -> list[bytes]:
        return utf8_of(self._vocabulary.pieces, self.special, self.spelling_ids())

    def spelling_ids(self) -> list[int]:
        first = len(self._pipeline.special)
        return [] if self.kind == "words" else list(range(first, first + BYTES))

    def sha256(self) -> str:
        return hashlib.sha256(self._text.encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Writes a `tokenizers` JSON file; equal tokenizers give equal bytes. ValueError if `load` would refuse it."""
        content = self._text.encode()
        if len(content) > MOST_BYTES:
            raise ValueError(
                f"{path}: the tokenizer has {len(content):,} bytes, at most {MOST_BYTES:,} can be loaded; lower vocabulary"
            )
        files.write_atomically(path, content)

    @classmethod
    def load(cls, path: Path) -> "LearnedTokenizer":
        """Reads a file that `save` wrote. ValueError, naming the file, for anything else: another format, a cut or
        changed file, one over 64 MiB, pickle.
        """
        text = content_of(path)
        try:
            return cls(*read(text))
        except ValueError as error:
            raise unusable(path, error) from None

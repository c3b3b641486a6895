"""Texts that outputs must begin with, as tokens of the target side."""

from collections.abc import Sequence

from transduce.text.tokenizer import Tokenizer


class LineError(ValueError):
    """A line that cannot be translated as asked: `what` is wrong at `place`, counted from 0."""

    def __init__(self, place: int, what: str) -> None:
        super().__init__(f"line {place + 1}: {what}")
        self.place, self.what = place, what


def prefix_rows(tokenizer: Tokenizer, prefixes: Sequence[str], places: Sequence[int]) -> list[list[int]]:
    """The ids of each prefix, whose line stands at the place of the same number.

    White space at the end of a prefix is left out where tokens are subwords: they carry the space before a word, none
    carries one after it. LineError for words that the target vocabulary lacks, where tokens are words.
    """
    subwords = tokenizer.kind in ("unigram", "bpe")
    texts = [prefix.rstrip() if subwords else prefix for prefix in prefixes]
    rows = tokenizer.encode_batch(texts)
    for place, text, row in zip(places, texts, rows, strict=True):
        if tokenizer.unknown in row:
            begin, end = tokenizer.places(text)[row.index(tokenizer.unknown)]
            word = text[begin:end].strip()
            raise LineError(place, f"the prefix has the word {word!r}, which is none of the model's target words")
    return rows

"""The facts of the texts of a column that choices depend on: lengths, words, and how many words are new."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

NEW_SHARE = 0.1  # of the texts, the last ones, whose words are looked up in those before: files are often in groups
MOST_OF_THOUSAND = 999


@dataclass(frozen=True)
class TextFacts:
    """The texts of a column.

    characters, words: mean of a text; a word stands between blanks. longest: characters that 999 of 1,000 texts do not
    exceed. different: number of different words in the sample. unseen: share of the words of the last tenth of each corpus
    that the other texts do not have. digits: share of the words that have a digit.
    """

    characters: float
    words: float = 0.0
    longest: int = 0
    different: int = 0
    unseen: float = 0.0
    digits: float = 0.0


@dataclass
class TextSample:
    """Collects the facts of a column's texts, corpus after corpus."""

    lengths: list[int] = field(default_factory=list)
    corpora: list[list[list[str]]] = field(default_factory=list)  # texts of each, as their words

    def begin_corpus(self) -> None:
        self.corpora.append([])

    def add(self, text: str) -> None:
        self.lengths.append(len(text))
        self.corpora[-1].append(text.split())

    def facts(self, characters: float) -> TextFacts:
        """The facts, with the mean of characters that all corpora together have."""
        lengths = sorted(self.lengths) or [0]
        before: list[str] = []
        after: list[str] = []
        for texts in self.corpora:  # one after another may be of other texts
            new = round(NEW_SHARE * len(texts))
            before += _words(texts[: len(texts) - new])
            after += _words(texts[len(texts) - new :])
        vocabulary, total = set(before), len(before) + len(after)
        return TextFacts(
            characters=characters,
            words=total / len(lengths),
            longest=lengths[math.ceil(len(lengths) * MOST_OF_THOUSAND / 1000) - 1],
            different=len(vocabulary.union(after)),
            unseen=sum(word not in vocabulary for word in after) / max(1, len(after)),
            digits=sum(map(_has_digit, before + after)) / max(1, total),
        )


def _words(texts: Sequence[Sequence[str]]) -> list[str]:
    return [word for words in texts for word in words]


def _has_digit(word: str) -> bool:
    return not word.isalpha() and any(map(str.isdigit, word))

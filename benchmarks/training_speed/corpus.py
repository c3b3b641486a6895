"""The text that all systems train on: real pairs from a file, or made-up ones with the lengths of technical text."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RECIPES = Path(__file__).parents[2] / "recipes"
RECIPE = RECIPES / "debian-en-de" / "data" / "train.jsonl"
MADE_UP = "made-up"

PAIRS = 40_000
WORDS = 30_000  # of a side's made-up language
MEDIAN_WORDS, LONG_WORDS = 9, 36  # of a sentence; a tenth have more than the second
LONG_DEVIATIONS = 1.2816  # beyond which a tenth of a normal distribution lies
LONGEST_WORDS = 120
SYLLABLES = [first + vowel + last for first in "bdfgklmnprstvz" for vowel in "aeiou" for last in ("", "n", "r", "s")]


@dataclass(frozen=True)
class Corpus:
    """One file of pairs, in a form that transduce reads."""

    path: Path
    name: str  # for the report
    sha256: str


def find(wanted: str | None, folder: Path) -> Corpus:
    """A file of pairs, or made-up ones written into `folder`.

    `wanted` is a file, "made-up", or None: the debian-en-de recipe's training pairs where they have been fetched, else
    made-up ones.
    """
    if wanted is None:
        wanted = str(RECIPE) if RECIPE.exists() else MADE_UP
    if wanted == MADE_UP:
        path = folder / "made-up.tsv"
        path.write_text("".join(f"{source}\t{target}\n" for source, target in made_up(PAIRS)), encoding="utf-8")
        return _described(path, "made-up words")
    path = Path(wanted).absolute()
    return _described(path, str(path.relative_to(RECIPES.parent)) if path.is_relative_to(RECIPES) else path.name)


def _described(path: Path, name: str) -> Corpus:
    return Corpus(path, name, hashlib.sha256(path.read_bytes()).hexdigest())


def made_up(count: int) -> Iterator[tuple[str, str]]:
    """Pairs of sentences, always the same ones, of words drawn by Zipf's law.

    The words of a sentence are distributed log-normally: 9 in the median, more than 36 in a tenth of the sentences. A
    target has 0.85 to 1.2 times as many as its source.
    """
    generator = np.random.default_rng(1)
    deviation = np.log(LONG_WORDS / MEDIAN_WORDS) / LONG_DEVIATIONS
    drawn = np.exp(generator.normal(np.log(MEDIAN_WORDS), deviation, count))
    lengths = np.clip(np.round(drawn), 1, LONGEST_WORDS).astype(int)
    others = np.maximum(1, np.round(lengths * generator.uniform(0.85, 1.2, count))).astype(int)
    source, target = _language(generator), _language(generator)
    weights = 1 / np.arange(1, WORDS + 1)
    weights /= weights.sum()
    sources = generator.choice(WORDS, size=int(lengths.sum()), p=weights)
    targets = generator.choice(WORDS, size=int(others.sum()), p=weights)
    cut = zip(np.split(sources, lengths.cumsum()[:-1]), np.split(targets, others.cumsum()[:-1]), strict=True)
    for here, there in cut:
        yield " ".join(source[here]), " ".join(target[there])


def _language(generator: np.random.Generator) -> np.ndarray:
    """Words of one to four syllables; those that Zipf's law makes frequent are the shorter ones."""
    parts = generator.choice(SYLLABLES, size=(WORDS, 4))
    counts = np.clip(1 + np.arange(WORDS) // 300, 1, 4)
    return np.array(["".join(row[:size]) for row, size in zip(parts, counts, strict=True)])

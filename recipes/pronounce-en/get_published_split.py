"""The words that published error rates are on, as train.tsv, dev.tsv and test.tsv, from the two files of that split.

    python get_published_split.py FOLDER [--out FOLDER]

FOLDER holds g014b2b.train and g014b2b.test, which the authors of Phonetisaurus published (g014b2b.tgz in the repository
AdolfVonKleist/phonetisaurus-downloads): an older edition of the CMU Pronouncing Dictionary, without stress, in lines
of a word in capitals, a tab and phonemes. 12,000 of its words are for testing. Which 2,670 of the training words the
papers validated on is not published; here they are the first ones in the order of the words' SHA-256.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import get_data

DEV_WORDS = 2_670


def pronunciations(path: Path) -> dict[str, list[str]]:
    """The pronunciations of each word of `path`, in the order of its lines, words in small letters."""
    found: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        word, tab, phonemes = line.partition("\t")
        if not (word and tab and phonemes.strip()):
            raise ValueError(f"{path}:{number}: expected a word, a tab and phonemes, found {line[:60]!r}")
        found.setdefault(word.lower(), []).append(phonemes.strip())
    return found


def parts(train: Iterable[str], test: Iterable[str]) -> dict[str, list[str]]:
    """Words for "train", "dev" and "test"; ValueError where a test word is among those to train on."""
    held_out = list(test)
    split = get_data.split(train, test=0, dev=DEV_WORDS)
    if both := {*split["train"], *split["dev"]}.intersection(held_out):
        raise ValueError(f"{len(both)} words are in both files, such as {min(both)}; they are not that split")
    return split | {"test": held_out}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the published split as train.tsv, dev.tsv and test.tsv.")
    parser.add_argument("folder", type=Path, help="with g014b2b.train and g014b2b.test")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "data", help="folder (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        train, test = (pronunciations(options.folder / f"g014b2b.{part}") for part in ("train", "test"))
        get_data.write_parts(options.out, parts(train, test), train | test)
    except (ValueError, OSError) as error:
        print(f"get_published_split.py: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

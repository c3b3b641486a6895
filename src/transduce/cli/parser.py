"""argparse with errors as the rest of the program has them, and a check of files to write."""

import argparse
import difflib
import os
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Options may stand between the positional arguments; an unknown one is a ValueError that offers the nearest."""

    def __init__(self, prog: str, description: str, examples: str = "") -> None:
        super().__init__(
            prog=prog,
            description=textwrap.fill(description, 79),
            epilog=f"examples:\n{examples}" if examples else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The arguments' values; exits by itself after --help."""
        options, unknown = self.parse_known_intermixed_args(arguments)
        if unknown:
            option_names = [option for action in self._actions for option in action.option_strings]
            option = unknown[0].partition("=")[0]
            kind = "option" if option.startswith("-") else "argument"
            self.error(f"unknown {kind} {option}{did_you_mean(option, option_names)}")
        return options

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see {self.prog} --help")


def row_name(command: str, description: str, example: str, noun: str, arguments: Sequence[str]) -> str | None:
    """The argument of a command that lists a catalogue, or explains the row of that name: None for the list."""
    parser = Parser(f"transduce {command}", description, f"  transduce {command} {example}")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"name of a {noun}; without it all are listed")
    names: list[str] = parser.parse(arguments).names
    if len(names) > 1:
        parser.error(f"expected one name of a {noun}, found {len(names)}: {', '.join(names)}")
    return names[0] if names else None


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """`, did you mean train?`, or nothing where no known word is near."""
    near = difflib.get_close_matches(word, list(words), n=1)
    return f", did you mean {near[0]}?" if near else ""


def check_target(option: str, path: Path | None, read: Iterable[Path | None]) -> None:
    """A file to write must have a folder to be in, and must not be one of those `read`; None is no file."""
    if path is None:
        return
    if path.is_dir():
        raise ValueError(f"--{option} {path} is a folder; name a file")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"--{option} {path}: there is no folder {path.parent}")
    place = path if path.exists() and not path.is_file() else path.resolve().parent  # of a link, where it points to
    if not os.access(place, os.W_OK):
        raise ValueError(f"--{option} {path}: {place} cannot be written to")
    for each in read:
        if each is not None and path.exists() and each.exists() and each.samefile(path):
            raise ValueError(f"--{option} {path} is a file that is read; name another, or it would be lost")

"""argparse, with errors as the rest of the program has them."""

import argparse
import difflib
import textwrap
from collections.abc import Iterable, Sequence
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
        found, unknown = self.parse_known_intermixed_args(arguments)
        if unknown:
            known = [option for action in self._actions for option in action.option_strings]
            option = unknown[0].partition("=")[0]
            kind = "option" if option.startswith("-") else "argument"
            self.error(f"unknown {kind} {option}{did_you_mean(option, known)}")
        return found

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see {self.prog} --help")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean train?`, or nothing where no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean {near[0]}?" if near else ""

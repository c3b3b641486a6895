"""Which records are worth training on: rules that each look at one thing, in the [data.clean] table of a run file.

They hold for train alone: a dev or test set is what its owner says it is, and loses only what cannot be used (records
with an empty column, and those longer than max-length). A rule that could take good records from some task is off unless
asked for: numbers have no letters, a summary is far shorter than its text, a spelling corrector must leave most words
as they are, and a script is known only to the owner of the text.

Rules about a text hold for every text column of the task, rules that compare two texts for tasks with two text columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Integer

from transduce.config import Fact, Keys
from transduce.data.cleaning.mojibake import is_damaged
from transduce.data.cleaning.scripts import Script, letter_share, script_share
from transduce.data.records import COPY, DAMAGED, FEW_LETTERS, TOO_LONG, TRAIN, WRONG_SCRIPT

MOST_TOKENS = 999_999  # of a text: with its end, what a model may be made to take


@dataclass(frozen=True)
class Clean:
    """Rules and their switches; every record left out is counted in the report, with examples."""

    max_length: Annotated[
        int, "tokens; a record with a longer text is left out, in dev and test too", Fact(measure=True)
    ] = 250
    max_characters: Annotated[int | None, "characters; a record with a longer text is left out"] = None
    max_ratio: Annotated[
        float | None, "leave out records with a text of more than so many times the other's tokens"
    ] = None
    drop_duplicates: Annotated[bool, "leave out records whose tags and columns are those of an earlier one"] = True
    drop_copies: Annotated[bool, "leave out records whose second text is their first"] = False
    drop_damaged: Annotated[bool, "leave out records with U+FFFD, or UTF-8 that was read as another encoding"] = True
    min_letters: Annotated[float, "least share of letters in the visible characters of each text, 0 to 1"] = 0.0
    scripts: Annotated[Mapping[str, Script], 'script of the texts of this column, such as "Latin"', Keys("columns")] = (
        field(default_factory=dict)
    )
    min_script: Annotated[float, "least share of a text's letters that are of its script, 0 to 1"] = 0.5

    def __post_init__(self) -> None:
        if not 1 <= self.max_length <= MOST_TOKENS:
            raise ValueError(f"max-length must be from 1 to {MOST_TOKENS:,}, found {self.max_length:,}")
        if self.max_characters is not None and self.max_characters < 1:
            raise ValueError(f"max-characters must be at least 1, found {self.max_characters}")
        if self.max_ratio is not None and not self.max_ratio >= 1:
            raise ValueError(f"max-ratio must be at least 1, found {self.max_ratio:g}")
        for name in ("min_letters", "min_script"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name.replace('_', '-')} is a share, 0 to 1, found {getattr(self, name):g}")
        if self.min_script != Clean.min_script and not self.scripts:
            raise ValueError(
                f"min-script, {self.min_script:g}, is a share of letters of a script, and none is given: give scripts too, "
                "or leave it out"
            )


def is_copy(first: str, second: str) -> bool:
    """Whether two texts are the same, white space aside."""
    return first == second or first.split() == second.split()


def is_unbalanced(
    first: Integer[np.ndarray, " N"], second: Integer[np.ndarray, " N"], most: float
) -> Bool[np.ndarray, " N"]:
    """Which pairs of lengths differ by more than so many times."""
    unbalanced: Bool[np.ndarray, " N"] = np.maximum(first, second) > most * np.minimum(first, second)
    return unbalanced


Rule = Callable[[Mapping[str, str]], bool]  # of a record's values: whether to leave the record out


def rules(clean: Clean, texts: Sequence[str]) -> list[tuple[int, Rule]]:
    """The rules that are on, each with the outcome of what it takes. `texts` names the text columns of the task.

    ValueError for a rule that compares two texts, where the task has not two, and for a script of no text column.
    """
    active: list[tuple[int, Rule]] = []
    require_two = [key for key, on in (("drop-copies", clean.drop_copies), ("max-ratio", clean.max_ratio)) if on]
    if require_two and len(texts) != 2:
        raise ValueError(
            f"data.clean.{require_two[0]} compares two text columns, but this task has {len(texts)} "
            f"({', '.join(texts)}); leave it out"
        )
    for name in clean.scripts:
        if name not in texts:
            raise ValueError(f"data.clean.scripts: {name!r} is no text column of this task ({', '.join(texts)})")
    if (most := clean.max_characters) is not None:
        active.append((TOO_LONG, lambda values: any(len(values[name]) > most for name in texts)))
    if clean.drop_damaged:
        active.append((DAMAGED, lambda values: any(is_damaged(values[name]) for name in texts)))
    if clean.drop_copies:
        first, second = texts
        active.append((COPY, lambda values: is_copy(values[first], values[second])))
    if (least := clean.min_letters) > 0:
        active.append((FEW_LETTERS, lambda values: any(letter_share(values[name]) < least for name in texts)))
    for name, script in clean.scripts.items():
        active.append((WRONG_SCRIPT, _script_rule(name, script, clean.min_script)))
    return active


def _script_rule(name: str, script: Script, least: float) -> Rule:
    """A text without letters is of any script."""
    return lambda values: script_share(values[name], script) < least


def verdict(values: Mapping[str, str], active: Sequence[tuple[int, Rule]]) -> int:
    """TRAIN, or the outcome that the first rule to take the record gives it."""
    for outcome, takes in active:
        if takes(values):
            return outcome
    return TRAIN

"""Cleaning rules, each for one property of a record: the [data.clean] table of a run file.

The rules apply to train records. Dev and test lose only records that cannot be used: those with an empty column, and
those longer than max-length. A rule that could remove good records of some task is off by default: numbers have no
letters, a summary is far shorter than its text, a spelling corrector copies most words, and only the owner knows the
script of a text.

Rules about one text apply to every text column of the task. Rules that compare two texts need two text columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Integer

from transduce import config
from transduce.config import Fact, Keys
from transduce.data.cleaning.mojibake import is_damaged
from transduce.data.cleaning.scripts import Script, letter_share, script_share
from transduce.data.records import COPY, DAMAGED, FEW_LETTERS, TOO_LONG, TRAIN, WRONG_SCRIPT

MOST_TOKENS = 999_999  # of a text; with the end token it reaches the longest input that a model may have


@dataclass(frozen=True)
class Clean:
    """Settings of the rules. The report counts every record that is left out, with examples."""

    max_length: Annotated[
        int,
        "tokens; a record with a longer text is left out, in dev and test too",
        Fact(at_least=1, at_most=MOST_TOKENS, measure=True),
    ] = 250
    max_characters: Annotated[int | None, "characters; a record with a longer text is left out", Fact(at_least=1)] = (
        None
    )
    max_ratio: Annotated[
        float | None, "leave out records with a text of more than so many times the other's tokens", Fact(at_least=1)
    ] = None
    drop_duplicates: Annotated[
        bool,
        "leave out records with the tags and columns of an earlier record; windows of series stay, which may repeat",
    ] = True
    drop_copies: Annotated[bool, "leave out records with two equal texts"] = False
    drop_damaged: Annotated[bool, "leave out records with U+FFFD, or with UTF-8 decoded as another encoding"] = True
    min_letters: Annotated[
        float, "least share of letters in the visible characters of each text, 0 to 1", Fact(at_least=0, at_most=1)
    ] = 0.0
    scripts: Annotated[Mapping[str, Script], 'script of the texts of this column, such as "Latin"', Keys("columns")] = (
        field(default_factory=dict)
    )
    min_script: Annotated[
        float, "least share of a text's letters that are of its script, 0 to 1", Fact(at_least=0, at_most=1)
    ] = 0.5

    def __post_init__(self) -> None:
        config.check(self)
        if self.min_script != Clean.min_script and not self.scripts:
            raise ValueError(f"min-script = {self.min_script:g} needs scripts, found none; add scripts or leave it out")


def is_copy(first: str, second: str) -> bool:
    """Whether two texts are equal apart from white space."""
    return first == second or first.split() == second.split()


def is_unbalanced(
    first: Integer[np.ndarray, " N"], second: Integer[np.ndarray, " N"], most: float
) -> Bool[np.ndarray, " N"]:
    """Marks the pairs whose longer length is more than `most` times the shorter one."""
    unbalanced: Bool[np.ndarray, " N"] = np.maximum(first, second) > most * np.minimum(first, second)
    return unbalanced


Rule = Callable[[Mapping[str, str]], bool]  # a record's values -> whether to leave the record out


def rules(clean: Clean, texts: Sequence[str]) -> list[tuple[int, Rule]]:
    """The active rules, each with its outcome. `texts` names the text columns of the task.

    ValueError for a rule that compares two texts if the task does not have two, and for a script of another column.
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
            raise ValueError(f"data.clean.scripts: {name!r} is not a text column of this task ({', '.join(texts)})")
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
    """A text without letters passes."""
    return lambda values: script_share(values[name], script) < least


def verdict(values: Mapping[str, str], active: Sequence[tuple[int, Rule]]) -> int:
    """The outcome of the first rule that leaves the record out, else TRAIN."""
    for outcome, applies in active:
        if applies(values):
            return outcome
    return TRAIN

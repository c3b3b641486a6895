"""Which pairs are worth training on: rules that each look at one thing, in the [data.clean] table of a run file.

They hold for train alone: a dev or test set is what its owner says it is, and loses only what cannot be used (pairs
with an empty side, and those longer than max-length). A rule that could take good pairs from some task is off unless
asked for: numbers have no letters, a summary is far shorter than its text, a spelling corrector must leave most words
as they are, and a script is known only to the owner of the text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from transduce.config import Fact
from transduce.data.cleaning.mojibake import is_damaged
from transduce.data.cleaning.scripts import Script, letter_share, script_share
from transduce.data.fates import COPY, DAMAGED, FEW_LETTERS, TOO_LONG, TRAIN, WRONG_SCRIPT

MOST_TOKENS = 999_999  # of a side: with its end, what a model may be made to take


@dataclass(frozen=True)
class Clean:
    """Rules and their switches; every pair left out is counted in the report, with examples."""

    max_length: Annotated[
        int, "tokens; a pair with a longer side is left out, in dev and test too", Fact(measure=True)
    ] = 250
    max_characters: Annotated[int | None, "characters; a pair with a longer side is left out"] = None
    max_ratio: Annotated[float | None, "leave out pairs with a side of more than so many times the other's tokens"] = (
        None
    )
    drop_duplicates: Annotated[bool, "leave out pairs whose tags, source and target are those of an earlier one"] = True
    drop_copies: Annotated[bool, "leave out pairs whose target is their source"] = False
    drop_damaged: Annotated[bool, "leave out pairs with U+FFFD, or UTF-8 that was read as another encoding"] = True
    min_letters: Annotated[float, "least share of letters in the visible characters of either side, 0 to 1"] = 0.0
    source_script: Annotated[Script | None, 'script of the sources, such as "Latin"'] = None
    target_script: Annotated[Script | None, 'script of the targets, such as "Cyrillic"'] = None
    min_script: Annotated[float, "least share of a side's letters that are of its script, 0 to 1"] = 0.5

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
        if self.min_script != Clean.min_script and self.source_script is None and self.target_script is None:
            raise ValueError(
                f"min-script, {self.min_script:g}, is a share of letters of a script, and none is given: give source-script "
                "or target-script too, or leave it out"
            )


def is_longer(source: str, target: str, most: int) -> bool:
    """Whether a side has more than so many characters."""
    return max(len(source), len(target)) > most


def is_copy(source: str, target: str) -> bool:
    """Whether the target is the source, white space aside."""
    return source == target or source.split() == target.split()


def is_unbalanced(source: int, target: int, most: float) -> bool:
    """Whether a side is more than so many times as long as the other."""
    return max(source, target) > most * min(source, target)


def has_few_letters(source: str, target: str, least: float) -> bool:
    """Whether letters make up less than that share of a side's visible characters."""
    return letter_share(source) < least or letter_share(target) < least


def is_in_wrong_script(text: str, script: Script, least: float) -> bool:
    """Whether less than that share of the letters is of the script. A text without letters is of any script."""
    return script_share(text, script) < least


Rule = Callable[[str, str], bool]  # of source and target: whether to leave the pair out


def rules(clean: Clean) -> list[tuple[int, Rule]]:
    """What is left out for the text alone: the rules that are on, each with the fate (fates.py) of what it takes."""
    found: list[tuple[int, Rule]] = []
    most, least = clean.max_characters, clean.min_script
    source_script, target_script = clean.source_script, clean.target_script
    if most is not None:
        found.append((TOO_LONG, lambda source, target: is_longer(source, target, most)))
    if clean.drop_damaged:
        found.append((DAMAGED, lambda source, target: is_damaged(source) or is_damaged(target)))
    if clean.drop_copies:
        found.append((COPY, is_copy))
    if clean.min_letters > 0:
        found.append((FEW_LETTERS, lambda source, target: has_few_letters(source, target, clean.min_letters)))
    if source_script is not None:
        found.append((WRONG_SCRIPT, lambda source, target: is_in_wrong_script(source, source_script, least)))
    if target_script is not None:
        found.append((WRONG_SCRIPT, lambda source, target: is_in_wrong_script(target, target_script, least)))
    return found


def verdict(source: str, target: str, found: list[tuple[int, Rule]]) -> int:
    """TRAIN, or the fate that the first rule to take the pair gives it."""
    for fate, takes in found:
        if takes(source, target):
            return fate
    return TRAIN

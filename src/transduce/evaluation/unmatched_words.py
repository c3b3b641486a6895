"""The words of an output that do not match its reference."""

import re
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein


def unmatched(output: str, reference: str) -> list[tuple[str, bool]]:
    """The pieces of the output, each with whether it is missing in the reference, by the fewest edits of words.

    The pieces together are the output. If neither text has a space, edits are of characters.

        unmatched("a red cat sat", "a black cat sat")  ->  [("a ", False), ("red ", True), ("cat sat", False)]
    """
    ours, theirs = _units(output), _units(reference)
    if len(ours) <= 1 and len(theirs) <= 1:
        ours, theirs = list(output), list(reference)
    matches = [False] * len(ours)
    for block in Levenshtein.editops([u.strip() for u in ours], [u.strip() for u in theirs]).as_matching_blocks():
        matches[block.a : block.a + block.size] = [True] * block.size
    pieces: list[tuple[str, bool]] = []
    for unit, same in zip(ours, matches, strict=True):
        if pieces and pieces[-1][1] is not same:
            pieces[-1] = (pieces[-1][0] + unit, not same)
        else:
            pieces.append((unit, not same))
    return pieces


def nearest(output: str, references: Sequence[str]) -> str:
    """The reference with the fewest edits of words; the first of several."""
    return min(references, key=lambda reference: Levenshtein.distance(output.split(), reference.split()))


def _units(text: str) -> list[str]:
    """Words, each with the white space after it: `_units(" a  b") == [" ", "a  ", "b"]`."""
    return re.findall(r"^\s+|\S+\s*", text)

"""The tags of millions of pairs as small numbers, and which of them held-out pairs may have."""

from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Bool, UInt16

from transduce.text.tags import MOST_TAGS, advice

MOST_SETS = 1 << 16  # different combinations of tags; what a number has bits for
Numbers = UInt16[np.ndarray, " N"]


class TagSets:
    """Numbers the different combinations of tags, in the order in which they come; 0 is no tags at all."""

    def __init__(self) -> None:
        self.sets: list[tuple[str, ...]] = [()]
        self._numbers: dict[tuple[str, ...], int] = {(): 0}
        self._first: dict[str, str] = {}  # where each name came first

    def number(self, tags: tuple[str, ...], where: str) -> int:
        """The number of a pair's tags. ValueError, naming its place, for more tags than a model takes."""
        known = self._numbers.get(tags)
        if known is not None:
            return known
        for name in tags:
            self._first.setdefault(name, where)
        if len(self._first) > MOST_TAGS or len(self.sets) == MOST_SETS:
            names = ", ".join(map(repr, list(self._first)[:3]))
            what = f"{MOST_TAGS:,} different tags" if len(self._first) > MOST_TAGS else f"{MOST_SETS:,} sets of tags"
            raise ValueError(
                f"{where}: more than {what} by this line ({names}, ...); is its tag column the right one? "
                'columns = { tag = "" } reads none'
            )
        self.sets.append(tags)
        self._numbers[tags] = len(self.sets) - 1
        return len(self.sets) - 1

    def names(self, numbers: Numbers) -> tuple[str, ...]:
        """All tags of pairs with these numbers, sorted."""
        return tuple(sorted({name for number in np.unique(numbers).tolist() for name in self.sets[number]}))

    def unknown(self, numbers: Numbers, known: Collection[str]) -> Bool[np.ndarray, " N"]:
        """Which of the pairs have a tag that is not among the known."""
        allowed = set(known)
        strange = [number for number, tags in enumerate(self.sets) if not allowed.issuperset(tags)]
        return np.isin(numbers, strange)

    def require_known(self, numbers: Numbers, known: Sequence[str], why: str) -> None:
        """ValueError, naming tag and place, if a pair has a tag that is not among the known; `why` they are those."""
        strange = [name for name in self.names(numbers) if name not in set(known)]
        if strange:
            more = f" (and {len(strange) - 1} more unknown tags)" if len(strange) > 1 else ""
            raise ValueError(
                f"{self._first[strange[0]]}: unknown tag {strange[0]!r}{more}: {why}; {advice(known, strange[0])}; "
                'in a .csv or .jsonl file, columns = { tag = "" } leaves them out'
            )

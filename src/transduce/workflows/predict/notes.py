"""What a person should know of a long stream, said line by line at first and then only counted."""

from collections import Counter
from collections.abc import Callable

MOST = 10  # of each kind are said one by one


class Notes:
    """`say` hears the first `most` notes of each kind as they come, and at the end how many there were of those with more."""

    def __init__(self, say: Callable[[str], object], most: float = MOST) -> None:
        self._say, self._most = say, most
        self._counts: Counter[str] = Counter()

    def add(self, kind: str, where: str, what: str) -> None:
        """A note of a kind, "sources cut", about a place, "train.en:17"."""
        self._counts[kind] += 1
        if self._counts[kind] <= self._most:
            self._say(f"{where}: {what}")

    def close(self) -> None:
        for kind, count in self._counts.items():
            if count > self._most:
                self._say(f"{kind}: {count:,} in all, of which the first {self._most} were named")

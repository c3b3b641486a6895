"""Warnings about a long stream: the first ones line by line, the rest as a count."""

import logging
from collections import Counter

log = logging.getLogger(__name__)

MOST = 10  # warnings of each kind that are logged one by one


class Notes:
    """Logs the first `most` notes of each kind, and at the end of the context the number of those with more."""

    def __init__(self, most: float = MOST) -> None:
        self._most = most
        self._counts: Counter[str] = Counter()

    def add(self, kind: str, where: str, what: str) -> None:
        """A note of a kind, "sources cut", about a place, "train.en:17"."""
        self._counts[kind] += 1
        if self._counts[kind] <= self._most:
            log.warning("%s: %s", where, what)

    def __enter__(self) -> "Notes":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Logs the numbers, unless nobody reads on: after Ctrl-C, or when the reader of the results has left."""
        if error is not None and not issubclass(error, ValueError):
            return
        for kind, count in self._counts.items():
            if count > self._most:
                log.warning("%s: %s in all, the first %s of them above", kind, f"{count:,}", self._most)

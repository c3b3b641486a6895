"""One pair of a corpus, whatever the format of its file."""

from functools import lru_cache
from typing import NamedTuple

from transduce.text.tags import joined, names_in

SHOWN = 50  # characters of a side in a report


class Example(NamedTuple):
    """One pair as its owner wrote it.

    `group` is empty where none is given, `where` is "file:line". `tags` are those of its own, then its corpus's.
    """

    source: str
    target: str
    group: str
    where: str
    tags: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Both sides, shortened, for a report."""
        return f"{shortened(self.source)} -> {shortened(self.target)}"


def shortened(text: str, most: int = SHOWN) -> str:
    """The text, or its beginning if it is long."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


@lru_cache(maxsize=4096)  # the same few cells over and over
def tags_of(cell: str) -> tuple[str, ...]:
    """The tags that a cell holds, parted by white space: `tags_of("de formal") == ("de", "formal")`. ValueError if it
    holds what cannot be tags.
    """
    return names_in(cell)


def with_tags(example: Example, more: tuple[str, ...]) -> Example:
    """The example with more tags, behind its own. ValueError where they are too many for one source."""
    return example._replace(tags=joined(example.tags, more))

"""Tags of a source, such as its target language or domain: special pieces before its text.

The tag `de` is the piece `<tag:de>`. Spelled text has no "<" (see spelling.py), so text never yields a tag.
"""

import difflib
from collections.abc import Iterable, Sequence
from functools import lru_cache

LONGEST_NAME = 64  # characters
MOST_TAGS = 1_000  # of a tokenizer
SYNTHETIC = "synthetic"  # the default tag of pairs from back-translation
MOST_PER_SOURCE = 8
MOST_LISTED = 20  # in a message

PREFIX, SUFFIX = "<tag:", ">"


def piece_of(name: str) -> str:
    """The piece of a tag in a tokenizer file: `piece_of("de") == "<tag:de>"`."""
    return f"{PREFIX}{name}{SUFFIX}"


def name_of(piece: str) -> str | None:
    """The inverse of `piece_of`; None for a piece that is not a tag."""
    if not (piece.startswith(PREFIX) and piece.endswith(SUFFIX)):
        return None
    return piece[len(PREFIX) : -len(SUFFIX)]


@lru_cache(maxsize=4096)  # most records have the same few cells
def names_in(text: str) -> tuple[str, ...]:
    """The tags in a cell or setting, separated by white space: `names_in("de  formal") == ("de", "formal")`.

    ValueError for an invalid name, a repeated name, or more than MOST_PER_SOURCE names.
    """
    return tags_of_source(text.split())


def tags_of_source(names: Sequence[str]) -> tuple[str, ...]:
    """The names as the tags of one source. ValueError as for `names_in`."""
    if len(names) > MOST_PER_SOURCE:
        raise ValueError(f"{len(names)} tags, at most {MOST_PER_SOURCE} are allowed; is this text rather than tags?")
    _check_names(names)
    return tuple(names)


@lru_cache(maxsize=4096)  # millions of pairs have the same few tags
def union(own: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Union, in order. ValueError for more than MOST_PER_SOURCE tags."""
    return tags_of_source(tuple(dict.fromkeys((*own, *more))))


def check_name(name: str) -> None:
    """ValueError unless the name is 1 to 64 printable characters, none of them white space, "<" or ">"."""
    if not 1 <= len(name) <= LONGEST_NAME:
        raise ValueError(f"a tag has 1 to {LONGEST_NAME} characters, found {len(name)}: {name[:LONGEST_NAME]!r}")
    if not name.isprintable() or any(char in "<> " for char in name):
        raise ValueError(f"a tag has no white space, control characters, < or >, found {name!r}")


def advice(names: Sequence[str], unknown: str) -> str:
    """The advice in a message about an unknown tag, where the tokenizer has the tags `names`."""
    if not names:
        return "no tags are known, so give none"
    near = difflib.get_close_matches(unknown, names, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"known: {name_list(names)}"


def name_list(names: Sequence[str]) -> str:
    """The names for a message, or the first of very many: "de, fr"."""
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


def check_set(names: Iterable[str]) -> None:
    """ValueError unless the names can be the tags of one tokenizer."""
    names = list(names)
    if len(names) > MOST_TAGS:
        examples = ", ".join(map(repr, names[:3]))
        raise ValueError(f"{len(names):,} different tags ({examples}, ...), at most {MOST_TAGS:,} are allowed")
    _check_names(names)


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        check_name(name)
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the tag {repeated!r} occurs twice")

"""Tags: names given to a source, such as its target language or domain, that become special pieces before it.

A tag `de` is the piece `<tag:de>`. Spelled text holds no "<" (see spelling.py), so no text ever yields one.
"""

import difflib
from collections.abc import Iterable, Sequence
from functools import lru_cache

LONGEST_NAME = 64  # characters
MOST_TAGS = 1_000  # different ones of a tokenizer
SYNTHETIC = "synthetic"  # of pairs that back-translation made, unless their maker says otherwise
MOST_PER_SOURCE = 8
SHOWN = 20  # of many, in a message

PREFIX, SUFFIX = "<tag:", ">"


def piece_of(name: str) -> str:
    """What the tag is called in a tokenizer file: `piece_of("de") == "<tag:de>"`."""
    return f"{PREFIX}{name}{SUFFIX}"


def name_of(piece: str) -> str | None:
    """The inverse of `piece_of`; None for a piece that is no tag."""
    if not (piece.startswith(PREFIX) and piece.endswith(SUFFIX)):
        return None
    return piece[len(PREFIX) : -len(SUFFIX)]


def names_in(text: str) -> tuple[str, ...]:
    """The tags that a cell or key names, parted by white space: `names_in("de  formal") == ("de", "formal")`.

    ValueError for a name that cannot be one, a name twice, or more than MOST_PER_SOURCE of them.
    """
    return checked(text.split())


def checked(names: Sequence[str]) -> tuple[str, ...]:
    """The names, if they can be the tags of one source; else ValueError."""
    if len(names) > MOST_PER_SOURCE:
        raise ValueError(f"{len(names)} tags, at most {MOST_PER_SOURCE} are taken; is this text rather than tags?")
    for name in names:
        check_name(name)
    if len(set(names)) < len(names):
        raise ValueError(f"a tag twice: {' '.join(names)}")
    return tuple(names)


@lru_cache(maxsize=4096)  # the same few for millions of pairs
def joined(own: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Both, those that come twice once. ValueError for more than one source can have."""
    return checked(tuple(dict.fromkeys((*own, *more))))


def check_name(name: str) -> None:
    """ValueError unless the name is 1 to 64 printable characters, none of them white space, "<" or ">"."""
    if not 1 <= len(name) <= LONGEST_NAME:
        raise ValueError(f"a tag has 1 to {LONGEST_NAME} characters, found {len(name)}: {name[:LONGEST_NAME]!r}")
    if not name.isprintable() or any(char in "<> " for char in name):
        raise ValueError(f"a tag holds no white space, control characters, < or >, found {name!r}")


def advice(known: Sequence[str], wanted: str) -> str:
    """For the message to a person who named the unknown tag `wanted`."""
    if not known:
        return "no tags are known, so give none"
    near = difflib.get_close_matches(wanted, known, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"known: {shown(known)}"


def shown(names: Sequence[str]) -> str:
    """The names for a message, or the first of very many: "de, fr"."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def check_set(names: Iterable[str]) -> None:
    """ValueError unless the names can be all the tags of one tokenizer."""
    names = list(names)
    if len(names) > MOST_TAGS:
        shown = ", ".join(map(repr, names[:3]))
        raise ValueError(f"{len(names):,} different tags ({shown}, ...), at most {MOST_TAGS:,} are taken")
    if len(set(names)) < len(names):
        raise ValueError("a tag occurs twice")
    for name in names:
        check_name(name)

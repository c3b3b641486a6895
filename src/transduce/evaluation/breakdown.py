"""Parts of a test set for separate scores: by length, by group, by rare words."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from transduce.text.normal_forms import normal

LENGTH_PARTS = 5
MOST_GROUPS = 20  # the largest; the others are one slice together
FREQUENCIES = (0, 1, 5, 20, 100)  # upper ends of the classes of frequency; the last is open


@dataclass(frozen=True)
class Slice:
    """Some sentences of a test set, by their places in it."""

    name: str
    places: Int[np.ndarray, " M"]


@dataclass(frozen=True)
class Breakdown:
    """A partition of a test set into slices; `title` names the criterion. No slice is empty."""

    title: str
    slices: tuple[Slice, ...]


def by_length(texts: Sequence[str], what: str, edges: Sequence[int] = (), parts: int = LENGTH_PARTS) -> Breakdown:
    """By the length of `what` ("the source") in words, or in characters where most texts are a single word.

    `edges` are the upper ends of all slices but the last, (10, 20) for "up to 10", "11 to 20", "over 20". Without
    them they are quantiles, for `parts` slices of about equal size. Edges must rise.
    """
    words = np.array([len(text.split()) for text in texts])
    single = float(np.median(words)) <= 1
    lengths = np.array([len(text) for text in texts]) if single else words
    if not edges:
        shares = np.arange(1, parts) / parts
        edges = sorted(set(np.quantile(lengths, shares, method="inverted_cdf").astype(int).tolist()))
    return Breakdown(f"length of {what} in {'characters' if single else 'words'}", _classes(lengths, edges))


def by_group(groups: Sequence[str], title: str, most: int = MOST_GROUPS) -> Breakdown:
    """By name, the `most` largest groups first; the others are one slice."""
    sizes = Counter(groups)
    names = sorted(sizes, key=lambda name: (-sizes[name], name))
    largest = names if len(names) <= most + 1 else names[:most]  # a single other group has its name
    places: dict[str, list[int]] = {name: [] for name in largest}
    rest: list[int] = []
    for place, name in enumerate(groups):
        places.get(name, rest).append(place)
    slices = [Slice(name or "(none)", np.array(places[name])) for name in largest]
    if rest:
        slices.append(Slice(f"{len(names) - len(largest):,} others", np.array(rest)))
    return Breakdown(title, tuple(slices))


def by_rarest_word(texts: Sequence[str], frequency: Mapping[str, int], title: str) -> Breakdown:
    """By the frequency of the rarest word of each text; texts without words are a slice of their own."""
    rarest = [min((frequency.get(word, 0) for word in words(text)), default=-1) for text in texts]
    titles = {"up to -1": "no words", "0": "never", "1": "once"}
    classes = _classes(np.array(rarest), (-1, *FREQUENCIES))
    return Breakdown(title, tuple(Slice(titles.get(each.name, each.name), each.places) for each in classes))


def frequencies(texts: Iterable[str]) -> Counter[str]:
    """The frequency of each word, as in `words`."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words(text))
    return counts


def words(text: str) -> list[str]:
    """The words between white space, without case and without punctuation at the ends.

    >>> words("“Straße” - (3,000 m)!")
    ['strasse', '3,000', 'm']
    """
    bare = (_bare(word) for word in normal("NFC", text).casefold().split())
    return [word for word in bare if word]


def _bare(word: str) -> str:
    if word.isalnum():  # quick, and common
        return word
    begin, end = 0, len(word)
    while begin < end and _is_mark(word[begin]):
        begin += 1
    while begin < end and _is_mark(word[end - 1]):
        end -= 1
    return word[begin:end]


def _is_mark(character: str) -> bool:
    """Whether it is punctuation, a symbol or a control; letters, digits and combining marks are not."""
    return unicodedata.category(character)[0] in "PSC"


def _classes(numbers: Int[np.ndarray, " N"], edges: Sequence[int]) -> tuple[Slice, ...]:
    """Slices that end at each edge, and one above the last edge, without empty ones."""
    belongs = np.searchsorted(np.array(edges, dtype=np.int64), numbers)  # an edge belongs to the slice that it ends
    slices = []
    for place in range(len(edges) + 1):
        inside = np.flatnonzero(belongs == place)
        if len(inside):
            slices.append(Slice(_name(place, edges, int(numbers.max())), inside))
    return tuple(slices)


def _name(place: int, edges: Sequence[int], largest: int) -> str:
    if place == 0:
        return f"up to {edges[0] if edges else largest}"
    least = edges[place - 1] + 1
    if place == len(edges):
        return f"over {edges[-1]}"
    return str(least) if edges[place] == least else f"{least} to {edges[place]}"

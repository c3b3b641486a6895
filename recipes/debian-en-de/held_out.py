"""From pairs to train, dev and test: which pairs are dropped, and which documents are held out.

- A document (a help file, an interface file, a package) is in one part only.
- Of every kind of text, documents are held out in the order of a hash of their names: whether one is depends on no
  other's content, but for those next to the end.
- No source of test occurs in dev or train, and none of dev in train; test and dev have every source once. Sources count
  as the same if they have the same words: case, spaces and punctuation make no difference.
"""

import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

from parallel_text import Pair

from transduce.data.keys import text_key

HELD_OUT = {"help": 1000, "interface": 500, "packages": 1000}  # pairs of each kind for test, and as many for dev
SURPLUS = 1.25  # times as many pairs may be held out, because documents stay whole
WORD = re.compile(r"[^\W\d_]{2}")
PUNCTUATION = re.compile(r"[\W_]+")

# Why a pair is of no use; the first reason that holds counts.
REASONS: dict[str, Callable[[Pair], bool]] = {
    "empty": lambda pair: not pair.source or not pair.target,
    "untranslated": lambda pair: pair.source == pair.target,
    "no words": lambda pair: not WORD.search(pair.source) or not WORD.search(pair.target),
    "capitals only": lambda pair: pair.source.isupper(),  # names, of functions of spreadsheets for the most part
    "unprintable": lambda pair: not (pair.source + pair.target).isprintable(),
    "length ratio": lambda pair: longer(pair) > 2 * shorter(pair) + 20,
}


def longer(pair: Pair) -> int:
    return max(len(pair.source), len(pair.target))


def shorter(pair: Pair) -> int:
    return min(len(pair.source), len(pair.target))


def usable(pairs: Iterable[Pair], dropped: Counter[tuple[str, str]]) -> list[Pair]:
    """The pairs that are of use; the others are counted in `dropped` by kind of text and reason."""
    kept = []
    for pair in pairs:
        reason = next((name for name, holds in REASONS.items() if holds(pair)), None)
        if reason is None:
            kept.append(pair)
        else:
            dropped[pair.group, reason] += 1
    return kept


def split(
    pairs: Iterable[Pair], dropped: Counter[tuple[str, str]], held_out: Mapping[str, int] | None = None
) -> dict[str, list[Pair]]:
    """Pairs for "train", "dev" and "test"; what is left out because it is in another part is counted in `dropped`.

    Test and dev hold as many pairs of each kind as `held_out` says, or somewhat more, in the order of a hash,
    so that the first N are a sample of all; train is in the order of `pairs`. ValueError where a kind has too few.
    """
    documents: dict[str, dict[str, list[Pair]]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        documents[pair.group][pair.document].append(pair)
    parts: dict[str, list[Pair]] = {}
    taken: set[int] = set()  # sources of test, then of dev too
    for part in ("test", "dev"):
        parts[part] = []
        for group, wanted in (HELD_OUT if held_out is None else held_out).items():
            parts[part] += _take(documents[group], group, part, wanted, taken, dropped)
        parts[part].sort(key=lambda pair: _hash(pair.document, pair.source))
    rest = [pair for by_name in documents.values() for each in by_name.values() for pair in each]
    parts["train"] = _others(rest, taken, dropped)
    return parts


def _take(
    documents: dict[str, list[Pair]],
    group: str,
    part: str,
    wanted: int,
    taken: set[int],
    dropped: Counter[tuple[str, str]],
) -> list[Pair]:
    """Moves documents with `wanted` sources that are not in `taken` out of `documents`; the pairs of those sources.

    A document that would bring far more than is wanted is passed over, unless the others are not enough.
    """
    chosen: list[Pair] = []
    order = sorted(documents, key=lambda name: _hash(group, name))
    for most in (SURPLUS * wanted, math.inf):
        for name in order:
            if len(chosen) >= wanted or name not in documents:
                continue
            fresh = {key: pair for pair in reversed(documents[name]) if (key := words_key(pair.source)) not in taken}
            if len(chosen) + len(fresh) <= most:
                dropped[group, f"source again in {part}"] += len(documents.pop(name)) - len(fresh)
                chosen += fresh.values()
                taken.update(fresh)
    if len(chosen) < wanted:
        raise ValueError(
            f"{part} should have {wanted} pairs of {group} from documents of its own, but only {len(chosen)} can be held "
            "out; was too little found in the packages?"
        )
    return chosen


def _others(pairs: Iterable[Pair], taken: set[int], dropped: Counter[tuple[str, str]]) -> list[Pair]:
    """The pairs whose source is not taken, each once."""
    kept: dict[tuple[str, str], Pair] = {}
    for pair in pairs:
        if words_key(pair.source) in taken:
            dropped[pair.group, "source in dev or test"] += 1
        elif (pair.source, pair.target) in kept:
            dropped[pair.group, "duplicate"] += 1
        else:
            kept[pair.source, pair.target] = pair
    return list(kept.values())


def words_key(text: str) -> int:
    """Equal for texts of the same words.

    >>> words_key("Save As...") == words_key("save as")
    True
    """
    return text_key(PUNCTUATION.sub(" ", text))


def _hash(*names: str) -> bytes:
    return hashlib.sha256("\0".join(names).encode()).digest()

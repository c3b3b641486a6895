"""Last pass over the files: text -> token ids, into one store per part."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import compress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TextIO

import numpy as np
from jaxtyping import Bool, UInt8

from transduce.data.cleaning.rules import Clean, is_unbalanced
from transduce.data.fates import PARTS, REMOVED, TRAIN
from transduce.data.held_out import line_of
from transduce.data.records import Example
from transduce.data.store import StoreWriter
from transduce.data.tally import Tally
from transduce.text.pair import Tokenizers

BLOCK_PAIRS, BLOCK_CHARACTERS = 8192, 4_000_000  # encoded together: as many pairs as stay within both


class Encoded(NamedTuple):
    """A pair as text and as token ids, the source's beginning with its tags, without start and end."""

    example: Example
    source: list[int]
    target: list[int]

    @property
    def tokens(self) -> str:
        """How many each side has: "8 and 300"."""
        return f"{len(self.source)} and {len(self.target)}"


class PartWriter:
    """Writes one part: `NAME.arrow` with the ids and, with `texts`, `NAME.jsonl` with both sides. A context manager."""

    def __init__(self, folder: Path, name: str, texts: bool) -> None:
        self._stack = ExitStack()
        self.store = self._stack.enter_context(StoreWriter(folder / f"{name}.arrow", ["source", "target"]))
        self._texts: TextIO | None = None
        if texts:
            path = folder / f"{name}.jsonl"
            self._texts = self._stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))

    def write(self, pairs: Sequence[Encoded]) -> None:
        """Append pairs, in order."""
        self.store.write({"source": [pair.source for pair in pairs], "target": [pair.target for pair in pairs]})
        if self._texts is not None:
            for pair in pairs:
                self._texts.write(line_of(pair.example) + "\n")

    def __enter__(self) -> "PartWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def encode(
    pairs: Iterator[Example],
    parts: UInt8[np.ndarray, " N"],
    tokenizers: Tokenizers,
    clean: Clean,
    writers: Mapping[int, PartWriter],
    dropped: Tally,
) -> Bool[np.ndarray, " N"]:
    """Write each pair's ids to the writer of its part; count all others by what became of them.

    `parts` has the fate of every pair (fates.py); those that go to a part can still be left out for their tokens (see
    `_reason`). Returns which pairs were written.
    """
    written = np.zeros(len(parts), bool)
    done = 0
    for block in _blocks(pairs):
        codes, kept = parts[done : done + len(block)], written[done : done + len(block)]
        done += len(block)
        if len(codes) < len(block):
            break
        for code in np.unique(codes).tolist():
            places = np.flatnonzero(codes == code).tolist()
            if code not in PARTS:
                for place in places:
                    dropped.add(REMOVED[code], block[place].where, block[place].text)
                continue
            encoded = list(_encoded([block[place] for place in places], tokenizers))
            reasons = [_reason(pair, clean, code) for pair in encoded]
            for pair, reason in zip(encoded, reasons, strict=True):
                if reason is not None:
                    dropped.add(reason, pair.example.where, f"{pair.tokens} tokens: {pair.example.text}")
            kept[places] = [reason is None for reason in reasons]
            writers[code].write([pair for pair, reason in zip(encoded, reasons, strict=True) if reason is None])
    if done != len(parts):
        raise ValueError(f"a data file changed while it was read: {len(parts):,} pairs, then {done:,}; start again")
    return written


def _blocks(pairs: Iterable[Example]) -> Iterator[list[Example]]:
    block: list[Example] = []
    characters = 0
    for pair in pairs:
        block.append(pair)
        characters += len(pair.source) + len(pair.target)
        if len(block) == BLOCK_PAIRS or characters >= BLOCK_CHARACTERS:
            yield block
            block, characters = [], 0
    if block:
        yield block


def _encoded(pairs: Sequence[Example], tokenizers: Tokenizers) -> Iterator[Encoded]:
    sources = tokenizers.source_rows([pair.source for pair in pairs], [pair.tags for pair in pairs])
    targets = tokenizers.target.encode_batch([pair.target for pair in pairs])
    return map(Encoded, pairs, sources, targets)


def _reason(pair: Encoded, clean: Clean, part: int) -> str | None:
    """Why a pair is left out for its tokens, if it is. Ratios count for training alone, lengths with the tags."""
    source, target = len(pair.source), len(pair.target)
    if max(source, target) > clean.max_length:
        return "longer than max-length"
    source -= len(pair.example.tags)
    if not source or not target:
        return "empty side"
    if part == TRAIN and clean.max_ratio is not None and is_unbalanced(source, target, clean.max_ratio):
        return "length ratio above max-ratio"
    return None


def training_pairs(
    pairs: Iterator[Example], parts: UInt8[np.ndarray, " N"], limit: int, seed: int
) -> Iterator[Example]:
    """The pairs that go to train, in file order; if they are more than `limit`, that many of them drawn by `seed`."""
    chosen = np.flatnonzero(parts == TRAIN)
    if len(chosen) > limit:
        chosen = np.random.default_rng(seed).choice(chosen, limit, replace=False, shuffle=False)
    mask = np.zeros(len(parts), np.uint8)
    mask[chosen] = 1
    return compress(pairs, mask.tobytes())

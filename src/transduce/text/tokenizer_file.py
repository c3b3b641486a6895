"""Writes and reads a learned tokenizer as a `tokenizers` JSON file.

The file is complete: any program that reads the format gets the same ids. (A program that searches text for special
tokens must switch that off: `encode_special_tokens`.) `read` accepts only the exact form that `write` produces, since
some files that the library accepts end the whole program.
"""

import json
import stat
from dataclasses import dataclass
from itertools import product, takewhile
from pathlib import Path
from typing import Any, get_args

from transduce import files
from transduce.text.config import BYTES, Kind, Normalisation
from transduce.text.learn.counts import LONGEST
from transduce.text.special import NAMES
from transduce.text.spelling import Part, Pipeline, frame
from transduce.text.tags import check_set, name_of

MOST_BYTES = 64 * 2**20  # of a file
LARGEST_SCORE = 1e300
MOST_CHARACTERS = LONGEST + 1  # of a piece with its "▁" (not for words): the library ends the program at endless ones
BYTE_PIECES = tuple(f"<0x{value:02X}>" for value in range(BYTES))


@dataclass(frozen=True)
class Vocabulary:
    """The result of training. The id of a piece is its place: first special pieces and tags, then bytes (not for words)."""

    pieces: tuple[str, ...]
    scores: tuple[float, ...] = ()  # unigram: log-probability of each piece
    merges: tuple[tuple[str, str], ...] = ()  # bpe: pairs of pieces in the order of merging


def leading_pieces(pipeline: Pipeline) -> tuple[str, ...]:
    """The pieces that every vocabulary of this pipeline begins with."""
    return pipeline.special if pipeline.kind == "words" else pipeline.special + BYTE_PIECES


def write(pipeline: Pipeline, vocabulary: Vocabulary) -> str:
    """The text of a file; equal tokenizers give equal texts."""
    tree = frame(pipeline)
    if pipeline.kind == "unigram":
        tree["model"]["vocab"] = [list(entry) for entry in zip(vocabulary.pieces, vocabulary.scores, strict=True)]
    else:
        tree["model"]["vocab"] = {piece: number for number, piece in enumerate(vocabulary.pieces)}
    if pipeline.kind in ("bpe", "characters"):
        tree["model"]["merges"] = [list(pair) for pair in vocabulary.merges]
    return json.dumps(tree, ensure_ascii=False, indent=1) + "\n"


def read(text: str) -> tuple[Pipeline, Vocabulary]:
    """The inverse of `write`. ValueError, with the reason, for any text that `write` does not produce."""
    tree = parse(text)
    model = mapping(tree.get("model"), '"model"')
    vocabulary = _vocabulary(model)
    if vocabulary.pieces[: len(NAMES)] != NAMES:
        raise ValueError(f"expected the special pieces {', '.join(NAMES)} as ids 0 to {len(NAMES) - 1}")
    vocabulary_keys = ("vocab", "merges") if model.get("type") == "BPE" else ("vocab",)
    shape = tree | {"model": {key: value for key, value in model.items() if key not in vocabulary_keys}}
    pipeline = _pipeline(shape, _tags(vocabulary))
    _check_pieces(pipeline, vocabulary)
    return pipeline, vocabulary


def content_of(path: Path) -> str:
    """The text of any tokenizer file. ValueError for one that is too large, not UTF-8 or pickle."""
    status = path.stat()
    try:
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_size > MOST_BYTES:
            raise ValueError(f"it has {status.st_size:,} bytes, at most {MOST_BYTES:,} are read")
        files.refuse_pickle(path)
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise unusable(path, f"byte {error.start} is not UTF-8") from None
    except ValueError as error:
        raise unusable(path, error) from None


def unusable(name: Path | str, reason: ValueError | str) -> ValueError:
    """The error for a file that cannot be used."""
    return ValueError(f"{name}: not a tokenizer that can be used: {reason}")


def parse(text: str) -> dict[str, Any]:
    """Parses a file with one JSON object. ValueError for other JSON, repeated keys, NaN and Infinity."""
    try:
        tree = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    return mapping(tree, "the file")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a key occurs twice in one JSON object")
    return tree


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def mapping(value: Any, name: str) -> dict[str, Any]:
    """The value, if it is a JSON object; else ValueError."""
    if not isinstance(value, dict):
        raise ValueError(f"expected {name} to be a JSON object")
    return value


def _tags(vocabulary: Vocabulary) -> tuple[str, ...]:
    """The names of the tags after the special pieces."""
    names = map(name_of, vocabulary.pieces[len(NAMES) :])
    tags = tuple(name for name in takewhile(lambda name: name is not None, names) if name is not None)
    check_set(tags)
    return tags


def _pipeline(shape: Part, tags: tuple[str, ...]) -> Pipeline:
    """The settings of a file without its vocabulary."""
    for kind, normalisation, lowercase in product(get_args(Kind), get_args(Normalisation), (False, True)):
        pipeline = Pipeline(kind, normalisation, lowercase, tags)
        if frame(pipeline) == shape:
            return pipeline
    raise ValueError("its settings differ from all that transduce writes; it loads only tokenizers of its own training")


def _vocabulary(model: Part) -> Vocabulary:
    entries = model.get("vocab")
    if isinstance(entries, list):
        if not all(isinstance(e, list) and len(e) == 2 and _is_text(e[0]) and _is_score(e[1]) for e in entries):
            raise ValueError("expected every entry of the vocabulary to be a piece and its log-probability")
        return Vocabulary(tuple(e[0] for e in entries), scores=tuple(float(e[1]) for e in entries))
    numbers = mapping(entries, "the vocabulary")
    if not all(_is_text(piece) and type(number) is int for piece, number in numbers.items()):
        raise ValueError("expected every entry of the vocabulary to be a piece and its id")
    if sorted(numbers.values()) != list(range(len(numbers))):
        raise ValueError(f"expected each id from 0 to {len(numbers) - 1} once in the vocabulary")
    merges = model.get("merges", None if model.get("type") == "BPE" else [])
    if not (isinstance(merges, list) and all(_is_pair(pair) for pair in merges)):
        raise ValueError("expected the merges to be a list of pairs of pieces")
    return Vocabulary(tuple(sorted(numbers, key=numbers.__getitem__)), merges=tuple((a, b) for a, b in merges))


def _check_pieces(pipeline: Pipeline, vocabulary: Vocabulary) -> None:
    leading = leading_pieces(pipeline)
    others = vocabulary.pieces[len(leading) :]
    if vocabulary.pieces[: len(leading)] != leading:
        raise ValueError("expected the 256 byte pieces after the special ones and the tags")
    if foreign := next((piece for piece in others if "<" in piece), None):
        raise ValueError(f"the piece {foreign!r} has a <, which spelled text never has")
    if pipeline.kind != "words" and (long := next((piece for piece in others if len(piece) > MOST_CHARACTERS), None)):
        raise ValueError(
            f"the piece {long[:20]!r}... has {len(long):,} characters, at most {MOST_CHARACTERS} are allowed"
        )
    pieces = set(vocabulary.pieces)
    if len(pieces) != len(vocabulary.pieces):
        raise ValueError("a piece occurs twice in the vocabulary")
    if pipeline.kind == "characters" and vocabulary.merges:
        raise ValueError("expected no merges, since it splits text into characters")
    for pair in vocabulary.merges:
        if not pieces.issuperset((*pair, "".join(pair))):
            raise ValueError(f"the merge of {pair[0]!r} and {pair[1]!r} is not in the vocabulary")


def _is_text(value: Any) -> bool:
    """Whether the value is a non-empty string of Unicode text."""
    return isinstance(value, str) and value != "" and not any("\ud800" <= char <= "\udfff" for char in value)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_is_text(piece) for piece in value)


def _is_score(value: Any) -> bool:
    return type(value) in (int, float) and -LARGEST_SCORE < value <= 0  # False for NaN; exact for an int of any size

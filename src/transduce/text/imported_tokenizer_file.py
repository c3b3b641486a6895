"""A `tokenizer.json` of any origin: checks of an untrusted file, and its special tokens.

The library trusts every file: a bad one may end the program, loop for minutes or use all memory. The library also lets
text spell a special token of the model's own vocabulary: a unigram model yields the piece "</s>" for these letters.
So the library gets a copy in which special tokens have random names that no text contains.
"""

import base64
import binascii
import difflib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from transduce.text.patterns import check_pattern
from transduce.text.spelling import Part
from transduce.text.tokenizer_file import LARGEST_SCORE, mapping, parse

LONGEST_PIECE = 2_000  # characters: the library recurses in a tree that is as deep as the longest unigram piece
MOST_GROWTH = 100  # times that replacements may lengthen a text
LONGEST_WORD = 1_000  # characters: the time of WordPiece grows with their square
LONGEST_MAPPING = 256  # bytes that replace a character in a precompiled normaliser
MOST_PARTS = 1_000

KINDS = {"BPE": "bpe", "Unigram": "unigram", "WordPiece": "wordpiece", "WordLevel": "words"}

ROLES = {
    "start": ("[CLS]", "<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "<|endoftext|>"),
    "end": ("[SEP]", "</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>"),
    "pad": ("[PAD]", "<pad>", "<|pad|>", "<|finetune_right_pad_id|>"),
    "unknown": ("[UNK]", "<unk>"),
    "mask": ("[MASK]", "<mask>", "<|mask|>"),
}
"""Usual names of special tokens."""


@dataclass(frozen=True)
class ImportedFile:
    """A valid file. `pieces` by id; `roles`: ids of the special tokens by role, as far as the file has them."""

    tree: Part
    kind: str
    pieces: tuple[str, ...]
    roles: Mapping[str, int]
    special: frozenset[int]  # ids of roles, and of added tokens that the file flags as special

    def for_library(self) -> str:
        """The text for the library: special tokens with random names, without truncation, padding and dropout."""
        secret = secrets.token_hex(16)
        new_names = {self.pieces[number]: f"{secret}{number}" for number in self.special}
        model = dict(self.tree["model"]) | {"dropout": None} if self.kind == "bpe" else dict(self.tree["model"])
        vocabulary = model["vocab"]
        if isinstance(vocabulary, list):
            model["vocab"] = [[new_names.get(piece, piece), score] for piece, score in vocabulary]
        else:
            model["vocab"] = {new_names.get(piece, piece): number for piece, number in vocabulary.items()}
        if "merges" in model:
            prefix = _prefix(model)
            model["merges"] = [
                [left, right]
                for left, right in _merges(model)
                if new_names.keys().isdisjoint((left, right, left + right.removeprefix(prefix)))
            ]
        if isinstance(model.get("unk_token"), str):
            model["unk_token"] = new_names.get(model["unk_token"], model["unk_token"])
        added = [
            token | {"content": new_names.get(token["content"], token["content"])} for token in _added_tokens(self.tree)
        ]
        changes = {"model": model, "added_tokens": added, "truncation": None, "padding": None}
        return json.dumps(self.tree | changes, ensure_ascii=False)


def read(text: str, names: Mapping[str, str]) -> ImportedFile:
    """Parses and checks a file. ValueError, with the reason, for one that cannot be used.

    `names`: special tokens by role; they take precedence over the file's own.
    """
    tree = parse(text)
    model = mapping(tree.get("model"), '"model"')
    kind = KINDS.get(_type(model))
    if kind is None:
        raise ValueError(f"its model is {str(model.get('type'))[:40]!r}; known: {', '.join(KINDS)}")
    _check_parts(tree, model)
    vocabulary, added = _vocabulary(model), _added_tokens(tree)
    _merges(model)  # checks them
    unknown = model.get("unk_token")
    if kind in ("wordpiece", "words") and isinstance(unknown, str) and unknown not in vocabulary:
        raise ValueError(
            f"its unk_token, {unknown!r}, is not in the vocabulary, so that no id stands for an unknown word"
        )
    pieces = _pieces(vocabulary, {token["content"]: token["id"] for token in added})
    numbers = {piece: number for number, piece in enumerate(pieces)}
    roles = _roles(tree, model, pieces, numbers, names)
    flagged = {token["id"] for token in added if token.get("special") is True}
    return ImportedFile(tree, kind, pieces, roles, frozenset(flagged | set(roles.values())))


def _type(model: Part) -> str:
    """The model's type; files of early versions have no such key."""
    if "type" in model:
        return str(model["type"])
    if isinstance(model.get("vocab"), list):
        return "Unigram"
    if "merges" in model:
        return "BPE"
    return "WordPiece" if "continuing_subword_prefix" in model else "WordLevel"


def _vocabulary(model: Part) -> dict[str, int]:
    entries = model.get("vocab")
    if _type(model) == "Unigram":
        if not isinstance(entries, list) or not all(isinstance(e, list) and len(e) == 2 for e in entries):
            raise ValueError("expected the vocabulary to be a list of pieces and their log-probabilities")
        if not all(type(score) in (int, float) and abs(score) < LARGEST_SCORE for _, score in entries):
            raise ValueError("expected every log-probability to be a number")
        pieces = [piece for piece, _ in entries]
        _check_texts(pieces)
        if len(set(pieces)) < len(pieces):
            raise ValueError("a piece occurs twice in the vocabulary")
        return {piece: number for number, piece in enumerate(pieces)}
    numbers = mapping(entries, "the vocabulary")
    if not all(type(number) is int for number in numbers.values()):
        raise ValueError("expected every id of the vocabulary to be a whole number")
    _check_texts(list(numbers))
    return numbers


def _check_texts(pieces: list[Any]) -> None:
    if not all(type(piece) is str for piece in pieces):
        raise ValueError("expected every piece to be text")
    long = max(pieces, key=len, default="")
    if len(long) > LONGEST_PIECE:
        raise ValueError(
            f"the piece {long[:20]!r}... has {len(long):,} characters, at most {LONGEST_PIECE:,} are allowed"
        )
    try:
        "".join(pieces).encode()
    except UnicodeEncodeError:
        raise ValueError("a piece has a lone surrogate, which is not Unicode text") from None


def _merges(model: Part) -> list[list[str]]:
    """The pairs of pieces that byte-pair encoding merges; early versions of the format write "a b" for ["a", "b"]."""
    merges = model.get("merges", [])
    if not isinstance(merges, list):
        raise ValueError("expected the merges to be a list of pairs of pieces")
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in merges]
    if not all(isinstance(p, list) and len(p) == 2 and type(p[0]) is type(p[1]) is str for p in pairs):
        raise ValueError("expected the merges to be a list of pairs of pieces")
    prefix = _prefix(model)
    if bare := next((right for _, right in pairs if not right.startswith(prefix)), None):
        raise ValueError(f"a merge has {bare!r}, which does not begin with continuing_subword_prefix, {prefix!r}")
    return pairs


def _prefix(model: Part) -> str:
    prefix = model.get("continuing_subword_prefix")
    return prefix if isinstance(prefix, str) else ""


def _added_tokens(tree: Part) -> list[Part]:
    tokens = tree.get("added_tokens") or []
    if not isinstance(tokens, list) or not all(isinstance(token, dict) for token in tokens):
        raise ValueError("expected the added tokens to be a list of JSON objects")
    for token in tokens:
        if type(token.get("content")) is not str or token["content"] == "" or type(token.get("id")) is not int:
            raise ValueError("expected every added token to have content and id")
    contents = [token["content"] for token in tokens]
    _check_texts(contents)
    if len(set(contents)) < len(contents):
        raise ValueError("an added token occurs twice")
    return tokens


def _pieces(vocabulary: dict[str, int], added: dict[str, int]) -> tuple[str, ...]:
    """All pieces by id. The vocabulary has the ids from 0 on; further added tokens follow in the file's order."""
    pieces = sorted(vocabulary, key=vocabulary.__getitem__)
    for expected, piece in enumerate(pieces):
        if vocabulary[piece] != expected:
            raise ValueError(
                f"expected each id from 0 to {len(pieces) - 1} once in the vocabulary, found {vocabulary[piece]} (piece "
                f"{piece!r}) in the place of {expected}"
            )
    for piece, number in added.items():
        expected = vocabulary.get(piece, len(pieces))
        if number != expected:
            raise ValueError(f"the added token {piece!r} has id {number}, expected {expected}")
        if piece not in vocabulary:
            pieces.append(piece)
    return tuple(pieces)


def _roles(
    tree: Part, model: Part, pieces: tuple[str, ...], numbers: Mapping[str, int], names: Mapping[str, str]
) -> dict[str, int]:
    """The ids of special tokens: by `names`, by the file's own declaration, or by a usual name."""
    added = [token["content"] for token in _added_tokens(tree)]
    for role, name in names.items():
        if name not in numbers:
            near = difflib.get_close_matches(name, added, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(repr, added[:20])) or 'none'}"
            raise ValueError(f"{role} = {name!r} is not one of its tokens; {hint}")
    start, end = _template(tree.get("post_processor"))
    padding, unknown = tree.get("padding"), model.get("unk_token")
    if isinstance(number := model.get("unk_id"), int) and 0 <= number < len(pieces):
        unknown = pieces[number]
    declared = {"start": start, "end": end, "unknown": unknown}
    declared["pad"] = padding.get("pad_token") if isinstance(padding, dict) else None
    ids: dict[str, int] = {}
    for role, usual in ROLES.items():
        options = (names.get(role), declared.get(role), *(name for name in usual if name in added))
        for option in options:
            if isinstance(option, str) and option in numbers:
                ids.setdefault(role, numbers[option])
    if "end" in ids:
        ids.setdefault("pad", ids["end"])
    return ids


def _template(processor: Any) -> tuple[Any, Any]:
    """The names of the first and last token that a post-processor adds; None if it adds none."""
    if not isinstance(processor, dict):
        return None, None
    if isinstance(steps := processor.get("processors"), list):
        ends = [_template(step) for step in steps]
        return next((start for start, _ in ends if start), None), next((end for _, end in ends if end), None)
    if isinstance(cls := processor.get("cls"), list) and isinstance(sep := processor.get("sep"), list):
        return next(iter(cls), None), next(iter(sep), None)
    single = processor.get("single")
    items = [item for item in single if isinstance(item, dict)] if isinstance(single, list) else []
    middle = next((place for place, item in enumerate(items) if "Sequence" in item), len(items))
    sides = (items[:middle], items[middle:])
    tokens = [
        [item["SpecialToken"].get("id") for item in side if isinstance(item.get("SpecialToken"), dict)]
        for side in sides
    ]
    return next(iter(tokens[0]), None), next(iter(tokens[1]), None)


def _check_parts(tree: Part, model: Part) -> None:
    """ValueError for parts that could be very slow, or lengthen a text without bound."""
    longest = model.get("max_input_chars_per_word", 100)
    if type(longest) is not int or not 0 < longest <= LONGEST_WORD:
        raise ValueError(f"expected max_input_chars_per_word to be 1 to {LONGEST_WORD}")
    for key in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        growth, parts = 1.0, list(_objects(tree.get(key)))
        if len(parts) > MOST_PARTS:
            raise ValueError(f"its {key} has {len(parts):,} parts, at most {MOST_PARTS:,} are allowed")
        for part in parts:
            if isinstance(pattern := part.get("Regex"), str):
                check_pattern(pattern)
            if isinstance(table := part.get("precompiled_charsmap"), str):
                _check_table(table)
            growth *= _growth(part)
        if growth > MOST_GROWTH:
            raise ValueError(f"its {key} could make a text more than {MOST_GROWTH} times as long")


def _growth(part: Part) -> float:
    """Upper bound of the factor by which a part of a normaliser or decoder lengthens a text."""
    if part.get("type") == "ByteLevel":
        return 4.0
    new = part.get("content", part.get("prepend"))
    if not isinstance(new, str):
        return 1.0
    pattern = part.get("pattern")
    old = pattern.get("String") if isinstance(pattern, dict) else pattern
    return max(1.0, len(new) / len(old)) if isinstance(old, str) and old else 1.0 + len(new)


def _check_table(table: str) -> None:
    """A precompiled normaliser: the size of a search tree, the tree, then zero-terminated replacements of characters."""
    try:
        data = base64.b64decode(table, validate=True)
    except (ValueError, binascii.Error):
        raise ValueError("its precompiled normaliser is not base64") from None
    replacements = data[4 + int.from_bytes(data[:4], "little") :]
    if len(max(replacements.split(b"\0"), key=len)) > LONGEST_MAPPING:
        raise ValueError(f"its precompiled normaliser replaces a character by more than {LONGEST_MAPPING} bytes")


def _objects(value: Any) -> Iterator[Part]:
    """All JSON objects within a value, and the value itself."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack += item.values()
        elif isinstance(item, list):
            stack += item

"""Spelling of text for a tokenizer's model, as the parts of a `tokenizers` file.

A normaliser brings the text to its normal form. Then spelling makes spaces visible and every piece unambiguous:

    U+E000 U+E001 U+E002  ->  U+E000 "0", U+E000 "1", U+E000 "2"     private characters in the text itself
    <                     ->  U+E002
    ▁ (U+2581)            ->  U+E001
    space                 ->  ▁

So "a <s>" becomes "a▁\\ue002s>". Decoding applies the inverse in the opposite order. Spelled text has no "<", so no user
text can equal `</s>` or the byte piece `<0x41>`. That matters because a unigram model gives those pieces probability 1
and would yield them for every text with their letters.

For subwords, spelling adds a "▁" in front, so that a word is the same piece at the start of a line as within it: "a b"
becomes "▁a▁b". Words are split at white space, which is lost; their spelling does not change "▁" and space.
"""

import json
from dataclasses import dataclass
from typing import Any

import tokenizers

from transduce.text.config import Kind, Normalisation
from transduce.text.special import NAMES, UNKNOWN
from transduce.text.tags import piece_of

SPACE = "▁"
ESCAPE, LITERAL_SPACE, LESS_THAN = "\ue000", "\ue001", "\ue002"  # the private characters
ESCAPES = {char: f"{ESCAPE}{digit}" for digit, char in enumerate((ESCAPE, LITERAL_SPACE, LESS_THAN))}

Part = dict[str, Any]  # a piece of a `tokenizers` file


@dataclass(frozen=True)
class Pipeline:
    """A tokenizer's settings, without its vocabulary."""

    kind: Kind = "unigram"
    normalisation: Normalisation = "nfc"
    lowercase: bool = False
    tags: tuple[str, ...] = ()  # names, in the order of their ids

    @property
    def special(self) -> tuple[str, ...]:
        """The pieces that stand for no text, by id: the four of every tokenizer, then the tags."""
        return NAMES + tuple(map(piece_of, self.tags))


def frame(pipeline: Pipeline) -> Part:
    """A `tokenizers` file without vocabulary and merges."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_special(number, name) for number, name in enumerate(pipeline.special)],
        "normalizer": _sequence("normalizers", _normal_form(pipeline) + _spelling(pipeline.kind)),
        "pre_tokenizer": _pre_tokenizer(pipeline.kind),
        "post_processor": None,
        "decoder": _sequence("decoders", _decoding(pipeline.kind)),
        "model": _model(pipeline.kind),
    }


def normaliser(pipeline: Pipeline) -> tokenizers.normalizers.Normalizer:
    """The normal form alone: `normaliser(Pipeline(lowercase=True)).normalize_str("E\\u0301") == "é"`."""
    return _library_normaliser(_normal_form(pipeline))


def speller(pipeline: Pipeline) -> tokenizers.normalizers.Normalizer:
    """Normal form and spelling: `speller(Pipeline()).normalize_str("a <s>") == "▁a▁\\ue002s>"`."""
    return _library_normaliser(_normal_form(pipeline) + _spelling(pipeline.kind))


def respell(piece: str) -> str:
    """A piece for display: the private characters become "<" and "▁" again."""
    return piece.replace(LESS_THAN, "<").replace(LITERAL_SPACE, SPACE)


def refuse_surrogates(text: str) -> None:
    """ValueError for a string with half of a surrogate pair, which UTF-8 cannot encode."""
    for place, char in enumerate(text):
        if "\ud800" <= char <= "\udfff":
            raise ValueError(
                f"text has a lone surrogate, U+{ord(char):04X}, as character {place + 1}: it is not Unicode text; "
                "decode its bytes as UTF-8"
            )


def _normal_form(pipeline: Pipeline) -> list[Part]:
    form = [] if pipeline.normalisation == "none" else [{"type": pipeline.normalisation.upper()}]
    # Lower case can undo the normal form ("J̌" is two characters, "ǰ" is one), hence once more.
    return form + ([{"type": "Lowercase"}, *form] if pipeline.lowercase else [])


def _spelling(kind: Kind) -> list[Part]:
    steps = [_replace(char, escape) for char, escape in ESCAPES.items()] + [_replace("<", LESS_THAN)]
    if kind != "words":
        steps += [_replace(SPACE, LITERAL_SPACE), _replace(" ", SPACE)]
    if kind in ("unigram", "bpe"):
        steps.append({"type": "Prepend", "prepend": SPACE})  # does nothing to an empty text
    return steps


def _decoding(kind: Kind) -> list[Part]:
    if kind == "words":  # joins by spaces; no word begins with its prefix of continued words
        steps: list[Part] = [{"type": "WordPiece", "prefix": "<<", "cleanup": False}, {"type": "Fuse"}]
    else:
        steps = [{"type": "ByteFallback"}, {"type": "Fuse"}, _replace(SPACE, " "), _replace(LITERAL_SPACE, SPACE)]
    steps.append(_replace(LESS_THAN, "<"))
    steps += [_replace(escape, char) for char, escape in reversed(ESCAPES.items())]  # the escape character last
    if kind in ("unigram", "bpe"):
        steps.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return steps


def _pre_tokenizer(kind: Kind) -> Part | None:
    if kind == "words":
        return {"type": "WhitespaceSplit"}
    if kind == "characters":
        return None
    return {"type": "Split", "pattern": {"String": SPACE}, "behavior": "MergedWithNext", "invert": False}


def _model(kind: Kind) -> Part:
    if kind == "words":
        return {"type": "WordLevel", "unk_token": NAMES[UNKNOWN]}
    if kind == "unigram":
        return {"type": "Unigram", "unk_id": UNKNOWN, "byte_fallback": True}
    return {  # characters are byte-pair encoding without merges
        "type": "BPE",
        "dropout": None,
        "unk_token": NAMES[UNKNOWN],
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": True,
        "byte_fallback": True,
        "ignore_merges": False,
    }


def _special(number: int, name: str) -> Part:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": name, **flags}


def _replace(old: str, new: str) -> Part:
    return {"type": "Replace", "pattern": {"String": old}, "content": new}


def _sequence(key: str, steps: list[Part]) -> Part:
    return {"type": "Sequence", key: steps}


def _library_normaliser(steps: list[Part]) -> tokenizers.normalizers.Normalizer:
    """The library's implementation, since its Unicode tables may differ from Python's."""
    model = _model("words") | {"vocab": {}}
    shell = {"version": "1.0", "normalizer": _sequence("normalizers", steps), "model": model}
    normalizer: tokenizers.normalizers.Normalizer = tokenizers.Tokenizer.from_str(json.dumps(shell)).normalizer
    return normalizer

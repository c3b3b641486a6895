"""How text becomes ids: the [tokenizer] table of a run file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args

from transduce import config
from transduce.config import Fact, Rest
from transduce.text.special import NAMES

Kind = Literal["unigram", "bpe", "characters", "words"]
Normalisation = Literal["nfc", "nfkc", "none"]

BYTES = 256  # pieces for single bytes, with which all kinds but words spell what they have not learned


@dataclass(frozen=True)
class ColumnTokenizer:
    """The tokenizer of one column of text: learned, with `kind` and `vocabulary`, or read from `file`."""

    kind: Annotated[Kind, "pieces: unigram or bpe subwords, characters, or whitespace-separated words"] = "unigram"
    vocabulary: Annotated[
        int, "pieces in all, 4 special ones, tags and 256 bytes included (words have no bytes)", Fact(automatic=True)
    ] = 8000
    file: Annotated[Path | None, "a tokenizer.json to use instead of learning; it settles kind and vocabulary"] = None
    start: Annotated[str | None, "special token of the file that begins outputs, where its own choice is wrong"] = None
    end: Annotated[str | None, "special token of the file that ends inputs and outputs"] = None
    pad: Annotated[str | None, "special token of the file that fills batches"] = None
    mask: Annotated[str | None, "special token of the file that hides a token"] = None

    def __post_init__(self) -> None:
        _check_choice("kind", self.kind, get_args(Kind))
        fixed = reserved(self.kind)
        if self.vocabulary <= fixed:
            parts = f"{len(NAMES)} special pieces" + ("" if self.kind == "words" else f" and {BYTES} bytes")
            raise ValueError(
                f'vocabulary must be more than {fixed} ({parts}) for kind "{self.kind}", found {self.vocabulary}'
            )
        if self.file is None and self.names:
            role, name = next(iter(self.names.items()))
            raise ValueError(f'{role} = "{name}" needs file: a learned tokenizer has special tokens of its own')
        if self.file is not None and self.kind != "unigram":
            raise ValueError(f'kind = "{self.kind}" says how to learn, but the tokenizer is read from {self.file}')

    @property
    def names(self) -> dict[str, str]:
        """Special tokens by role: `ColumnTokenizer(file=Path("t5.json"), start="<pad>").names == {"start": "<pad>"}`."""
        given = {"start": self.start, "end": self.end, "pad": self.pad, "mask": self.mask}
        return {role: name for role, name in given.items() if name is not None}


@dataclass(frozen=True)
class TokenizerConfig(ColumnTokenizer):
    """Settings of a run's tokenizers. Those of ColumnTokenizer hold for each column that has no table of its own.

    For unigram and bpe, `vocabulary` is met exactly, or with `exact = false` as nearly as the text allows. For characters
    and words it is an upper bound: where the text has fewer, all are kept; where it has more, the most frequent.
    """

    exact: Annotated[
        bool,
        "unigram and bpe: stop where the text allows no such vocabulary; false: take the nearest that it allows",
        Fact(automatic=True),
    ] = True
    shared: Annotated[bool, "one tokenizer for all columns of text, trained on all"] = True
    normalisation: Annotated[Normalisation, "Unicode normal form that text is brought to, or none"] = "nfc"
    lowercase: Annotated[bool, "whether upper and lower case are one"] = False
    sample: Annotated[int, "most lines to learn from, drawn at random where there are more", Fact(at_least=1)] = (
        1_000_000
    )
    columns: Annotated[
        Mapping[str, ColumnTokenizer],
        "tokenizer of this column of text, where shared = false",
        Rest("texts"),
        Fact(automatic=True),
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        config.check(self)
        _check_choice("normalisation", self.normalisation, get_args(Normalisation))
        if self.shared and self.columns:
            raise ValueError(f"a table for {next(iter(self.columns))} needs shared = false, found shared = true")
        if self.file is not None and (self.normalisation != "nfc" or self.lowercase):
            raise ValueError(
                f"normalisation and lowercase say how to learn, but the tokenizer is read from {self.file}"
            )

    def side(self, name: str) -> ColumnTokenizer:
        """The tokenizer of one column: `TokenizerConfig(kind="bpe").side("source") == ColumnTokenizer("bpe", 8000)`."""
        common = ColumnTokenizer(self.kind, self.vocabulary, self.file, self.start, self.end, self.pad, self.mask)
        return self.columns.get(name, common)


def reserved(kind: Kind) -> int:
    """Pieces that are not learned, tags aside: `reserved("words") == 4`, for all other kinds 4 + 256."""
    return len(NAMES) + (0 if kind == "words" else BYTES)


def _check_choice(key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f'{key} must be one of {", ".join(known)}, found "{value}"')

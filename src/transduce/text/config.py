"""The [tokenizer] table of a run file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from transduce import config
from transduce.config import Fact, Rest
from transduce.text.special import NAMES

Kind = Literal["unigram", "bpe", "characters", "words"]
Normalisation = Literal["nfc", "nfkc", "none"]

BYTES = 256  # pieces for single bytes, which spell unknown characters in all kinds but words


@dataclass(frozen=True)
class ColumnTokenizer:
    """The tokenizer of one text column: learned, with `kind` and `vocabulary`, or read from `file`."""

    kind: Annotated[
        Kind, "pieces: unigram or bpe subwords, characters, or whitespace-separated words", Fact(automatic=True)
    ] = "unigram"
    vocabulary: Annotated[
        int, "number of pieces, with 4 special ones, tags and 256 bytes (words have no bytes)", Fact(automatic=True)
    ] = 8000
    file: Annotated[
        Path | None, "a tokenizer.json to use instead of learning; it has a kind and vocabulary of its own"
    ] = None
    start: Annotated[str | None, "special token of the file that begins outputs, if the automatic choice is wrong"] = (
        None
    )
    end: Annotated[str | None, "special token of the file that ends inputs and outputs"] = None
    pad: Annotated[str | None, "special token of the file that fills batches"] = None
    mask: Annotated[str | None, "special token of the file that hides a token"] = None

    def __post_init__(self) -> None:
        fixed = len(NAMES) + (0 if self.kind == "words" else BYTES)
        if self.vocabulary <= fixed:
            parts = f"{len(NAMES)} special pieces" + ("" if self.kind == "words" else f" and {BYTES} bytes")
            raise ValueError(
                f'vocabulary must be more than {fixed} ({parts}) for kind "{self.kind}", found {self.vocabulary}'
            )
        if self.file is None and self.names:
            role, name = next(iter(self.names.items()))
            raise ValueError(f'{role} = "{name}" needs file: a learned tokenizer has fixed special tokens')
        if self.file is not None and self.kind != "unigram":
            raise ValueError(f'kind = "{self.kind}" is for learning, but the tokenizer is read from {self.file}')

    @property
    def names(self) -> dict[str, str]:
        """Special tokens by role: `ColumnTokenizer(file=Path("t5.json"), start="<pad>").names == {"start": "<pad>"}`."""
        by_role = {"start": self.start, "end": self.end, "pad": self.pad, "mask": self.mask}
        return {role: name for role, name in by_role.items() if name is not None}


@dataclass(frozen=True)
class TokenizerConfig(ColumnTokenizer):
    """Settings of a run's tokenizers. Those of ColumnTokenizer apply to each column without a table of its own.

    For unigram and bpe, `vocabulary` is the exact size, or with `exact = false` the nearest that the text allows. For
    characters and words it is an upper bound: the vocabulary has the most frequent ones.
    """

    exact: Annotated[
        bool,
        "unigram and bpe: stop if the text does not allow this vocabulary; false: use the nearest size that it allows",
        Fact(automatic=True),
    ] = True
    shared: Annotated[bool, "one tokenizer for all columns of text, trained on all", Fact(automatic=True)] = True
    normalisation: Annotated[Normalisation, "Unicode normal form of the text, or none"] = "nfc"
    lowercase: Annotated[bool, "whether to convert text to lower case"] = False
    sample: Annotated[int, "largest number of lines to learn from, a random sample of more", Fact(at_least=1)] = (
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
        if self.shared and self.columns:
            raise ValueError(f"a table for {next(iter(self.columns))} needs shared = false, found shared = true")
        if self.file is not None and (self.normalisation != "nfc" or self.lowercase):
            raise ValueError(
                f"normalisation and lowercase are for learning, but the tokenizer is read from {self.file}"
            )

    def side(self, name: str) -> ColumnTokenizer:
        """The tokenizer of one column: `TokenizerConfig(kind="bpe").side("source") == ColumnTokenizer("bpe", 8000)`."""
        common = ColumnTokenizer(self.kind, self.vocabulary, self.file, self.start, self.end, self.pad, self.mask)
        return self.columns.get(name, common)

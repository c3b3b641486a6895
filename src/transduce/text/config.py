"""How text becomes ids: the [tokenizer] table of a run file."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from transduce.config import Fact
from transduce.text.special import NAMES

Kind = Literal["unigram", "bpe", "characters", "words"]
Normalisation = Literal["nfc", "nfkc", "none"]

BYTES = 256  # pieces for single bytes, with which all kinds but words spell what they have not learned


@dataclass(frozen=True)
class SideConfig:
    """The tokenizer of one side, or of both where they share one."""

    kind: Annotated[Kind, "pieces: unigram or bpe subwords, characters, or whitespace-separated words"] = "unigram"
    vocabulary: Annotated[
        int, "pieces in all, 4 special ones, tags and 256 bytes included (words have no bytes)", Fact(automatic=True)
    ] = 8000

    def __post_init__(self) -> None:
        _check_choice("kind", self.kind, get_args(Kind))
        fixed = reserved(self.kind)
        if self.vocabulary <= fixed:
            parts = f"{len(NAMES)} special pieces" + ("" if self.kind == "words" else f" and {BYTES} bytes")
            raise ValueError(
                f'vocabulary must be more than {fixed} ({parts}) for kind "{self.kind}", found {self.vocabulary}'
            )


@dataclass(frozen=True)
class TokenizerConfig:
    """Settings of a run's tokenizers. `kind` and `vocabulary` hold for each side that has no table of its own.

    For unigram and bpe, `vocabulary` is met exactly, or with `exact = false` as nearly as the text allows. For characters
    and words it is an upper bound: where the text has fewer, all are kept; where it has more, the most frequent.
    """

    kind: Annotated[Kind, "pieces: unigram or bpe subwords, characters, or whitespace-separated words"] = "unigram"
    vocabulary: Annotated[
        int, "pieces in all, 4 special ones, tags and 256 bytes included (words have no bytes)", Fact(automatic=True)
    ] = 8000
    exact: Annotated[
        bool,
        "unigram and bpe: stop where the text allows no such vocabulary; false: take the nearest that it allows",
        Fact(automatic=True),
    ] = True
    shared: Annotated[bool, "one tokenizer for both sides, trained on both"] = True
    normalisation: Annotated[Normalisation, "Unicode normal form that text is brought to, or none"] = "nfc"
    lowercase: Annotated[bool, "whether upper and lower case are one"] = False
    sample: Annotated[int, "most lines to learn from, drawn at random where there are more"] = 1_000_000
    source: Annotated[
        SideConfig | None, "kind and vocabulary of the source side, where shared = false", Fact(automatic=True)
    ] = None
    target: Annotated[
        SideConfig | None, "kind and vocabulary of the target side, where shared = false", Fact(automatic=True)
    ] = None

    def __post_init__(self) -> None:
        _check_choice("normalisation", self.normalisation, get_args(Normalisation))
        if self.sample < 1:
            raise ValueError(f"sample must be at least 1, found {self.sample}")
        for name in ("source", "target"):
            if self.shared and getattr(self, name) is not None:
                raise ValueError(f"a table for {name} needs shared = false, found shared = true")
        SideConfig(self.kind, self.vocabulary)

    def side(self, name: Literal["source", "target"]) -> SideConfig:
        """The tokenizer of one side: `TokenizerConfig(kind="bpe").side("source") == SideConfig("bpe", 8000)`."""
        own = self.source if name == "source" else self.target
        return own or SideConfig(self.kind, self.vocabulary)


def reserved(kind: Kind) -> int:
    """Pieces that are no learned ones, tags aside: `reserved("words") == 4`, for all other kinds 4 + 256."""
    return len(NAMES) + (0 if kind == "words" else BYTES)


def _check_choice(key: str, found: str, known: tuple[str, ...]) -> None:
    if found not in known:
        raise ValueError(f'{key} must be one of {", ".join(known)}, found "{found}"')

"""The tokenizers of a model's two sides: one that both share, or one each."""

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from transduce.text.tokenizer import Tokenizer

SHARED, SOURCE, TARGET = "tokenizer.json", "source.json", "target.json"


@dataclass(frozen=True)
class Tokenizers:
    """`source is target` where both sides share one vocabulary."""

    source: Tokenizer
    target: Tokenizer

    @property
    def shared(self) -> bool:
        return self.source is self.target

    @classmethod
    def load(cls, folder: Path, listed: Container[str]) -> "Tokenizers":
        """From tokenizer.json, or from source.json and target.json, whichever the folder's manifest has `listed`."""
        if SHARED in listed:
            shared = Tokenizer.load(folder / SHARED)
            return cls(shared, shared)
        if SOURCE in listed and TARGET in listed:
            return cls(Tokenizer.load(folder / SOURCE), Tokenizer.load(folder / TARGET))
        raise ValueError(f"{folder}: lists neither {SHARED} nor {SOURCE} and {TARGET}; copy the model again")

    def save(self, folder: Path) -> None:
        if self.shared:
            self.source.save(folder / SHARED)
        else:
            self.source.save(folder / SOURCE)
            self.target.save(folder / TARGET)

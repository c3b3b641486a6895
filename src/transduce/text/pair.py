"""The tokenizers of a model's two sides: one that both share, or one each."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from transduce.text.imported import load
from transduce.text.tags import checked
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

    @property
    def tags(self) -> tuple[str, ...]:
        """The names of the tags that may stand before a source."""
        return self.source.tags

    def source_rows(self, texts: Sequence[str], tags: Sequence[tuple[str, ...]] | None = None) -> list[list[int]]:
        """The ids of each source: those of its tags, then those of its text; no end token.

        `tags` has the tags of each text (none by default). ValueError for an unknown tag, naming those known, and for
        more of them than one source may have.
        """
        rows = self.source.encode_batch(texts)
        if tags is None:
            return rows
        if len(tags) != len(texts):
            raise ValueError(f"expected the tags of each of {len(texts)} texts, found {len(tags)}")
        ids = {names: self.source.tag_ids(checked(names)) for names in set(tags)}
        return [ids[names] + row for names, row in zip(tags, rows, strict=True)]

    @classmethod
    def load(cls, folder: Path, listed: Container[str]) -> "Tokenizers":
        """From tokenizer.json, or from source.json and target.json, whichever the folder's manifest has `listed`."""
        if SHARED in listed:
            shared = load(folder / SHARED)
            return cls(shared, shared)
        if SOURCE in listed and TARGET in listed:
            return cls(load(folder / SOURCE), load(folder / TARGET))
        raise ValueError(f"{folder}: lists neither {SHARED} nor {SOURCE} and {TARGET}; copy the model again")

    def sha256(self) -> list[str]:
        """The hashes of the files that `save` writes."""
        return [self.source.sha256()] if self.shared else [self.source.sha256(), self.target.sha256()]

    def save(self, folder: Path) -> None:
        if self.shared:
            self.source.save(folder / SHARED)
        else:
            self.source.save(folder / SOURCE)
            self.target.save(folder / TARGET)

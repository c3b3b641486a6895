"""The processors of a task's columns, in a folder: tokenizers and lists of labels."""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from transduce.data.columns import Column, Labels, Processor
from transduce.text.tokenizer import Tokenizer


class Processors(dict[str, Processor]):
    """Column name -> processor. Columns may share one object.

    >>> processors = Processors({"source": tokenizer, "target": tokenizer})
    >>> processors.save(folder, columns)                           # writes tokenizer.json
    >>> Processors.load(folder, columns)["source"].size
    8000
    """

    def tokenizer(self, column: str) -> Tokenizer:
        """The processor of a text column."""
        tokenizer = self[column]
        assert isinstance(tokenizer, Tokenizer), f"column {column!r} has no tokenizer"
        return tokenizer

    def labels(self, column: str) -> Labels:
        """The processor of a label column."""
        labels = self[column]
        assert isinstance(labels, Labels), f"column {column!r} has no labels"
        return labels

    def tags(self, column: str) -> tuple[str, ...]:
        """The tags that stand before the values of a column: those of its tokenizer; none for other kinds of columns."""
        tokenizer = self[column]
        return tuple(tokenizer.tags) if isinstance(tokenizer, Tokenizer) else ()

    def check_tags(self, column: str, tags: Sequence[str]) -> None:
        """ValueError for tags that cannot stand before the values of a column."""
        tokenizer = self[column]
        if isinstance(tokenizer, Tokenizer):
            tokenizer.tag_ids(tags)
        elif tags:
            raise ValueError(f"tags stand before a text, and {column} is none: leave out {' '.join(tags)}")

    def description(self, column: str) -> str:
        """The processor of a column for people: "bpe, 8,000 pieces"."""
        processor = self[column]
        if isinstance(processor, Tokenizer):
            return f"{processor.kind}, {processor.size:,} pieces"
        return str(getattr(processor, "description", f"labels, {processor.size:,} pieces"))

    def sha256(self) -> dict[str, str]:
        """Column -> hash of the file that `save` writes for it."""
        return {column: processor.sha256() for column, processor in self.items()}

    def save(self, folder: Path, columns: Mapping[str, Column]) -> None:
        """Writes one file if all columns of a kind share a processor (tokenizer.json, labels.json), else COLUMN.json."""
        for column, processor in self.items():
            of_kind = [self[name] for name, other in columns.items() if other.file == columns[column].file]
            shared = all(other is processor for other in of_kind)
            processor.save(folder / (f"{columns[column].file}.json" if shared else f"{column}.json"))

    @classmethod
    def load(cls, folder: Path, columns: Mapping[str, Column], listed: Container[str] | None = None) -> "Processors":
        """Reads the files that `save` wrote. ValueError, naming the file, if one is missing or damaged, or does
        not fit its column.

        listed: names of the files in the folder's manifest, which alone may be read; by default all.
        """
        by_path: dict[Path, Processor] = {}
        by_column = {}
        for name, column in columns.items():
            choices = (folder / f"{column.file}.json", folder / f"{name}.json")
            readable = [path for path in choices if path.is_file() and (listed is None or path.name in listed)]
            if not readable:
                where = "holds" if listed is None else "lists"
                raise ValueError(f"{folder}: {where} neither {choices[0].name} nor {choices[1].name}")
            path = readable[0]
            if path not in by_path:
                by_path[path] = column.load(path)
            try:
                column.check(by_path[path])
            except ValueError as error:
                raise ValueError(f"{path} does not fit the task: {error}") from None
            by_column[name] = by_path[path]
        return cls(by_column)

"""Tasks as data sees them, beside translation: a language model, a classifier, and one that cuts records into windows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from transduce.data.columns import Column, Text
from transduce.data.processors import Processors
from transduce.data.records import EncodedRow
from transduce.tasks.classification import Classification
from transduce.tasks.language_model import LanguageModel

CONTEXT = 16
LANGUAGE_MODEL, CLASSIFICATION = LanguageModel(context=CONTEXT), Classification()


@dataclass(frozen=True)
class Windows:
    """Lines of text, each cut into rows of two tokens."""

    name: ClassVar[str] = "windows"
    columns: ClassVar[Mapping[str, Column]] = {"text": Text()}
    key: ClassVar[str] = "text"
    unit: ClassVar[str] = "line"

    def rows(self, records: Iterator[EncodedRow], processors: Processors) -> Iterator[EncodedRow]:
        for record in records:
            for start in range(0, len(record["text"]), 2):
                yield {"text": record["text"][start : start + 2]}

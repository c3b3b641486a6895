"""Several models that translate or classify as one, by the mean of their probabilities."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from transduce.config import NO_PARTS, Parts
from transduce.data.columns import Labels, Processor
from transduce.data.records import Record
from transduce.decoding.ensemble import Ensemble
from transduce.decoding.protocol import Decodable
from transduce.models.find import open_model
from transduce.models.model import Model
from transduce.tasks.classification import Classification
from transduce.tasks.image_classification import ImageClassification
from transduce.tasks.translation import Translation, mean_log_probabilities
from transduce.text.tokenizer import Tokenizer


class EnsembleModel(Model):
    """Translation models or classifiers with the same vocabularies; otherwise they may differ.

    The first model's settings of decoding count, and the shortest of their longest sources. `network` is the first
    model's; each of `models` has its own. ValueError for vocabularies that differ, with both models and the difference.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        first, *others = models
        for model in models:
            if not isinstance(model.task, Translation | Classification | ImageClassification):
                raise ValueError(
                    f"{model.name} is a model for {model.task.name}; an ensemble needs models for {Translation.name} or "
                    f"{Classification.name}: give one model"
                )
        for other in others:
            check_same_vocabularies(first, other)
        most = min(model.generation.max_source for model in models)
        super().__init__(
            first.config, first.network, first.processors, replace(first.generation, max_source=most), first.device
        )
        self.models = tuple(models)

    @property
    def name(self) -> str:
        return " + ".join(model.name for model in self.models)

    @property
    def longest_target(self) -> int | None:
        return min((model.longest_target for model in self.models if model.longest_target is not None), default=None)

    def decodable(self) -> Decodable[Any]:
        return Ensemble([model.decodable() for model in self.models])

    @property
    def networks(self) -> Sequence[nn.Module]:
        return [model.network for model in self.models]

    def likelihood(self, records: Sequence[Record]) -> tuple[float, int]:
        self.require(Translation)
        by_batch = (mean_log_probabilities(self, batch) for batch in self.batches(records))
        values = [value for pairs in by_batch for tokens in pairs for value in tokens]
        return -math.fsum(values), len(values)


def open_models(
    paths: Sequence[Path], device: str | None = None, precision: str = "float32", parts: Parts = NO_PARTS
) -> Model:
    """The model at one path, or the ensemble of those at several; each is a model folder or a run folder."""
    if not paths:
        raise ValueError("there is no model to load: give at least one path")
    opened = [open_model(path, device, precision, parts) for path in paths]
    return opened[0] if len(opened) == 1 else EnsembleModel(opened)


def check_same_vocabularies(one: Model, other: Model) -> None:
    """ValueError, naming both and what differs, unless texts become the same ids with both models."""
    if other.task.name != one.task.name:
        raise ValueError(
            f"{one.name} is a model for {one.task.name}, and {other.name} one for {other.task.name}: give models for one task"
        )
    for column, mine in one.processors.items():
        theirs = other.processors[column]
        if mine.sha256() != theirs.sha256():
            raise ValueError(
                f"{one.name} and {other.name} have different {column} vocabularies ({_difference(mine, theirs)}), so they "
                "cannot predict together; models of an ensemble are trained on the same prepared data"
            )


def _difference(mine: Processor, theirs: Processor) -> str:
    if isinstance(mine, Labels) or isinstance(theirs, Labels):
        return f"{mine.size:,} labels; {theirs.size:,} labels"
    if not (isinstance(mine, Tokenizer) and isinstance(theirs, Tokenizer)):
        return f"{getattr(mine, 'description', mine)}; {getattr(theirs, 'description', theirs)}"
    if (mine.kind, mine.size) != (theirs.kind, theirs.size):
        return f"{mine.kind}, {mine.size:,} pieces; {theirs.kind}, {theirs.size:,} pieces"
    pairs = zip(mine.pieces(range(mine.size)), theirs.pieces(range(theirs.size)), strict=True)
    for number, (piece, other) in enumerate(pairs):
        if piece != other:
            return f"piece {number} is {piece!r} in one and {other!r} in the other"
    return "the same pieces, but other scores, merges or normalisation"

"""Several models that translate as one, by the mean of their probabilities."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from transduce.config import NO_PARTS, Parts
from transduce.data.records import Record
from transduce.decoding.ensemble import Ensemble
from transduce.decoding.protocol import Decodable
from transduce.models.find import open_model
from transduce.models.model import Model
from transduce.tasks.translation import TranslationBatch
from transduce.text.tokenizer import Tokenizer


class EnsembleModel(Model):
    """Translation models with the same vocabularies; otherwise they may differ.

    The first model's settings of decoding count, and the shortest of their longest sources. `network` is the first
    model's; each of `models` has its own. ValueError for vocabularies that differ, with both models and the difference.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        first, *others = models
        for model in models:
            model.require("translation")
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

    def decodable(self) -> Decodable[Any]:
        return Ensemble([model.decodable() for model in self.models])

    def likelihood(self, records: Sequence[Record]) -> tuple[float, int]:
        by_batch = (self.token_log_probabilities(batch) for batch in self.batches(records))
        values = [value for pairs in by_batch for tokens in pairs for value in tokens]
        return -math.fsum(values), len(values)

    def token_log_probabilities(self, batch: TranslationBatch) -> list[list[float]]:
        """The logarithm of the mean probability of each token."""
        by_model = [model.token_log_probabilities(batch) for model in self.models]
        return [[_log_mean_exp(each) for each in zip(*tokens, strict=True)] for tokens in zip(*by_model, strict=True)]


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
    for side in ("source", "target"):
        mine, theirs = one.processors.tokenizer(side), other.processors.tokenizer(side)
        if mine.sha256() != theirs.sha256():
            raise ValueError(
                f"{one.name} and {other.name} have different {side} vocabularies ({_difference(mine, theirs)}), so they "
                "cannot translate together; models of an ensemble are trained on the same prepared data"
            )


def _difference(mine: Tokenizer, theirs: Tokenizer) -> str:
    if (mine.kind, mine.size) != (theirs.kind, theirs.size):
        return f"{mine.kind}, {mine.size:,} pieces; {theirs.kind}, {theirs.size:,} pieces"
    pairs = zip(mine.pieces(range(mine.size)), theirs.pieces(range(theirs.size)), strict=True)
    for number, (piece, other) in enumerate(pairs):
        if piece != other:
            return f"piece {number} is {piece!r} in one and {other!r} in the other"
    return "the same pieces, but other scores, merges or normalisation"


def _log_mean_exp(values: Sequence[float]) -> float:
    highest = max(values)
    if highest == -math.inf:
        return highest
    return highest + math.log(math.fsum(math.exp(value - highest) for value in values) / len(values))

"""What a validation measures on the dev set: the task's loss, its metrics on predictions, and samples to look at."""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int

from transduce.data.batching import by_length
from transduce.data.loader import Rows
from transduce.data.prepared import Prepared
from transduce.data.records import shortened
from transduce.data.store import TokenStore
from transduce.evaluation.metric import Metric, measure
from transduce.evaluation.metrics import QUICK_METRICS
from transduce.models.model import Model
from transduce.networks.stepping import decodes
from transduce.tasks.outputs import LineError
from transduce.tasks.references import Item, items, units_per_byte
from transduce.terminal import harmless
from transduce.training.config import TrainingConfig
from transduce.training.interrupt import StopRequest
from transduce.training.job import Validation

LOSS_ROWS = 4000  # dev rows at most whose loss is measured
SAMPLES, WIDTH = 3, 160  # predictions shown of each validation, and characters of each
PROMPT, CONTINUATION = 30, 40  # characters and tokens of the sample of a task without an answer
NO_OUTPUTS = "  no predictions: the network gives no finite probabilities"


def dev_places(count: int, most: int) -> Int[np.ndarray, " K"]:
    """At most `most` of `count` places, in order: the same ones every time, from everywhere in a file that is sorted."""
    return np.sort(np.random.default_rng(0).choice(count, min(count, most), replace=False))


@dataclass(frozen=True)
class DevSet:
    """What validations look at, the same every time.

    items: records to predict, with their right answers. units_per_byte: target tokens (or rows) per byte of text.
    """

    model: Model
    store: TokenStore
    items: Sequence[Item]
    units_per_byte: float
    batch_tokens: int

    @classmethod
    def of(cls, prepared: Prepared, model: Model, training: TrainingConfig) -> "DevSet":
        assert prepared.dev is not None  # require_trainable has seen that one is named; prepare fails where it is empty
        task, records = model.task, prepared.records("dev")
        every = items(task, records)
        selection = [every[place] for place in dev_places(len(every), training.validate_sentences)]
        rate = units_per_byte(task, model.processors, records)
        return cls(model, prepared.dev, selection, rate, training.batch_tokens)

    def validate(self, stop: StopRequest) -> Validation:
        """Measures with the network in evaluation mode: loss, figures and every quick metric of the task.

        All are NaN where the network's probabilities are. Raises Interrupted within a batch or two of a stop request.
        """
        network, metrics = self.model.network, self._metrics()
        network.eval()
        try:
            values = self._loss(stop)
            if not math.isfinite(values["loss"]):  # nothing can be predicted; the updates that follow end the run
                return Validation(dict.fromkeys([*values, *metrics], math.nan), NO_OUTPUTS)
            predictions = self._predict(stop)
            samples = self._samples(predictions) if self.model.task.answer is not None else self._continuation()
        finally:
            network.train()
        if metrics:
            references = self._references()
            values |= {name: measure(each, predictions, references).value for name, each in metrics.items()}
        return Validation(values, samples)

    def signatures(self) -> dict[str, str]:
        """The settings that determine the value of each metric, by its name."""
        return {name: each.signature(self._references()) for name, each in self._metrics().items()}

    def _metrics(self) -> dict[str, Metric]:
        return {name: QUICK_METRICS[name] for name in self.model.task.metrics if name in QUICK_METRICS}

    def _references(self) -> list[list[str]]:
        return [item.references for item in self.items]

    @torch.no_grad()
    def _loss(self, stop: StopRequest) -> dict[str, float]:
        model, task = self.model, self.model.task
        total, weight = 0.0, 0
        for rows in dev_batches(self.store, model, self.batch_tokens, LOSS_ROWS):
            stop.check()
            loss = task.loss(model.network, task.batch(rows, model.processors, seed=0).to(model.device), 0.0)
            total, weight = total + float(loss.shown["nll"]), weight + loss.weight
        nll = total / max(1, weight) if math.isfinite(total) else math.nan
        return {"loss": nll, **task.figures(nll, self.units_per_byte)}

    def _predict(self, stop: StopRequest) -> list[str]:
        model = self.model
        predictions = []
        if model.task.answer is None:  # measured by the loss alone
            return []
        for prediction in model.task.predict(model, [item.record for item in self.items], model.decoding().greedy()):
            stop.check()
            predictions.append(prediction.text)
        return predictions

    def _samples(self, predictions: Sequence[str]) -> str:
        """Predictions from everywhere in the dev set, whose records may be sorted."""
        pairs = list(zip(self.items, predictions, strict=False))
        spread = np.linspace(0, len(pairs) - 1, SAMPLES, dtype=int)
        places: list[int] = np.unique(spread).tolist() if pairs else []
        return "\n".join(
            f"  {self.model.task.key:<10} {_sample(' '.join([*item.record.tags, item.record.values[self.model.task.key]]))}\n"
            f"  predicted  {_sample(prediction)}\n"
            f"  right      {_sample(item.references[0])}"
            for item, prediction in (pairs[place] for place in places)
        )

    def _continuation(self) -> str:
        """What follows the beginning of the first record, to look at; "" where the network generates no text."""
        if not decodes(self.model.network):
            return ""
        model, record = self.model, self.items[0].record
        settings = replace(model.decoding().greedy(), max_length=CONTINUATION, min_length=0)
        beginning = record.values[model.task.key].strip()[:PROMPT].rpartition(" ")[0]
        for prompt in (beginning, ""):  # which always fits the context
            values = {**record.values, model.task.key: prompt}
            with suppress(LineError):
                (prediction,) = model.task.predict(model, [record._replace(values=values)], settings)
                return f"  prompt     {_sample(prompt)}\n  predicted  {_sample(prediction.text)}"
        return ""


def dev_batches(
    store: TokenStore, model: Model, batch_tokens: int, most: int, shuffled: bool = False
) -> Iterator[Rows]:
    """At most `most` rows of a store, drawn from all of it, in batches of like lengths, the shortest first or `shuffled`."""
    places = dev_places(len(store), most)
    costs = model.task.cost(store.all_lengths()).of(places)
    groups = list(by_length(np.maximum(costs.main, costs.other).tolist(), batch_tokens))
    for place in np.random.default_rng(0).permutation(len(groups)) if shuffled else range(len(groups)):
        group = groups[place]
        indices = places[group]
        yield Rows(0, 0, {column: store.rows(column, indices) for column in store.columns}, indices)


def _sample(text: str) -> str:
    return shortened(harmless(text), WIDTH)

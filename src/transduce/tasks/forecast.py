"""Forecast: the steps of a numeric series that follow a history.

    history row  [0.1, -0.4, ...]   ->  history  (B, T, F)    standardised by mean and deviation in the training data
    future row   [0.2, -0.1, ...]       future   (B, H, F)

Letters: B rows, T steps of the history, H steps of the horizon, F variables.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce import config
from transduce.config import Fact
from transduce.data.batching import Costs, Lengths
from transduce.data.columns import Column, Fault
from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.data.records import EncodedRow, Record, counted
from transduce.data.series_column import Series, Standardised, numbers_of, text_of
from transduce.decoding.protocol import require_evaluation_mode
from transduce.networks.series import SeriesNetworkConfig
from transduce.tasks.outputs import LineError
from transduce.tasks.task import Model, wrong_network
from transduce.training.losses import Loss

PREDICTED_STEPS = 65_536  # of the histories that are predicted together


@dataclass(frozen=True)
class SeriesBatch:
    """Standardised windows."""

    history: Float[Tensor, "B T F"]
    future: Float[Tensor, "B H F"]

    def to(self, device: torch.device | str) -> "SeriesBatch":
        return SeriesBatch(self.history.to(device), self.future.to(device))


@dataclass(frozen=True)
class SeriesPrediction:
    """The next steps. `text` writes them as a value of the column has them; `values[h][f]` are the numbers.

    A forecast of numbers has no probability: `confidence` is None.
    """

    text: str
    values: tuple[tuple[float, ...], ...]
    confidence: None = None


@dataclass(frozen=True)
class Forecast:
    """Windows of series: a history and the future that follows it."""

    variables: Annotated[tuple[str, ...], "columns of the file whose numbers are read and predicted"] = ("value",)
    history: Annotated[int, "steps that the network reads", Fact(at_least=1, at_most=100_000)] = 48
    horizon: Annotated[int, "steps that it predicts", Fact(at_least=1, at_most=100_000)] = 12
    relative: Annotated[
        bool,
        "the network reads and predicts differences from the mean of the history, so that it follows a series whose level "
        "changes (Kim et al. 2022, reversible instance normalisation)",
        Fact(unprepared=True),
    ] = True

    name: ClassVar[str] = "forecast"
    unit: ClassVar[str] = "window"
    key: ClassVar[str] = "history"
    answer: ClassVar[str | None] = "future"
    default_network: ClassVar[str] = "series-transformer"
    metrics: ClassVar[tuple[str, ...]] = ("mae", "rmse")
    command: ClassVar[str] = "predict"
    generates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        config.check(self)
        if not self.variables or len(set(self.variables)) < len(self.variables) or not all(self.variables):
            raise ValueError(f"variables must name different columns, one at least, found {list(self.variables)}")

    @property
    def columns(self) -> Mapping[str, Column]:
        return {"history": Series(self.variables, self.history), "future": Series(self.variables, self.horizon)}

    def rows(self, records: Iterator[EncodedRow], processors: Processors) -> Iterator[EncodedRow]:
        return records

    def cost(self, lengths: Mapping[str, Lengths]) -> Costs:
        steps = np.full(len(lengths["history"]), self.history + self.horizon)
        return Costs(main=steps, other=steps)

    def network(self, config: Any, processors: Processors) -> nn.Module:
        if not isinstance(config, SeriesNetworkConfig):
            raise wrong_network(self, config, SeriesNetworkConfig)
        return config.build(len(self.variables), self.history, self.horizon)

    def batch(self, rows: Rows, processors: Processors, seed: int) -> SeriesBatch:
        return SeriesBatch(*(self._tensor(rows.columns[name], steps) for name, steps in self._steps.items()))

    @property
    def _steps(self) -> dict[str, int]:
        return {"history": self.history, "future": self.horizon}

    def _tensor(self, rows: Sequence[np.ndarray], steps: int) -> Float[Tensor, "B T F"]:
        return torch.from_numpy(np.stack(rows).reshape(len(rows), steps, len(self.variables)))

    def loss(self, network: Any, batch: SeriesBatch, smoothing: float) -> Loss:
        """The squared error of standardised numbers, summed; smoothing has no meaning for numbers."""
        total = (self._predicted(network, batch.history) - batch.future).square().sum()
        return Loss(total, batch.future.numel(), {"nll": total.detach()})

    def logits_and_targets(
        self, network: Any, batch: SeriesBatch
    ) -> Iterator[tuple[Float[Tensor, "R V"], Int[Tensor, " R"]]]:
        raise ValueError(f"task {self.name} predicts numbers, without a probability: there is no calibration")

    def figures(self, nll: float, units_per_byte: float) -> dict[str, float]:
        return {}

    def predict(self, model: Model, records: Sequence[Record], settings: Any = None) -> Iterator[SeriesPrediction]:
        """See `Task.predict`. A longer history counts by its end; LineError for one that cannot be read."""
        values = model.processors["history"]
        assert isinstance(values, Standardised)
        histories = [self._history(values, record, place) for place, record in enumerate(records)]
        together = max(1, PREDICTED_STEPS // (self.history + self.horizon))
        for begin in range(0, len(histories), together):
            history = torch.from_numpy(np.stack(histories[begin : begin + together])).to(model.device)
            for steps in self._future(model, history).cpu().numpy():
                restored = values.restored(steps)
                yield SeriesPrediction(_text(restored), tuple(map(tuple, restored.tolist())))

    @torch.no_grad()
    def _future(self, model: Model, history: Float[Tensor, "B T F"]) -> Float[Tensor, "B H F"]:
        """The mean of the model's networks. ValueError for one in training mode, and for numbers that are not finite."""
        require_evaluation_mode(model.network)
        future = torch.stack([self._predicted(network, history) for network in model.networks]).mean(0)
        if not future.isfinite().all():
            raise ValueError("the model predicts NaN or infinity: it has diverged, or its file is damaged")
        return future

    def _predicted(self, network: Any, history: Float[Tensor, "B T F"]) -> Float[Tensor, "B H F"]:
        level = history.mean(1, keepdim=True) if self.relative else torch.zeros_like(history[:, :1])
        future: Tensor = network((history - level).to(next(network.parameters()).dtype))
        return future.float() + level

    def _history(self, values: Standardised, record: Record, place: int) -> np.ndarray:
        given = record.values["history"].split()[-self.history :]  # earlier steps are not read, whatever they are
        steps = numbers_of(" ".join(given), len(self.variables))
        if isinstance(steps, Fault):
            raise LineError(place, str(steps))
        if len(steps) < self.history:
            raise LineError(
                place,
                f"the history has {counted(len(steps), 'step')}, the model reads {self.history:,}; give more of the series",
            )
        standardised = values.standardised(steps)
        if isinstance(standardised, Fault):
            raise LineError(place, str(standardised))
        return standardised


def _text(steps: np.ndarray) -> str:
    """Rounded to 6 digits: a network computes in float32."""
    return text_of(np.array([[float(f"{number:.6g}") for number in step] for step in steps.tolist()]))

"""What a task is: everything that prepare, training, validation, evaluation and use must know of what is learnt.

A task is a frozen dataclass; its fields are its own keys in a run file (`[task]`). `tasks/table.py` lists them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from transduce.data.batching import Costs, Lengths
from transduce.data.columns import Column
from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.data.records import EncodedRow, Record
from transduce.decoding.config import Generation
from transduce.decoding.hypothesis import SpecialIds
from transduce.decoding.protocol import Decodable
from transduce.networks.table import NETWORKS
from transduce.text.tokenizer import Tokenizer
from transduce.training.losses import Loss


@runtime_checkable
class Batch(Protocol):
    """Tensors of one batch."""

    def to(self, device: torch.device | str) -> "Batch": ...


@runtime_checkable
class Prediction(Protocol):
    """What a model predicts for a record. `text` is how it is written and compared with references."""

    @property
    def text(self) -> str: ...

    @property
    def confidence(self) -> float:
        """A probability, from 0 to 1."""
        ...


@runtime_checkable
class Model(Protocol):
    """What a task sees of a model, during training and in use."""

    network: nn.Module
    processors: Processors
    device: str
    generation: Generation

    def decodable(self) -> Decodable[Any]:
        """The model as search strategies see it. ValueError where the network does not decode."""
        ...


@runtime_checkable
class Task(Protocol):
    """One thing to learn. Every method is a pure function of its arguments.

    name: as run files have it. unit: what one record is called, "pair". columns: name -> kind, in the order of a TSV file.
    key: the column that identifies a record: splits, leaks, duplicates. answer: the column that predictions are compared
    with, None where a task is measured by its loss. network: the kind that a run takes by default. metrics: names in
    `evaluation.metrics`, the first selects the model ("loss" where there is none).
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    key: ClassVar[str]
    answer: ClassVar[str | None]
    default_network: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]

    @property
    def columns(self) -> Mapping[str, Column]: ...

    def rows(self, records: Iterator[EncodedRow], processors: Processors, /) -> Iterator[EncodedRow]:
        """The rows of the store from encoded records: 1:1, or 1:n (windows), or n:1 (packing)."""
        ...

    def cost(self, lengths: Mapping[str, Lengths]) -> Costs:
        """What a batch budget counts, from the lengths of every column of the store."""
        ...

    def network(self, config: Any, processors: Processors) -> nn.Module:
        """Builds the network with inputs and head of the right sizes. ValueError names task and network kind."""
        ...

    def batch(self, rows: Rows, processors: Processors, seed: int) -> Batch:
        """Rows to tensors; random draws depend on (seed, rows.epoch, rows.indices) only."""
        ...

    def loss(self, network: Any, batch: Any, smoothing: float) -> Loss:
        """The loss of a batch, summed; in evaluation mode with smoothing 0 that of a validation."""
        ...

    def certainty(self, network: Any, batch: Any) -> tuple[Float[Tensor, " N"], Bool[Tensor, " N"]]:
        """The probability of the first choice for each unit of a batch, and whether it is right: for calibration."""
        ...

    def figures(self, nll: float, units_per_byte: float) -> dict[str, float]:
        """Values for people from the mean negative log-likelihood of a unit: perplexity, bits per byte.

        units_per_byte: units (target tokens) per byte of the answers' text, or of the whole text.
        """
        ...

    def predict(self, model: Model, records: Sequence[Record], settings: Any) -> Iterator[Prediction]:
        """The best prediction for each record, in input order."""
        ...


def wrong_network(task: Task, config: object) -> ValueError:
    """The error for a network that a task cannot train; names both."""
    kind = next((name for name, each in NETWORKS.items() if type(config) is each), type(config).__name__)
    return ValueError(f"task {task.name} needs {_with_article(task.default_network)} network, found {kind}")


def _with_article(name: str) -> str:
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def special_ids(tokenizer: Tokenizer) -> SpecialIds:
    """The ids that a search must know."""
    return SpecialIds(pad=tokenizer.pad, start=tokenizer.start, end=tokenizer.end, unknown=tokenizer.unknown)

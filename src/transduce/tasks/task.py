"""The protocol of a task: everything that prepare, training, validation, evaluation and use must know of it.

A task is a frozen dataclass; its fields are its own keys in a run file (`[task]`). `tasks/table.py` lists the tasks;
`tasks/classification.py` is the shortest, and docs/extending.md says how to add one.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.data.batching import Costs, Lengths
from transduce.data.columns import Column
from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.data.records import EncodedRow, Record
from transduce.data.series_column import Series
from transduce.decoding.config import Generation
from transduce.decoding.hypothesis import SpecialIds
from transduce.decoding.protocol import Decodable
from transduce.decoding.rules.rule import Rule
from transduce.decoding.rules.whole_characters import WholeCharacters
from transduce.networks.table import NETWORKS, kind_of
from transduce.text.tokenizer import Tokenizer
from transduce.training.losses import Loss


@runtime_checkable
class Batch(Protocol):
    """Tensors of one batch."""

    def to(self, device: torch.device | str) -> "Batch": ...


@runtime_checkable
class Prediction(Protocol):
    """The prediction of a model for a record. `text` is printed, and compared with the answer."""

    @property
    def text(self) -> str: ...

    @property
    def confidence(self) -> float | None:
        """A probability, from 0 to 1; None where the task gives none."""
        ...


@runtime_checkable
class Model(Protocol):
    """The part of a model that a task sees, during training and in use."""

    network: nn.Module
    processors: Processors
    device: str
    generation: Generation

    @property
    def networks(self) -> Sequence[nn.Module]:
        """Its network, or those of an ensemble, whose probabilities are averaged."""
        ...

    def decodable(self) -> Decodable[Any]:
        """The model as search strategies see it. ValueError where the network does not decode."""
        ...


@runtime_checkable
class Task(Protocol):
    """One thing to learn. Every method is a pure function of its arguments.

        record of a file  --encoded-->  row of ids  --batch-->  tensors  --loss-->  Loss         (training, validation)
        record of a file  --predict-->  Prediction                                               (use, evaluation)

    name: as run files have it, "classification". unit: one record in messages, "text".
    columns: name -> Text(), Label(), Picture() or Series(), in the order of a TSV file. key: the column that identifies a
    record: no key of dev or test occurs in train. answer: the column that predictions are compared with; None: the loss alone
    measures the task.
    default_network: the kind of network where a run file names none, "encoder-only".
    metrics: names in `evaluation.metrics`. The first selects the best checkpoint; where there is none, the loss does.
    command: that of `transduce` which uses a model, "predict". generates: whether `predict` decodes text, by settings of
    `Decoding`.
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    key: ClassVar[str]
    answer: ClassVar[str | None]
    default_network: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    command: ClassVar[str]
    generates: ClassVar[bool]

    @property
    def columns(self) -> Mapping[str, Column]: ...

    def rows(self, records: Iterator[EncodedRow], processors: Processors, /) -> Iterator[EncodedRow]:
        """The rows to train on, from records whose columns are ids without start and end: {"text": [5, 9], "label": [2]},
        or arrays of pixels or numbers.

        Most tasks return `records`, or cut them. A row may also be a window of a record, or hold several records.
        """
        ...

    def cost(self, lengths: Mapping[str, Lengths]) -> Costs:
        """How much of `training.batch-tokens` each row takes, from the lengths of its columns.

        With one text column: `Costs(lengths["text"], lengths["text"])`.
        """
        ...

    def network(self, config: Any, processors: Processors) -> nn.Module:
        """Builds the network with inputs and head of the right sizes, `processors["text"].size` tokens above all.

        `config` is [model] of the run file. ValueError, with task and network, where the task cannot use it.
        """
        ...

    def batch(self, rows: Rows, processors: Processors, seed: int) -> Batch:
        """Pads rows and adds start and end tokens. Random draws depend on (seed, rows.epoch, rows.indices) only.

        Rows to train on have `rows.training`: they alone are augmented.
        """
        ...

    def loss(self, network: Any, batch: Any, smoothing: float) -> Loss:
        """The loss of a batch, summed over its units (tokens or rows), and their number. Validation has smoothing 0."""
        ...

    def logits_and_targets(self, network: Any, batch: Any) -> Iterator[tuple[Float[Tensor, "R V"], Int[Tensor, " R"]]]:
        """The float32 logits of each unit of a batch and the right choice, some units at a time. For calibration.

        ValueError for a task that predicts no probabilities.
        """
        ...

    def figures(self, nll: float, units_per_byte: float) -> dict[str, float]:
        """Readable forms of the loss: {"perplexity": exp(nll)}; {} where there is none.

        nll: mean negative log-likelihood of a unit. units_per_byte: units per byte of the answers, for bits per byte; of the
        whole text where the task has no answer.
        """
        ...

    def predict(self, model: Model, records: Sequence[Record], settings: Any) -> Iterator[Prediction]:
        """The best prediction for each record, in input order, as soon as it and those before it are complete.

        The answer column of a record may be missing.

        settings: how to decode (`Decoding`); tasks that generate no text ignore it.
        """
        ...


def gives_probabilities(task: Task) -> bool:
    """Whether the predictions of a task have probabilities: those of numbers have none."""
    return task.answer is None or not isinstance(task.columns[task.answer], Series)


def wrong_network(task: Task, config: object, base: type) -> ValueError:
    """The error for a network that a task cannot train; names the kinds that it can, whose configs derive from `base`."""
    *first, last = (name for name, cls in NETWORKS.items() if issubclass(cls, base))
    kinds = f"{', '.join(first)} or {last}" if first else last
    article = "an" if kinds[0] in "aeiou" else "a"
    return ValueError(f"task {task.name} needs {article} {kinds} network, found {kind_of(config)}")


def special_ids(tokenizer: Tokenizer) -> SpecialIds:
    """The ids that a search must know."""
    return SpecialIds(tokenizer.pad, tokenizer.start, tokenizer.end, tokenizer.unknown, tokenizer.special)


def vocabulary_rules(tokenizer: Tokenizer, device: torch.device | str, multiline: bool = False) -> tuple[Rule, ...]:
    """The rules of every search for outputs of a tokenizer: they are text of whole characters, which our readers read
    back as it is; on one line unless `multiline`.
    """
    rule = _whole_characters(cast(Any, tokenizer), multiline)
    return () if rule is None else (rule.to(device),)


@lru_cache(maxsize=4)  # the table of a large vocabulary takes a tenth of a second
def _whole_characters(tokenizer: Any, multiline: bool) -> WholeCharacters | None:
    return WholeCharacters.of(tokenizer.piece_bytes(), tokenizer.end, multiline)

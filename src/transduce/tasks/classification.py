"""Classification: a text to one of several labels, with an encoder.

    text row   [17, 4, 9]     ->  tokens   [<s>, 17, 4, 9, </s>]
    label row  [2]                classes  2

Letters: B rows, T tokens, C classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.data.batching import Costs, Lengths, by_length
from transduce.data.columns import Column, Label, Text
from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.data.records import EncodedRow, Record
from transduce.decoding.protocol import require_evaluation_mode
from transduce.decoding.scores import check_probabilities
from transduce.networks.config import EncoderOnlyConfig
from transduce.networks.heads import ClassHead
from transduce.tasks.outputs import in_order, windows
from transduce.tasks.task import Model, wrong_network
from transduce.tasks.tokens import Ids, padded, tagged
from transduce.training.losses import Loss, Outputs

BATCH_TOKENS = 8192  # padded tokens that are predicted together
SPECIAL = 2  # the start and the end token of a row


@dataclass(frozen=True)
class ClassBatch:
    """Tokens padded at the end, and the class of each row."""

    tokens: Int[Tensor, "B T"]
    lengths: Int[Tensor, " B"]
    classes: Int[Tensor, " B"]

    def to(self, device: torch.device | str) -> "ClassBatch":
        return ClassBatch(self.tokens.to(device), self.lengths.to(device), self.classes.to(device))


@dataclass(frozen=True)
class ClassOutputs:
    """The predicted distributions of a batch."""

    logits: Float[Tensor, "B C"]

    def divergence(self, other: Outputs) -> Float[Tensor, ""]:
        assert isinstance(other, ClassOutputs)
        first, second = self.logits.log_softmax(-1), other.logits.log_softmax(-1)
        return ((first.exp() - second.exp()) * (first - second)).sum() / 2


@dataclass(frozen=True)
class LabelPrediction:
    """The most probable label, and the probability of every label, most probable first."""

    text: str
    confidence: float
    probabilities: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, probabilities: Float[Tensor, " C"], names: Sequence[str]) -> "LabelPrediction":
        ranked = sorted(zip(names, probabilities.tolist(), strict=True), key=lambda pair: -pair[1])
        return cls(ranked[0][0], ranked[0][1], tuple(ranked))


def class_loss(logits: Float[Tensor, "B C"], classes: Int[Tensor, " B"], smoothing: float) -> Loss:
    """Label-smoothed cross-entropy, summed over the rows."""
    nll = F.cross_entropy(logits.detach(), classes, reduction="sum")
    total = F.cross_entropy(logits, classes, label_smoothing=smoothing, reduction="sum")
    return Loss(total, len(classes), {"nll": nll}, ClassOutputs(logits))


@dataclass(frozen=True)
class Classification:
    """Texts with one label each."""

    max_tokens: Annotated[int, "tokens of a text that the network reads; the rest of a longer text is cut off"] = 512

    name: ClassVar[str] = "classification"
    unit: ClassVar[str] = "text"
    key: ClassVar[str] = "text"
    answer: ClassVar[str | None] = "label"
    default_network: ClassVar[str] = "encoder-only"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro-f1")
    command: ClassVar[str] = "predict"
    generates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.max_tokens < SPECIAL + 1:
            raise ValueError(f"max-tokens must be at least {SPECIAL + 1}, found {self.max_tokens}")

    @property
    def columns(self) -> Mapping[str, Column]:
        return {
            "text": Text(limit=self.max_tokens - SPECIAL, beyond="longer than max-tokens, cut off"),
            "label": Label(),
        }

    def rows(self, records: Iterator[EncodedRow], processors: Processors) -> Iterator[EncodedRow]:
        return ({**record, "text": record["text"][: self.max_tokens - SPECIAL]} for record in records)

    def cost(self, lengths: Mapping[str, Lengths]) -> Costs:
        tokens = lengths["text"] + SPECIAL
        return Costs(main=tokens, other=tokens)

    def network(self, config: Any, processors: Processors) -> nn.Module:
        if not isinstance(config, EncoderOnlyConfig):
            raise wrong_network(self, config, EncoderOnlyConfig)
        config.encoder.check_length(self.max_tokens, "a text of task.max-tokens")
        network: nn.Module = config.build(processors["text"].size, ClassHead(config.d_model, processors["label"].size))
        return network

    def batch(self, rows: Rows, processors: Processors, seed: int) -> ClassBatch:
        tokens, lengths = self._tokens(rows.columns["text"], processors)
        classes = torch.tensor([int(label[0]) for label in rows.columns["label"]])
        return ClassBatch(tokens, lengths, classes)

    def _tokens(self, rows: Sequence[Ids], processors: Processors) -> tuple[Tensor, Tensor]:
        tokenizer = processors.tokenizer("text")
        tokens = padded(rows, (tokenizer.start,), (tokenizer.end,), tokenizer.pad)
        return torch.from_numpy(tokens), torch.tensor([len(row) + SPECIAL for row in rows])

    def loss(self, network: Any, batch: ClassBatch, smoothing: float) -> Loss:
        logits = self._logits(network, batch.tokens, batch.lengths)
        return class_loss(logits, batch.classes, smoothing)

    def _logits(self, network: Any, tokens: Tensor, lengths: Tensor) -> Float[Tensor, "B C"]:
        logits: Tensor = network.head(network(tokens, lengths), lengths)
        return logits.float()

    def logits_and_targets(
        self, network: Any, batch: ClassBatch
    ) -> Iterator[tuple[Float[Tensor, "R V"], Int[Tensor, " R"]]]:
        yield self._logits(network, batch.tokens, batch.lengths), batch.classes

    def _probabilities(self, network: Any, tokens: Tensor, lengths: Tensor) -> Float[Tensor, "B C"]:
        """ValueError for a network in training mode, and for one whose logits are NaN or infinite."""
        require_evaluation_mode(network)
        probabilities = self._logits(network, tokens, lengths).softmax(-1)
        check_probabilities(probabilities)
        return probabilities

    def figures(self, nll: float, units_per_byte: float) -> dict[str, float]:
        return {}

    def predict(self, model: Model, records: Sequence[Record], settings: Any = None) -> Iterator[LabelPrediction]:
        return in_order(self._predictions(model, records))

    @torch.no_grad()
    def _predictions(self, model: Model, records: Sequence[Record]) -> Iterator[tuple[int, LabelPrediction]]:
        """Each record's place and its prediction, batch by batch."""
        labels, tokenizer = model.processors.labels("label"), model.processors.tokenizer("text")
        texts, tags = [record.values["text"] for record in records], [record.tags for record in records]
        rows = [row[: self.max_tokens - SPECIAL] for row in tagged(tokenizer, texts, tags)]
        for window in windows(len(rows)):
            for group in by_length([len(rows[place]) + SPECIAL for place in window], BATCH_TOKENS):
                batch = self._tokens([rows[window[each]] for each in group], model.processors)
                tokens, lengths = (each.to(model.device) for each in batch)
                every = [self._probabilities(network, tokens, lengths) for network in model.networks]
                for each, row in zip(group, torch.stack(every).mean(0).cpu(), strict=True):
                    yield window[each], LabelPrediction.of(row, labels.names)

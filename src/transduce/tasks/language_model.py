"""Language modelling: each token of a document given those before it, with a decoder.

Documents are packed: rows are filled with the tokens of one document after the other (data/packing.py).

    documents     [5, 8], [7, 9, 4, 6]
    stream        <s> 5 8 </s> <s> 7 9 4 6 </s>
    row           <s> 5 8 </s> <s> 7 9                (context 6: seven tokens, of which six are inputs)
    tokens        <s> 5 8 </s> <s> 7
    targets       5   8 </s> -  7   9                 (nothing predicts a start token, or a tag)
    documents     1   1 1  1    2   2                 (a token attends to its own document alone)

Letters: B rows, T tokens.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from transduce.data.batching import Costs, Lengths
from transduce.data.columns import Column, Text
from transduce.data.loader import Rows
from transduce.data.packing import pack
from transduce.data.processors import Processors
from transduce.data.records import EncodedRow, Record, counted
from transduce.decoding.config import Decoding
from transduce.decoding.engine import stream
from transduce.decoding.requests import Request
from transduce.networks.config import DecoderOnlyConfig
from transduce.tasks.outputs import LineError, Output, decode_requests, in_order, outputs_of
from transduce.tasks.task import Model, special_ids, vocabulary_rules, wrong_network
from transduce.tasks.tokens import IGNORE, logits_and_targets, padded, perplexity, smooth_over_text, tagged, token_loss
from transduce.text.tokenizer import StreamDecoder
from transduce.training.losses import Loss


@dataclass(frozen=True)
class PackedBatch:
    """Rows of packed documents; start tokens, tags and padding at the end have the target IGNORE."""

    tokens: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    documents: Int[Tensor, "B T"]

    def to(self, device: torch.device | str) -> "PackedBatch":
        return PackedBatch(self.tokens.to(device), self.targets.to(device), self.documents.to(device))


@dataclass(frozen=True)
class LanguageModel:
    """Documents, one token after the other."""

    context: Annotated[int, "tokens of a packed row; longer documents are split"] = 512

    name: ClassVar[str] = "language-model"
    unit: ClassVar[str] = "document"
    key: ClassVar[str] = "text"
    answer: ClassVar[str | None] = None
    default_network: ClassVar[str] = "decoder-only"
    metrics: ClassVar[tuple[str, ...]] = ()
    command: ClassVar[str] = "generate"
    generates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 2 <= self.context <= 1_000_000:
            raise ValueError(f"context must be 2 to 1,000,000, found {self.context}")

    @property
    def columns(self) -> Mapping[str, Column]:
        return {"text": Text(multiline=True, limit=self.context - 1)}

    def rows(self, records: Iterator[EncodedRow], processors: Processors) -> Iterator[EncodedRow]:
        tokenizer = processors.tokenizer("text")
        documents = (record["text"] for record in records)
        return ({"text": row} for row in pack(documents, tokenizer.start, tokenizer.end, self.context))

    def cost(self, lengths: Mapping[str, Lengths]) -> Costs:
        inputs = lengths["text"] - 1
        return Costs(main=inputs, other=inputs)

    def network(self, config: Any, processors: Processors) -> nn.Module:
        if not isinstance(config, DecoderOnlyConfig):
            raise wrong_network(self, config, DecoderOnlyConfig)
        network = config.build(vocabulary=processors["text"].size)
        smooth_over_text(network.head, processors.tokenizer("text"))
        return network

    def batch(self, rows: Rows, processors: Processors, seed: int) -> PackedBatch:
        tokenizer = processors.tokenizer("text")
        array = torch.from_numpy(padded(rows.columns["text"], (), (), tokenizer.pad))
        tokens, targets = array[:, :-1], array[:, 1:]
        lengths = torch.tensor([[len(row) - 1] for row in rows.columns["text"]])
        behind = torch.arange(tokens.shape[1]) >= lengths  # padding, or the last token where it predicts nothing
        starts = _starts(array, tokenizer.start, tokenizer.end)
        documents = starts[:, :-1].cumsum(1)
        tags = torch.isin(targets, torch.tensor(tokenizer.tag_ids(tokenizer.tags), dtype=targets.dtype))
        targets = targets.masked_fill(starts[:, 1:] | behind | tags, IGNORE)
        return PackedBatch(tokens.contiguous(), targets.contiguous(), documents)

    def loss(self, network: Any, batch: PackedBatch, smoothing: float) -> Loss:
        hidden = network(batch.tokens, batch.documents)
        return token_loss(network.head, hidden, batch.targets, smoothing)

    def logits_and_targets(
        self, network: Any, batch: PackedBatch
    ) -> Iterator[tuple[Float[Tensor, "R V"], Int[Tensor, " R"]]]:
        hidden = network(batch.tokens, batch.documents)
        return logits_and_targets(network.head, hidden, batch.targets)

    def figures(self, nll: float, units_per_byte: float) -> dict[str, float]:
        return {"perplexity": perplexity(nll), "bits-per-byte": nll / math.log(2) * units_per_byte}

    def predict(self, model: Model, records: Sequence[Record], settings: Decoding) -> Iterator[Output]:
        prompts, tags = [record.values["text"] for record in records], [record.tags for record in records]
        outputs = in_order(continuations(model, prompts, settings, self.context, tags))
        return (best for best, *_ in outputs)


def _starts(rows: Int[Tensor, "B L"], start: int, end: int) -> Bool[Tensor, "B L"]:
    """Where the start tokens of packed rows are. Some imported tokenizers have one token for start and end (GPT-2's
    <|endoftext|>): then every other one is a start, beginning with the first token of a row.

    >>> _starts(torch.tensor([[2, 5, 2, 2, 6], [6, 2, 2, 7, 8]]), start=2, end=2).int().tolist()
    [[1, 0, 0, 1, 0], [0, 0, 1, 0, 0]]
    """
    marks = rows == start
    if start != end:
        return marks
    return marks & (marks.cumsum(1) % 2 == marks[:, :1])


def continuations(
    model: Model,
    prompts: Sequence[str],
    settings: Decoding,
    context: int,
    tags: Sequence[Sequence[str]] | None = None,
    first_place: int = 0,
) -> Iterator[tuple[int, list[Output]]]:
    """Each prompt's place and its n best continuations, in the order of finishing; an empty prompt begins a document.

    The text of an output begins with the prompt; its score and its probabilities are those of the continuation.
    tags: those of each prompt, which stand before it. first_place: number of prompts before these in the same stream, on
    which random draws depend. LineError for a prompt that fills the model's context, ValueError for an unknown tag.
    """
    tokenizer = model.processors.tokenizer("text")
    rows = tagged(tokenizer, prompts, tags)
    requests = [
        Request(None, row, _room(row, place, settings.max_length, context), first_place + place)
        for place, row in enumerate(rows)
    ]
    for place, hypotheses in decode_requests(model, requests, settings, tokenizer, multiline=True):
        prompt = rows[place] if tags is None else rows[place][len(tags[place]) :]
        yield place, outputs_of(hypotheses, prompt, tokenizer)


def text_stream(model: Model, prompt: str, settings: Decoding, context: int, tags: Sequence[str] = ()) -> Iterator[str]:
    """The continuation of a prompt, part by part, each as soon as later tokens cannot change it; with a beam, when the
    search has ended. The parts join to the text of `continuations` behind the prompt.

    LineError, at once, for a prompt that fills the model's context; ValueError for an unknown tag.
    """
    (row,) = tagged(model.processors.tokenizer("text"), [prompt], [tags])
    request = Request(None, row, _room(row, 0, settings.max_length, context), 0)
    return _text_parts(model, request, row[len(tags) :], settings)


def _text_parts(model: Model, request: Request, prompt: Sequence[int], settings: Decoding) -> Iterator[str]:
    tokenizer = model.processors.tokenizer("text")
    text = StreamDecoder(tokenizer)
    hidden = len(tokenizer.decode(prompt)) - len(text.push(prompt))  # of the prompt, still to come
    for token in _tokens(model, request, settings):
        part = text.push([token])
        yield part[hidden:]
        hidden -= min(hidden, len(part))
    yield text.finish()[hidden:]


def _tokens(model: Model, request: Request, settings: Decoding) -> Iterator[int]:
    """The ids of the best continuation, one by one as they are chosen if that is possible."""
    tokenizer = model.processors.tokenizer("text")
    if settings.sampling is not None or settings.beam == 1:
        rules = vocabulary_rules(tokenizer, model.device, multiline=True)
        yield from stream(model.decodable(), request, settings, special_ids(tokenizer), model.device, rules)
        return
    for _, hypotheses in decode_requests(model, [request], settings, tokenizer, multiline=True):
        yield from hypotheses[0].ids


def _room(row: Sequence[int], place: int, max_length: int, context: int) -> int:
    """The longest continuation of a prompt: max-length, within the context that the model was trained with.

    The start token, the prompt and all but the last token of the continuation are inputs.
    """
    if len(row) >= context:
        raise LineError(
            place,
            f"the prompt has {counted(len(row), 'token')}, but this model takes at most {context - 1:,}: shorten the prompt",
        )
    return min(max_length, context - len(row))

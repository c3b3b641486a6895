"""Translation: source text to target text, with an encoder-decoder.

    source row      [17, 4, 9]           ->  source      [17, 4, 9, </s>]
    target row      [5, 8]               ->  target_in   [<s>, 5, 8]
                                             target_out  [5, 8, </s>]

Ids of a record's tags stand in front of its source row. Letters: B pairs, S source tokens, T target tokens, end token
included in both.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from transduce.data.batching import Costs, Lengths
from transduce.data.columns import Column, Text
from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.data.records import EncodedRow, Record
from transduce.decoding.config import Decoding
from transduce.decoding.engine import decode
from transduce.decoding.requests import Request
from transduce.networks.config import EncoderDecoderConfig
from transduce.tasks.outputs import LineError, Output, outputs_of
from transduce.tasks.task import Model, special_ids, wrong_network
from transduce.tasks.tokens import IGNORE, Ids, certainty, logits_and_targets, padded, perplexity, token_loss
from transduce.text.tags import tags_of_source
from transduce.training.losses import Loss

END_TOKEN = np.int32(1)  # the budget counts an end token in both columns; the store holds none


@dataclass(frozen=True)
class TranslationBatch:
    """Rows padded at the end: the sources and target_in with padding ids, target_out with IGNORE."""

    source: Int[Tensor, "B S"]
    lengths: Int[Tensor, " B"]  # of the sources, without padding
    target_in: Int[Tensor, "B T"]
    target_out: Int[Tensor, "B T"]

    def to(self, device: torch.device | str) -> "TranslationBatch":
        tensors = (self.source, self.lengths, self.target_in, self.target_out)
        return TranslationBatch(*(tensor.to(device) for tensor in tensors))


def pair_batch(source: Sequence[Ids], target: Sequence[Ids], processors: Processors) -> TranslationBatch:
    """Pairs of rows without special ids to a batch with them."""
    reader, writer = processors.tokenizer("source"), processors.tokenizer("target")
    arrays = (
        padded(source, (), (reader.end,), reader.pad),
        np.array([len(row) + 1 for row in source], dtype=np.int64),
        padded(target, (writer.start,), (), writer.pad),
        padded(target, (), (writer.end,), IGNORE),
    )
    return TranslationBatch(*(torch.from_numpy(array) for array in arrays))


@dataclass(frozen=True)
class Translation:
    """Pairs of a source and a target text."""

    name: ClassVar[str] = "translation"
    unit: ClassVar[str] = "pair"
    columns: ClassVar[Mapping[str, Column]] = {"source": Text(roles=("end", "pad")), "target": Text()}
    key: ClassVar[str] = "source"
    answer: ClassVar[str | None] = "target"
    default_network: ClassVar[str] = "encoder-decoder"
    metrics: ClassVar[tuple[str, ...]] = (
        "chrf", "bleu", "ter", "token-error-rate", "word-error-rate", "character-error-rate", "exact-match",
    )  # fmt: skip

    def rows(self, records: Iterator[EncodedRow], processors: Processors) -> Iterator[EncodedRow]:
        return records

    def cost(self, lengths: Mapping[str, Lengths]) -> Costs:
        return Costs(main=lengths["target"] + END_TOKEN, other=lengths["source"] + END_TOKEN)

    def network(self, config: Any, processors: Processors) -> nn.Module:
        if not isinstance(config, EncoderDecoderConfig):
            raise wrong_network(self, config)
        source, target = processors["source"], processors["target"]
        network: nn.Module = config.build(target.size, None if source is target else source.size)
        return network

    def batch(self, rows: Rows, processors: Processors, seed: int) -> TranslationBatch:
        return pair_batch(rows.columns["source"], rows.columns["target"], processors)

    def loss(self, network: Any, batch: TranslationBatch, smoothing: float) -> Loss:
        hidden = network(batch.source, batch.lengths, batch.target_in)
        return token_loss(network.head, hidden, batch.target_out, smoothing)

    def certainty(self, network: Any, batch: TranslationBatch) -> tuple[Float[Tensor, " N"], Bool[Tensor, " N"]]:
        hidden = network(batch.source, batch.lengths, batch.target_in)
        return certainty(network.head, hidden, batch.target_out)

    def figures(self, nll: float, units_per_byte: float) -> dict[str, float]:
        return {"perplexity": perplexity(nll)}

    def predict(self, model: Model, records: Sequence[Record], settings: Decoding) -> Iterator[Output]:
        lines, tags = [record.values["source"] for record in records], [record.tags for record in records]
        best = dict(outputs(model, lines, settings, tags if any(tags) else None))
        return (best[place][0] for place in range(len(lines)))


TRANSLATION = Translation()
MOST_TARGET = 8192  # tokens of a target that is given: memory grows with their square


def source_rows(
    model: Model, lines: Sequence[str], tags: Sequence[Sequence[str]] | None = None
) -> tuple[list[list[int]], list[bool]]:
    """Ids of tags and text without the end token, cut to the model's longest source, and whether each was cut.

    ValueError for an unknown tag.
    """
    if tags is not None and any(isinstance(each, str) for each in tags):
        raise ValueError('expected the tags of each line, as [("de",), ("fr", "formal")], found a string')
    most = model.generation.max_source - 1
    tokenizer = model.processors.tokenizer("source")
    rows = tokenizer.encode_batch(lines)
    if tags is not None:
        if len(tags) != len(lines):
            raise ValueError(f"expected the tags of each of {len(lines)} texts, found {len(tags)}")
        ids = {names: tokenizer.tag_ids(tags_of_source(names)) for names in {tuple(each) for each in tags}}
        rows = [ids[tuple(names)] + row for names, row in zip(tags, rows, strict=True)]
    return [row[:most] for row in rows], [len(row) > most for row in rows]


def target_rows(model: Model, targets: Sequence[str]) -> list[list[int]]:
    """Ids of given targets without the end token. ValueError for one of more than MOST_TARGET tokens."""
    rows = model.processors.tokenizer("target").encode_batch(targets)
    for place, row in enumerate(rows, 1):
        if len(row) > MOST_TARGET:
            raise ValueError(
                f"target {place} has {len(row):,} tokens, at most {MOST_TARGET:,} are scored; put one sentence or "
                "paragraph on a line"
            )
    return rows


def outputs(
    model: Model,
    lines: Sequence[str],
    settings: Decoding,
    tags: Sequence[Sequence[str]] | None = None,
    prefixes: Sequence[str] | None = None,
    first_place: int = 0,
) -> Iterator[tuple[int, list[Output]]]:
    """Each line's place and its n best outputs, in the order of finishing; a blank line gives one blank output.

    tags: those of each line. prefixes: a text for each line that its output begins with, "" for none; the score and the
    probabilities are those of the continuation. first_place: number of lines with text before these in the same stream, on
    which random draws depend. ValueError for an unknown tag; LineError for a prefix that leaves its output no room.
    """
    rows, cut = source_rows(model, lines, tags)
    places = [place for place, line in enumerate(lines) if line.strip()]
    yield from ((place, [Output("", 0.0, 0.0)]) for place, line in enumerate(lines) if not line.strip())
    prompts = prefix_rows(model, prefixes, rows, places, settings)
    end = model.processors.tokenizer("source").end
    requests = [
        Request([*rows[place], end], prompt, settings.limit(len(rows[place]) + 1) - len(prompt), first_place + number)
        for number, (place, prompt) in enumerate(zip(places, prompts, strict=True))
    ]
    tokenizer = model.processors.tokenizer("target")
    for number, hypotheses in decode(model.decodable(), requests, settings, special_ids(tokenizer), model.device):
        place = places[number]
        yield place, outputs_of(hypotheses, prompts[number], tokenizer, cut[place])


def prefix_rows(
    model: Model,
    prefixes: Sequence[str] | None,
    sources: Sequence[Sequence[int]],
    places: Sequence[int],
    settings: Decoding,
) -> list[list[int]]:
    """The ids of the prefixes of the lines at `places`. LineError for one that leaves its output no room, or has a word
    that a vocabulary of words lacks.

    Subword pieces carry the blank before a word and never one after it, so blanks at the end of a prefix are left out.
    """
    if prefixes is None:
        return [[] for _ in places]
    if len(prefixes) != len(sources):
        raise ValueError(f"expected a prefix for each of {len(sources)} lines, found {len(prefixes)}")
    tokenizer = model.processors.tokenizer("target")
    subwords = tokenizer.kind in ("unigram", "bpe")
    texts = [prefixes[place].rstrip() if subwords else prefixes[place] for place in places]
    rows = tokenizer.encode_batch(texts)
    for place, text, row in zip(places, texts, rows, strict=True):
        if tokenizer.unknown is not None and tokenizer.unknown in row:
            begin, end = tokenizer.places(text)[row.index(tokenizer.unknown)]
            word = text[begin:end].strip()
            raise LineError(place, f"the prefix has the word {word!r}, which is none of the model's target words")
        limit = settings.limit(len(sources[place]) + 1)
        if row and len(row) >= limit:
            raise LineError(
                place,
                f"the prefix has {len(row)} tokens, but the output may have at most {limit}, its end included; "
                "shorten the prefix, or raise max-length, max-ratio or max-extra",
            )
    return rows


@torch.no_grad()
def token_log_probabilities(network: Any, batch: TranslationBatch) -> list[list[float]]:
    """Log-probability of each target token of each pair, the end token last, in float32 whatever the network's type."""
    if network.training:
        raise ValueError("the model is in training mode, in which dropout changes its scores: call model.eval() first")
    counted = batch.target_out != IGNORE
    hidden = network(batch.source, batch.lengths, batch.target_in)
    values: list[float] = []
    for logits, targets in logits_and_targets(network.head, hidden, batch.target_out):
        values += logits.log_softmax(-1).gather(1, targets[:, None])[:, 0].tolist()
    each = iter(values)
    return [list(islice(each, count)) for count in counted.sum(1).tolist()]

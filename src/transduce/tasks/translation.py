"""Translation: source text to target text, with an encoder-decoder.

    source row      [17, 4, 9]           ->  source      [17, 4, 9, </s>]
    target row      [5, 8]               ->  target_in   [<s>, 5, 8]
                                             target_out  [5, 8, </s>]

Ids of a record's tags stand in front of its source row. Letters: B pairs, S source tokens, T target tokens, end token
included in both.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transduce.data.batching import Costs, Lengths, by_length
from transduce.data.columns import Column, Text
from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.data.records import EncodedRow, Record, counted
from transduce.decoding.config import Decoding
from transduce.decoding.protocol import require_evaluation_mode
from transduce.decoding.requests import Request
from transduce.decoding.scores import check_probabilities
from transduce.networks.source_to_target import SourceToTargetConfig
from transduce.tasks.outputs import LineError, Output, Scored, decode_requests, in_order, outputs_of
from transduce.tasks.references import check_answers
from transduce.tasks.task import Model, wrong_network
from transduce.tasks.tokens import (
    IGNORE,
    Ids,
    logits_and_targets,
    padded,
    perplexity,
    smooth_over_text,
    tagged,
    token_loss,
)
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
    command: ClassVar[str] = "translate"
    generates: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = (
        "chrf", "bleu", "ter", "token-error-rate", "word-error-rate", "character-error-rate", "exact-match",
    )  # fmt: skip

    def rows(self, records: Iterator[EncodedRow], processors: Processors) -> Iterator[EncodedRow]:
        return records

    def cost(self, lengths: Mapping[str, Lengths]) -> Costs:
        return Costs(main=lengths["target"] + END_TOKEN, other=lengths["source"] + END_TOKEN)

    def network(self, config: Any, processors: Processors) -> nn.Module:
        if not isinstance(config, SourceToTargetConfig):
            raise wrong_network(self, config, SourceToTargetConfig)
        source, target = processors["source"], processors["target"]
        network: Any = config.build(target.size, None if source is target else source.size)
        smooth_over_text(network.head, processors.tokenizer("target"))
        return cast(nn.Module, network)

    def batch(self, rows: Rows, processors: Processors, seed: int) -> TranslationBatch:
        return pair_batch(rows.columns["source"], rows.columns["target"], processors)

    def loss(self, network: Any, batch: TranslationBatch, smoothing: float) -> Loss:
        hidden = network(batch.source, batch.lengths, batch.target_in)
        return token_loss(network.head, hidden, batch.target_out, smoothing)

    def logits_and_targets(
        self, network: Any, batch: TranslationBatch
    ) -> Iterator[tuple[Float[Tensor, "R V"], Int[Tensor, " R"]]]:
        hidden = network(batch.source, batch.lengths, batch.target_in)
        return logits_and_targets(network.head, hidden, batch.target_out)

    def figures(self, nll: float, units_per_byte: float) -> dict[str, float]:
        return {"perplexity": perplexity(nll)}

    def predict(self, model: Model, records: Sequence[Record], settings: Decoding) -> Iterator[Output]:
        lines, tags = [record.values["source"] for record in records], [record.tags for record in records]
        return (best for best, *_ in in_order(outputs(model, lines, settings, tags)))


TRANSLATION = Translation()


def source_rows(
    model: Model, lines: Sequence[str], tags: Sequence[Sequence[str]] | None = None
) -> tuple[list[list[int]], list[bool]]:
    """Ids of tags and text without the end token, cut to the model's longest source, and whether each was cut.

    ValueError for an unknown tag.
    """
    most = model.generation.max_source - 1
    rows = tagged(model.processors.tokenizer("source"), lines, tags)
    return [row[:most] for row in rows], [len(row) > most for row in rows]


def target_rows(model: Model, targets: Sequence[str]) -> list[list[int]]:
    """Ids of given targets without the end token. ValueError for one of more than MOST_ANSWER tokens."""
    rows = model.processors.tokenizer("target").encode_batch(targets)
    check_answers(rows, [f"target {place}" for place in range(1, len(rows) + 1)])
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
    for number, hypotheses in decode_requests(model, requests, settings, tokenizer):
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
        raise ValueError(f"expected a prefix for each of {counted(len(sources), 'line')}, found {len(prefixes)}")
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
                f"the prefix has {counted(len(row), 'token')}, but the output may have at most {limit}, its end included; "
                "shorten the prefix, or raise max-length, max-ratio or max-extra",
            )
    return rows


@torch.no_grad()
def token_log_probabilities(network: Any, batch: TranslationBatch) -> list[list[float]]:
    """Log-probability of each target token of each pair, the end token last, in float32 whatever the network's type."""
    require_evaluation_mode(network)
    counted = batch.target_out != IGNORE
    hidden = network(batch.source, batch.lengths, batch.target_in)
    values: list[float] = []
    for logits, targets in logits_and_targets(network.head, hidden, batch.target_out):
        own = logits.log_softmax(-1).gather(1, targets[:, None])[:, 0]
        check_probabilities(own)
        values += own.tolist()
    each = iter(values)
    return [list(islice(each, count)) for count in counted.sum(1).tolist()]


def mean_log_probabilities(model: Model, batch: TranslationBatch) -> list[list[float]]:
    """The same by a model: in an ensemble, the logarithm of the mean probability of each token."""
    by_network = [token_log_probabilities(network, batch) for network in model.networks]
    if len(by_network) == 1:
        return by_network[0]
    return [[_log_mean_exp(each) for each in zip(*tokens, strict=True)] for tokens in zip(*by_network, strict=True)]


def _log_mean_exp(values: Sequence[float]) -> float:
    highest = max(values)
    if highest == -math.inf:
        return highest
    return highest + math.log(math.fsum(math.exp(value - highest) for value in values) / len(values))


def score(
    model: Model, pairs: Sequence[Sequence[str]], batch_tokens: int, tags: Sequence[Sequence[str]] | None = None
) -> Iterator[tuple[int, Scored]]:
    """Each pair's place and the log-probability of its target, batch by batch. Sources that are too long are cut.

    ValueError for a target of more than MOST_ANSWER tokens.
    """
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError("expected pairs (source, target)")
    source, cut = source_rows(model, [pair[0] for pair in pairs], tags)
    target = target_rows(model, [pair[1] for pair in pairs])
    tokenizer = model.processors.tokenizer("target")
    for group in by_length([max(len(s), len(t)) + 1 for s, t in zip(source, target, strict=True)], batch_tokens):
        batch = pair_batch([source[place] for place in group], [target[place] for place in group], model.processors)
        for place, tokens in zip(group, mean_log_probabilities(model, batch.to(model.device)), strict=True):
            pieces = tuple(tokenizer.pieces([*target[place], tokenizer.end]))
            yield place, Scored(math.fsum(tokens), tuple(tokens), pieces, cut[place])

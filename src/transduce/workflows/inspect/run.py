"""Inspect: what a model looks at, what else it considered and what its output depends on, for one text.

Letters: S source tokens, T output tokens, end tokens included; H heads, N encoder layers, M decoder layers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from transduce.decoding.engine import decode_all
from transduce.decoding.requests import Request
from transduce.models.ensemble import EnsembleModel
from transduce.models.model import Model
from transduce.networks.probes import attention_maps, source_saliency
from transduce.networks.table import family_of
from transduce.networks.transformer import EncoderDecoder
from transduce.tasks import translation
from transduce.tasks.task import special_ids, vocabulary_rules
from transduce.text.tokenizer import Tokenizer

MOST_TOKENS = 256  # on either side
TOP, MOST_TOP = 5, 100  # alternatives kept of each step


@dataclass(frozen=True)
class Choice:
    """A token that may come next: how it is written, its id in the vocabulary, and its probability."""

    piece: str
    id: int
    probability: float


@dataclass(frozen=True)
class Step:
    """One token of the output: itself, how many tokens were as probable or more so, and the most probable ones."""

    token: Choice
    rank: int  # 1: the model's first choice
    choices: tuple[Choice, ...]  # most probable first


@dataclass(frozen=True)
class Inspection:
    """The result of `inspect`. Rows of weights are the attending tokens, columns the tokens they attend to.

    text: the source. output: its translation, or the target of the caller. tags: those before the source.
    log_probability: of the output given the source, in nats, end token included.
    from_caller: the output comes from the caller, not from beam search.
    ended: the output has its own end token; False where the search stops at the longest output and the end token is added.
    cut: the source is longer than the limit of the model, which reads only its beginning.
    source_pieces: tags, source tokens, end token. input_pieces: what the decoder reads, the start token first; at place t
        it has read input_pieces[: t + 1] and gives steps[t], whose last is the end token.
    encoder, decoder, attention: weights by layer and head, of the source over itself, of what the decoder has read over
        itself, and of each step over the source. A row sums to 1.
    saliency: of each source token for each step, as `networks.probes.source_saliency` defines it.
    """

    model: str
    text: str
    output: str
    tags: tuple[str, ...]
    log_probability: float
    from_caller: bool
    ended: bool
    cut: bool
    source_pieces: tuple[str, ...]
    input_pieces: tuple[str, ...]
    steps: tuple[Step, ...]
    encoder: Float[np.ndarray, "N H S S"]
    decoder: Float[np.ndarray, "M H T T"]
    attention: Float[np.ndarray, "M H T S"]
    saliency: Float[np.ndarray, "T S"]


def inspect(
    model: Model,
    text: str,
    target: str | None = None,
    *,
    tags: Sequence[str] = (),
    beam: int | None = None,
    top: int = TOP,
) -> Inspection:
    """Looks at a model while it writes its own translation of `text`, or `target` where one is given.

    Either is put through the model token by token (forced decoding), so probabilities are the model's own, whatever
    rules the search obeys. `beam` is that of the search; `top` is how many alternatives are kept of each step.
    ValueError for a blank text, an unknown tag, more than MOST_TOKENS tokens on a side, an ensemble, and a network that
    is no Transformer.
    """
    if not text.strip():
        raise ValueError("the text is blank: there is nothing to look at")
    if not 1 <= top <= MOST_TOP:
        raise ValueError(f"top must be 1 to {MOST_TOP}, found {top}")
    if isinstance(model, EnsembleModel):
        raise ValueError(f"{model.name}: an ensemble; look into one of its models at a time")
    model.require(translation.Translation)
    network, reader, writer = model.network, model.processors.tokenizer("source"), model.processors.tokenizer("target")
    if not isinstance(network, EncoderDecoder):
        raise ValueError(
            f"{model.name}: inspect shows the heads of every layer, which a Transformer has, and this is "
            f"{family_of(model.config.network)}; transduce align shows its attention over the source"
        )
    (source,), (cut,) = translation.source_rows(model, [text], [tags] if tags else None)
    _check_length("the text", len(source) + 1)
    ids, ended = (writer.encode(target), True) if target is not None else _search(model, source, beam)
    _check_length("the output" if target is None else "the target", len(ids) + 1)
    batch = translation.pair_batch([source], [ids], model.processors).to(model.device)
    maps = attention_maps(network, batch.source, batch.lengths, batch.target_in)
    saliency = source_saliency(network, batch.source, batch.target_in, batch.target_out)
    return Inspection(
        model=model.name,
        text=text,
        output=writer.decode(ids) if target is None else target,
        tags=tuple(tags),
        log_probability=math.fsum(translation.token_log_probabilities(network, batch)[0]),
        from_caller=target is not None,
        ended=ended,
        cut=cut,
        source_pieces=tuple(reader.pieces(batch.source[0].tolist())),
        input_pieces=tuple(writer.pieces(batch.target_in[0].tolist())),
        steps=_steps(network, writer, batch, min(top, writer.size)),
        encoder=_array(maps.encoder[:, 0]),
        decoder=_array(maps.decoder[:, 0]),
        attention=_array(maps.source[:, 0]),
        saliency=_array(saliency),
    )


def _check_length(what: str, tokens: int) -> None:
    if tokens > MOST_TOKENS:
        raise ValueError(f"{what} has {tokens} tokens, at most {MOST_TOKENS} can be shown; give a shorter one")


def _search(model: Model, source: list[int], beam: int | None) -> tuple[list[int], bool]:
    """The ids of the best output, and whether the model ended it."""
    settings = model.decoding() if beam is None else model.decoding(beam=beam)
    reader, writer = model.processors.tokenizer("source"), model.processors.tokenizer("target")
    request = Request([*source, reader.end], (), settings.limit(len(source) + 1), 0)
    special, rules = special_ids(writer), vocabulary_rules(writer, model.device)
    ((best, *_),) = decode_all(model.decodable(), [request], settings, special, model.device, rules)
    return list(best.ids), best.ended


@torch.no_grad()
def _steps(
    network: EncoderDecoder, writer: Tokenizer, batch: translation.TranslationBatch, top: int
) -> tuple[Step, ...]:
    hidden = network(batch.source, batch.lengths, batch.target_in)
    logits = network.head.logits(hidden)[0].float()  # (T, V)
    probabilities = logits.softmax(-1).cpu()
    token = batch.target_out[0].cpu()
    ranks = (probabilities > probabilities.gather(1, token[:, None])).sum(1) + 1
    best = probabilities.topk(top, dim=-1)

    def choice(place: int, number: int) -> Choice:
        return Choice(writer.pieces([number])[0], number, float(probabilities[place, number]))

    return tuple(
        Step(choice(place, number), rank, tuple(choice(place, other) for other in others))
        for place, (number, rank, others) in enumerate(
            zip(token.tolist(), ranks.tolist(), best.indices.tolist(), strict=True)
        )
    )


def _array(values: Tensor) -> np.ndarray:
    return values.float().cpu().numpy()

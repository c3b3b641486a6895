"""Align: which source word each word of a given target renders, read from the model's attention over the source.

The given target is put through the model token by token (forced decoding). Each of its tokens goes with the token of a
source word that gets the largest weight, as a mean over heads and layers (and over the models of an ensemble); it stays
without one where the source's end token gets more than all its words together. Words are linked where any of their
tokens are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from transduce.data.batching import by_length
from transduce.decoding.protocol import require_evaluation_mode
from transduce.evaluation.alignment import Link
from transduce.models.model import Model
from transduce.networks.probes import source_attention, source_attentions
from transduce.networks.source_to_target import SourceToTarget
from transduce.networks.transformer import EncoderDecoder
from transduce.tasks import translation
from transduce.terminal import progress_bar
from transduce.text.tokenizer import Tokenizer, word_numbers

Network = EncoderDecoder | SourceToTarget  # that has attention over the source
Links = tuple[Link, ...]
WordNumbers = Sequence[int | None]


@dataclass(frozen=True)
class Reading:
    """Which attention says where a target token comes from.

    layer: a decoder layer, counted from 1; None for the mean over all of them.
    shifted: the weights of the step that takes the token as its input, not of the step that gives it as its output.
        Then the model has seen the token before it looks for its source. Chen et al. 2020 (SHIFT-ATT, 2004.14837) find
        that better in the middle layers of models trained on millions of pairs. In small models, whose next word is
        hardly ever in doubt, the other is far better (the test of this file measures it), so it is the default.
    """

    layer: int | None = None
    shifted: bool = False


def align(
    model: Model,
    pairs: Sequence[tuple[str, str]],
    tags: Sequence[Sequence[str]] | None = None,
    *,
    reading: Reading = Reading(),
    batch_tokens: int = 4096,
) -> list[Links]:
    """Links (source word, target word) of each pair, in order; words are what white space separates, counted from 0.

    `tags` are those of each pair, as in `Model.translate_n_best`. Source words beyond what the model takes, and every
    word of a pair with a blank side, stay without links. ValueError for a layer that the model
    does not have, and for an unknown tag.
    """
    networks = networks_of(model)
    layers = [_layers(network, reading.layer) for network in networks]
    sources, _ = translation.source_rows(model, [source for source, _ in pairs], tags)
    targets = translation.target_rows(model, [target for _, target in pairs])
    links: list[Links] = [() for _ in pairs]
    reader, writer = model.processors.tokenizer("source"), model.processors.tokenizer("target")
    for group in by_length([max(len(s), len(t)) + 1 for s, t in zip(sources, targets, strict=True)], batch_tokens):
        batch = translation.pair_batch([sources[i] for i in group], [targets[i] for i in group], model.processors)
        weights = _mean_attention(networks, layers, batch.to(model.device))
        for place, row in zip(group, weights, strict=True):
            source, target = pairs[place]
            first = 1 if reading.shifted else 0  # row t is of the step that takes token t - 1 and gives token t
            row = row[first : first + len(targets[place]), : len(sources[place]) + 1]
            marks = len(tags[place]) if tags is not None else 0
            words = _source_words(reader, source, len(sources[place]), marks)
            links[place] = links_of(row, words, word_numbers(target, writer.places(target)))
    return links


def align_batches(
    model: Model,
    batches: Iterable[Sequence[tuple[str, str]]],
    tags: Sequence[str] = (),
    *,
    reading: Reading = Reading(),
    bar_hidden: bool = False,
) -> Iterator[list[Links]]:
    """The links of batch after batch, with a progress bar; `tags` are those of every pair."""
    with progress_bar("pair", hidden=bar_hidden) as bar:
        for pairs in batches:
            yield align(model, pairs, [tags] * len(pairs) if tags else None, reading=reading)
            bar.update(len(pairs))


def links_of(weights: Float[Tensor, "T S"], source_words: WordNumbers, target_words: WordNumbers) -> Links:
    """The links of one pair, sorted, from the weights of its target tokens over its source tokens and their words.

    The last source token is the end token. Others that are in no word, as tags are, get no links and forbid none.
    """
    outside = torch.tensor([word is None for word in source_words])
    within = weights.masked_fill(outside, 0.0)
    unseen = within.sum(1) < weights[:, -1]
    links = {
        (source_words[place], word)
        for place, word, none in zip(within.argmax(1).tolist(), target_words, unseen.tolist(), strict=True)
        if not none
    }
    return tuple(sorted((source, target) for source, target in links if source is not None and target is not None))


def networks_of(model: Model) -> list[Network]:
    """The model's network, or those of an ensemble. ValueError for another task, for a network without attention over the
    source, and for training mode.
    """
    model.require(translation.Translation)
    networks = []
    for network in model.networks:
        require_evaluation_mode(network)
        if not isinstance(network, Network):
            raise ValueError(
                f"{model.name}: align reads attention over the source, and a network of class {type(network).__name__} "
                "shows none"
            )
        networks.append(network)
    return networks


def _layers(network: Network, layer: int | None) -> list[int]:
    layers = source_attentions(network)
    if layer is None:
        return list(range(layers))
    if not 1 <= layer <= layers:
        of = "decoder layers of this model" if layers > 1 else "one decoder layer of this model that has attention"
        raise ValueError(f"layer must be 1 to {layers}, the {of}, found {layer}")
    return [layer - 1]


def _mean_attention(
    networks: Sequence[Network], layers: Sequence[Sequence[int]], batch: translation.TranslationBatch
) -> Float[Tensor, "B T S"]:
    """Of the layers of each network."""
    by_network = [
        source_attention(network, batch.source, batch.lengths, batch.target_in, which)
        for network, which in zip(networks, layers, strict=True)
    ]
    return torch.stack([each.float().cpu() for each in by_network]).mean(0)


def _source_words(tokenizer: Tokenizer, text: str, tokens: int, tags: int) -> WordNumbers:
    """The word of each of the first `tokens` source tokens, tags included, and of the end token behind them."""
    return [*([None] * tags + word_numbers(text, tokenizer.places(text)))[:tokens], None]

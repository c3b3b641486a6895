"""Align: which source word each word of a given target renders, read from the model's attention over the source.

A target token's row is that of the step which takes the token as its input, so that the model has seen the word before
it looks for its source (SHIFT-ATT: Chen et al. 2020, Accurate Word Alignment Induction from Neural Machine Translation,
2004.14837). The heads of one decoder layer are averaged; the token goes with the source token of the largest weight,
the end token and tags left aside. Words are linked where any of their tokens are.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from transduce.architectures.transformer_attention import source_attention
from transduce.evaluation.alignment import Link
from transduce.tasks import translation
from transduce.text.words import word_numbers
from transduce.workflows.model import Model, by_length

Links = tuple[Link, ...]
WordNumbers = Sequence[int | None]


def align(
    model: Model,
    pairs: Sequence[tuple[str, str]],
    tags: Sequence[tuple[str, ...]] | None = None,
    *,
    layer: int | None = None,
    batch_tokens: int = 4096,
    progress: Callable[[int], object] | None = None,
) -> list[Links]:
    """Links (source word, target word) of each pair, in order; words are what white space separates, counted from 0.

    `tags` as in `Model.translate_n_best`. `layer` is the decoder layer whose attention is read, counted from 1; by
    default `default_layer`. Source words beyond what the model takes, and every word of a pair with a blank side, stay
    without links. `progress` hears the number of pairs just done. ValueError for a layer that the model does not have.
    """
    chosen = _layer(model, layer)
    sources = _source_rows(model, [source for source, _ in pairs], tags)
    targets = model.tokenizers.target.encode_batch([target for _, target in pairs])
    links: list[Links] = [() for _ in pairs]
    for group in by_length([max(len(s), len(t)) + 1 for s, t in zip(sources, targets, strict=True)], batch_tokens):
        both = [place for place in group if sources[place] and targets[place]]
        if both:
            batch = translation.batch_of([sources[i] for i in both], [targets[i] for i in both], model.device)
            weights = source_attention(model.network, batch.source, batch.lengths, batch.target_in, chosen - 1)
            rows = weights.float().mean(1).cpu()  # (B, T, S)
            for place, row in zip(both, rows, strict=True):
                words = _words(model, pairs[place], len(sources[place]), len(targets[place]))
                links[place] = links_of(row[1 : len(targets[place]) + 1], *words)
        if progress is not None:
            progress(len(group))
    return links


def default_layer(layers: int) -> int:
    """The decoder layer to read of a model with so many, counted from 1."""
    return (layers + 1) // 2


def links_of(weights: Tensor, source_words: WordNumbers, target_words: WordNumbers) -> Links:
    """The links of one pair, sorted: `weights` (target tokens, source tokens) may go on with source tokens of no word."""
    inside = [place for place, word in enumerate(source_words) if word is not None]
    if not inside:
        return ()
    best = weights[:, torch.tensor(inside)].argmax(1).tolist()
    found = {(source_words[inside[place]], word) for place, word in zip(best, target_words, strict=True)}
    return tuple(sorted((source, target) for source, target in found if source is not None and target is not None))


def _layer(model: Model, layer: int | None) -> int:
    layers = len(model.network.decoder.layers)
    if layer is None:
        return default_layer(layers)
    if not 1 <= layer <= layers:
        raise ValueError(f"layer must be 1 to {layers}, the decoder layers of this model, found {layer}")
    return layer


def _source_rows(model: Model, texts: Sequence[str], tags: Sequence[tuple[str, ...]] | None) -> list[list[int]]:
    """Ids without the end token, cut to what the model takes."""
    most = model.spec.generation.max_source - 1
    rows: Iterable[list[int]] = model.tokenizers.source.encode_batch(list(texts))
    return [row[:most] for row in rows]


def _words(model: Model, pair: tuple[str, str], source: int, target: int) -> tuple[WordNumbers, WordNumbers]:
    """The word of each of the `source` and `target` tokens of a pair. Tags stand before the source and in no word."""
    tokenizers = model.tokenizers
    of_source = word_numbers(pair[0], tokenizers.source.places(pair[0]))
    of_target = word_numbers(pair[1], tokenizers.target.places(pair[1]))
    assert len(of_target) == target
    return of_source[:source], of_target

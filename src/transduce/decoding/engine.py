"""Decode any number of sources: batches by tokens, results in input order."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from transduce.decoding.beam import beam_search
from transduce.decoding.config import Decoding
from transduce.decoding.greedy import GreedyState, greedy_search, search
from transduce.decoding.hypothesis import Hypothesis, SpecialIds
from transduce.decoding.protocol import Decodable, State
from transduce.decoding.sampling import Sampling, drawn

MIN_PADDED = 8  # what a shorter source counts for in a batch: its output takes room too


def batches(lengths: Sequence[int], batch_tokens: int, beam: int) -> Iterator[list[int]]:
    """Indices of sources that are decoded together, longest first.

    A batch holds at most `batch_tokens` padded source tokens, each counted `beam` times, and always one source:
    `list(batches([1, 20, 10], batch_tokens=40, beam=1)) == [[1, 2], [0]]`.
    """
    batch: list[int] = []
    room = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and len(batch) == room:
            yield batch
            batch = []
        if not batch:
            room = max(1, batch_tokens // (beam * max(lengths[index], MIN_PADDED)))
        batch.append(index)
    if batch:
        yield batch


def decode(
    model: Decodable[State],
    sources: Sequence[Sequence[int]],
    settings: Decoding,
    special: SpecialIds,
    progress: Callable[[int], object] | None = None,
    device: torch.device | str = "cpu",
) -> list[list[Hypothesis]]:
    """Up to n-best hypotheses for each source (token ids), best score first, in the order of the sources.

    One beam is greedy search by definition; with `settings.sampling` the n best are that many independent draws.
    Results do not depend on which sources are decoded together, up to the rounding of the model's matrix products.
    `progress` is called with the number of sources just finished, batch by batch (`tqdm.update` fits). `device` is
    where the model is; the model must be in evaluation mode.
    Raises ValueError for an empty source, a model in training mode, and logits that are NaN or infinite.
    """
    if getattr(model, "training", False):
        raise ValueError("the model is in training mode, in which dropout changes its outputs: call model.eval() first")
    empty = [index for index, source in enumerate(sources) if len(source) == 0]
    if empty:
        raise ValueError(f"source {empty[0]} (counted from 0) has no tokens: leave out empty sources")
    rows = settings.beam if settings.sampling is None else settings.n_best
    results: list[list[Hypothesis]] = [[] for _ in sources]
    for batch in batches([len(source) for source in sources], settings.batch_tokens, rows):
        # not inference_mode: what a model keeps from here (a table of positions) may later need gradients
        with torch.no_grad():
            found = _decode_batch(model, sources, batch, settings, special, device)
        for index, hypotheses in zip(batch, found, strict=True):
            if not hypotheses or hypotheses[0].log_probability == -math.inf:
                raise ValueError(f"the model gives every permitted output of source {index} probability zero")
            results[index] = sorted(hypotheses, key=lambda each: -each.score)
        if progress is not None:
            progress(len(batch))
    return results


def _decode_batch(
    model: Decodable[State],
    sources: Sequence[Sequence[int]],
    batch: Sequence[int],
    settings: Decoding,
    special: SpecialIds,
    device: torch.device | str,
) -> list[list[Hypothesis]]:
    """The hypotheses of the sources at `batch`: those of one search, or of n-best draws side by side."""
    if settings.sampling is None:
        arguments = _padded([sources[index] for index in batch], settings, special, device)
        return (greedy_search if settings.beam == 1 else beam_search)(model, *arguments, settings, special)
    copies = [index for index in batch for _ in range(settings.n_best)]
    padded, lengths, limits = _padded([sources[index] for index in copies], settings, special, device)
    places = [index * settings.n_best + number for index in batch for number in range(settings.n_best)]
    uniform = settings.sampling.draws(places, int(limits.max())).to(device)
    choose = partial(_draw, settings.sampling, uniform)
    drawn_each = search(model, padded, lengths, limits, settings, special, choose)
    groups = range(0, len(copies), settings.n_best)
    return [[each for one in drawn_each[start : start + settings.n_best] for each in one] for start in groups]


def _draw(sampling: Sampling, uniform: Tensor, state: GreedyState, log_probs: Tensor) -> Tensor:
    """The next token of every sentence; its number of the step is the length of its prefix."""
    return drawn(sampling.probabilities(log_probs), uniform[state.sentences, state.tokens.size(1) - 1])


def _padded(
    sources: Sequence[Sequence[int]], settings: Decoding, special: SpecialIds, device: torch.device | str
) -> tuple[Tensor, Tensor, Tensor]:
    """Sources (B, S), their lengths (B,) and the longest output of each (B,)."""
    lengths = torch.tensor([len(source) for source in sources])
    padded = torch.full((len(sources), int(lengths.max())), special.pad)
    for row, source in enumerate(sources):
        padded[row, : lengths[row]] = torch.tensor(source)
    limits = torch.tensor([settings.limit(len(source)) for source in sources])
    return padded.to(device), lengths.to(device), limits.to(device)

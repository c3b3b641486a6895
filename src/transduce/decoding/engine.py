"""Decode any number of sources: batches by tokens, results in input order."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from transduce.decoding.config import Decoding
from transduce.decoding.hypothesis import Hypothesis, SpecialIds
from transduce.decoding.loop import Reading, run
from transduce.decoding.partial_outputs import Written
from transduce.decoding.protocol import Attending, Decodable, State
from transduce.decoding.requests import Batch, Request
from transduce.decoding.rules.rule import rules_for
from transduce.decoding.strategies import beam, diverse, greedy
from transduce.decoding.strategies.sampling import Sampling, drawn

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
    prefixes: Sequence[Sequence[int]] | None = None,
    first_place: int = 0,
) -> list[list[Hypothesis]]:
    """Up to n-best hypotheses for each source (token ids), best score first, in the order of the sources.

    One beam is greedy search by definition; with `settings.sampling` the n best are that many independent draws.
    Results do not depend on which sources are decoded together, up to the rounding of the model's matrix products.
    `prefixes` are token ids that the output of each source must begin with (none where empty): they count in its
    length and its log-probability. `first_place` is how many sources of the same stream were decoded before, so that
    random draws depend on a source's place in the stream and not on how it was cut into calls. `progress` is called
    with the number of sources just finished, batch by batch (`tqdm.update` fits). `device` is where the model is; the
    model must be in evaluation mode.
    Raises ValueError for an empty source, a prefix that leaves its output no room or holds a special id, a model in
    training mode or without attention where `settings.coverage_penalty` needs it, and logits that are NaN or infinite.
    """
    _check_model(model, settings)
    requests = _requests(sources, prefixes, settings, special, first_place)
    rows = settings.beam if settings.sampling is None else settings.n_best
    results: list[list[Hypothesis]] = [[] for _ in sources]
    for places in batches([len(source) for source in sources], settings.batch_tokens, rows):
        # not inference_mode: what a model keeps from here (a table of positions) may later need gradients
        with torch.no_grad():
            found = _decode_batch(model, [requests[index] for index in places], settings, special, device)
        for index, hypotheses in zip(places, found, strict=True):
            if not hypotheses or hypotheses[0].log_probability == -math.inf:
                raise ValueError(f"the model gives every permitted output of source {index} probability zero")
            results[index] = sorted(hypotheses, key=lambda each: -each.score)
        if progress is not None:
            progress(len(places))
    return results


def _check_model(model: Decodable[State], settings: Decoding) -> None:
    if getattr(model, "training", False):
        raise ValueError("the model is in training mode, in which dropout changes its outputs: call model.eval() first")
    if settings.coverage_penalty and not isinstance(model, Attending):
        raise ValueError(
            f"coverage-penalty must be 0 with a model that does not show its attention, found "
            f"{settings.coverage_penalty}: {type(model).__name__} has no method `attended`"
        )


def _requests(
    sources: Sequence[Sequence[int]],
    prefixes: Sequence[Sequence[int]] | None,
    settings: Decoding,
    special: SpecialIds,
    first_place: int,
) -> list[Request]:
    """Sources, limits, prefixes and places, once they are known to go together."""
    if prefixes is None:
        prefixes = [()] * len(sources)
    if len(prefixes) != len(sources):
        raise ValueError(f"expected one prefix for each of {len(sources)} sources, found {len(prefixes)}")
    requests = []
    for index, (source, prefix) in enumerate(zip(sources, prefixes, strict=True)):
        if len(source) == 0:
            raise ValueError(f"source {index} (counted from 0) has no tokens: leave out empty sources")
        limit = settings.limit(len(source))
        _check_prefix(index, prefix, limit, special)
        requests.append(Request(source, limit, prefix, first_place + index))
    return requests


def _check_prefix(index: int, prefix: Sequence[int], limit: int, special: SpecialIds) -> None:
    if prefix and len(prefix) >= limit:
        raise ValueError(
            f"source {index} (counted from 0) has a prefix of {len(prefix)} tokens, but its output may have at most "
            f"{limit}, one of them after the prefix: shorten the prefix, or raise max-length, max-ratio or max-extra"
        )
    for token in prefix:
        if token < 0 or token in (special.pad, special.start, special.end):
            raise ValueError(
                f"the prefix of source {index} (counted from 0) holds id {token}, which is no text: {special}"
            )


def _decode_batch(
    model: Decodable[State],
    requests: Sequence[Request],
    settings: Decoding,
    special: SpecialIds,
    device: torch.device | str,
) -> list[list[Hypothesis]]:
    """The hypotheses of each request: those of one search, or of n-best draws side by side."""
    if settings.sampling is not None:
        return _sample(model, requests, settings, settings.sampling, special, device)
    batch = Batch.of(requests, special.pad, device)
    reading, rules = Reading.start(model, batch, settings.coverage_penalty), rules_for(settings, batch, special.end)
    if settings.beam == 1:
        begin = partial(greedy.begin, choose=greedy.most_probable, alpha=settings.alpha, end=special.end)
        return run(reading, batch, begin, rules, special)
    of = beam if settings.groups == 1 else diverse
    return run(reading, batch, partial(of.begin, settings=settings, end=special.end), rules, special, settings.groups)


def _sample(
    model: Decodable[State],
    requests: Sequence[Request],
    settings: Decoding,
    sampling: Sampling,
    special: SpecialIds,
    device: torch.device | str,
) -> list[list[Hypothesis]]:
    """n-best draws for each request, each a row of its own."""
    count = settings.n_best
    batch = Batch.of([request for request in requests for _ in range(count)], special.pad, device)
    places = [(request.place, number) for request in requests for number in range(count)]
    uniform = sampling.draws(places, int(batch.limits.max())).to(device)

    def draw(written: Written, log_probs: Tensor) -> Tensor:
        return drawn(sampling.probabilities(log_probs), uniform[written.sentences, written.next_length - 1])

    begin = partial(greedy.begin, choose=draw, alpha=settings.alpha, end=special.end)
    reading, rules = Reading.start(model, batch, settings.coverage_penalty), rules_for(settings, batch, special.end)
    found = run(reading, batch, begin, rules, special)
    return [[each for one in found[row : row + count] for each in one] for row in range(0, len(found), count)]

"""The engine: requests come in, the model reads, rules reshape, the strategy chooses, finished outputs go out.

Letters: B sentences, K outputs side by side, R sentences.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Generic

import torch
from jaxtyping import Int
from torch import Tensor

from transduce.decoding.config import Decoding
from transduce.decoding.hypothesis import Hypothesis, SpecialIds
from transduce.decoding.partial_outputs import PartialOutputs
from transduce.decoding.protocol import Attending, Decodable, Padded, State, require_evaluation_mode
from transduce.decoding.requests import Request, batches, check
from transduce.decoding.rules.coverage import Coverage
from transduce.decoding.rules.rule import Rule, apply, rules_for
from transduce.decoding.scores import token_scores
from transduce.decoding.strategies.strategy import Search, begin

Outputs = dict[int, list[Hypothesis]]  # under the number of the request


def decode(
    model: Decodable[State],
    requests: Iterable[Request],
    settings: Decoding,
    special: SpecialIds,
    device: torch.device | str = "cpu",
    vocabulary_rules: Sequence[Rule] = (),
) -> Iterator[tuple[int, list[Hypothesis]]]:
    """The number of each request, counted from 0, and its n best outputs, best first, in the order of finishing.

    One beam is greedy search by definition; with `settings.sampling` the n best are that many independent draws.
    Results do not depend on which requests are decoded together, up to the rounding of the model's matrix products.
    `device` is where the model is; the model must be in evaluation mode. `vocabulary_rules` hold whatever the settings are.
    Raises ValueError for an empty input, a prompt that leaves its output no room, a model in training mode or without
    attention where `settings.coverage_penalty` needs it, and logits that are NaN or infinite.
    """
    requests = list(requests)
    check(requests)
    engine = Engine(model, settings, special, device, vocabulary_rules)
    columns = settings.beam if settings.sampling is None else settings.n_best
    for batch in batches([request.cost for request in requests], settings.batch_tokens, columns):
        engine.submit({index: requests[index] for index in batch})
        while engine.running:
            yield from engine.step().items()


def decode_all(
    model: Decodable[State],
    requests: Iterable[Request],
    settings: Decoding,
    special: SpecialIds,
    device: torch.device | str = "cpu",
    vocabulary_rules: Sequence[Rule] = (),
) -> list[list[Hypothesis]]:
    """The n best outputs of each request, in the order of the requests; arguments and errors as those of `decode`."""
    results = decode(model, requests, settings, special, device, vocabulary_rules)
    return [outputs for _, outputs in sorted(results, key=lambda each: each[0])]


def stream(
    model: Decodable[State],
    request: Request,
    settings: Decoding,
    special: SpecialIds,
    device: torch.device | str = "cpu",
    vocabulary_rules: Sequence[Rule] = (),
) -> Iterator[int]:
    """The token ids of one output, one by one. ValueError for settings with more than one output at a time."""
    if settings.sampling is None and settings.beam > 1:
        raise ValueError(f"a stream needs sampling or greedy search (beam 1), found beam {settings.beam}")
    engine = Engine(model, settings, special, device, vocabulary_rules)
    engine.submit({0: request})
    length = 0
    while engine.running:
        outputs = engine.step()
        ids = outputs[0][0].ids if outputs else engine.output_so_far(0)
        yield from ids[length:]
        length = len(ids)


class Engine(Generic[State]):
    """Decodes requests that come and go, all with the same settings.

        engine.submit({7: request})        at any time
        while engine.running:
            for number, outputs in engine.step().items(): ...

    Requests of one `submit` start together and join the others after their first step. After an error an engine is unusable.
    """

    def __init__(
        self,
        model: Decodable[State],
        settings: Decoding,
        special: SpecialIds,
        device: torch.device | str = "cpu",
        vocabulary_rules: Sequence[Rule] = (),
    ) -> None:
        require_evaluation_mode(model)
        if settings.coverage_penalty and not isinstance(model, Attending):
            raise ValueError(
                f"coverage-penalty must be 0 with a model that does not show its attention, found "
                f"{settings.coverage_penalty}: {type(model).__name__} has no method `attended`"
            )
        self.model, self.settings, self.special, self.device = model, settings, special, device
        self._rules = rules_for(settings, special.end, vocabulary_rules)
        self._batches: list[RunningBatch[State]] = []
        self._finished: Outputs = {}  # of requests of which other outputs are unfinished

    @property
    def running(self) -> bool:
        """Whether a request is unfinished."""
        return bool(self._batches)

    # not inference_mode: a model may store tensors (a table of positions) that later need gradients
    @torch.no_grad()
    def submit(self, requests: Mapping[int, Request]) -> None:
        """Reads the inputs and prompts of more requests. Their numbers must differ from those that are running."""
        check(list(requests.values()))
        if requests:
            self._batches.append(RunningBatch.start(self.model, requests, self.settings, self.special, self.device))

    @torch.no_grad()
    def step(self) -> Outputs:
        """One more token of every output. Returns the outputs of requests that leave, best first."""
        results = [batch.step(self._rules, self.special) for batch in self._batches]
        running = [batch for batch, _ in results if batch is not None]
        self._batches = [reduce(RunningBatch.join, running)] if running else []
        for _, finished in results:
            for number, outputs in finished.items():
                self._finished.setdefault(number, []).extend(outputs)
        if not self._finished:
            return {}
        unfinished = {number for batch in self._batches for number in batch.search.partial.sentences.tolist()}
        complete = [number for number in self._finished if number not in unfinished]
        return {number: _rank(number, self._finished.pop(number)) for number in complete}

    def output_so_far(self, number: int) -> list[int]:
        """The tokens of the first open output of a running request."""
        for batch in self._batches:
            partial = batch.search.partial
            rows = (partial.sentences == number).nonzero()
            if len(rows):
                row = int(rows[0])
                ids: list[int] = partial.outputs()[row, 0, -int(partial.lengths[row]) :].tolist()
                return ids
        raise ValueError(f"request {number} is not running")

    @torch.no_grad()
    def cancel(self, numbers: Collection[int]) -> None:
        """Drops requests; numbers that are not running are ignored."""
        self._finished = {number: outputs for number, outputs in self._finished.items() if number not in numbers}
        to_drop = torch.tensor(list(numbers), dtype=torch.long, device=self.device)
        batches = self._batches
        rows = [(~torch.isin(batch.search.partial.sentences, to_drop)).nonzero().squeeze(1) for batch in batches]
        self._batches = [batch.select(keep) for batch, keep in zip(batches, rows, strict=True) if len(keep)]


def _rank(number: int, outputs: Sequence[Hypothesis]) -> list[Hypothesis]:
    ranking = sorted(outputs, key=lambda output: -output.score)
    if not ranking or ranking[0].log_probability == -math.inf:
        raise ValueError(f"the model gives every permitted output of request {number} probability zero")
    return ranking


@dataclass(frozen=True)
class RunningBatch(Generic[State]):
    """Sentences that decode together: the model's state, coverage where a setting needs it, and the search."""

    model: Decodable[State]
    state: State
    coverage: Coverage | None
    search: Search

    @classmethod
    def start(
        cls,
        model: Decodable[State],
        requests: Mapping[int, Request],
        settings: Decoding,
        special: SpecialIds,
        device: torch.device | str,
    ) -> "RunningBatch[State]":
        each = list(requests.values())
        sources = [request.inputs for request in each if request.inputs is not None]
        inputs = Padded.of(sources, special.pad, device) if sources else None
        prompts = Padded.of([[special.start, *request.prompt] for request in each], special.pad, device)
        if settings.coverage_penalty and inputs is None:
            raise ValueError(f"coverage-penalty must be 0 without inputs, found {settings.coverage_penalty}")
        coverage = Coverage.start(settings.coverage_penalty, inputs) if settings.coverage_penalty and inputs else None
        partial = PartialOutputs.start(requests, special.start, device)
        search = begin(settings, partial, [request.place for request in each], special.end)
        state = model.start(inputs, prompts)
        if coverage is not None and prompts.tokens.shape[1] > 1:
            assert isinstance(model, Attending)
            coverage = coverage.add_prompts(model.attended(state), prompts.lengths - 1)
        batch = cls(model, state, coverage, search)
        rows, columns = search.partial.total.shape
        if rows > len(each):
            batch = batch._select_model(torch.arange(len(each), device=device).repeat_interleave(rows // len(each)))
        if columns > 1:
            batch = batch._reorder_model(torch.zeros(len(each), columns, dtype=torch.long, device=device))
        return batch

    def step(self, rules: Sequence[Rule], special: SpecialIds) -> tuple["RunningBatch[State] | None", Outputs]:
        """One more token of every output; the batch without sentences that leave (None: all do), and their outputs."""
        logits, state = self.model.step(self.search.partial.last.unsqueeze(-1), self.state)
        coverage = self.coverage
        if coverage is not None:
            assert isinstance(self.model, Attending)
            coverage = coverage.add(self.model.attended(state))
        next_token = token_scores(logits[:, :, -1], self.search.open_beams, special)
        next_token = apply(rules, next_token, self.search.partial)
        search, beams = self.search.advance(next_token, None if coverage is None else coverage.penalty())
        batch, outputs = RunningBatch(self.model, state, coverage, search), {}
        unfinished = search.unfinished
        remaining = int(unfinished.sum())
        if remaining == 0:
            return None, search.collect()
        if worth_leaving(remaining, len(unfinished)):
            outputs = search.select((~unfinished).nonzero().squeeze(1)).collect()
            rows = unfinished.nonzero().squeeze(1)
            batch, beams = batch.select(rows), None if beams is None else beams[rows]
        return batch if beams is None else batch._reorder_model(beams), outputs

    def _reorder_model(self, beams: Int[Tensor, "B K"]) -> "RunningBatch[State]":
        """Reorders the beams of model and coverage; those of the search are in order already."""
        coverage = None if self.coverage is None else self.coverage.reorder(beams)
        return replace(self, state=self.model.reorder(self.state, beams), coverage=coverage)

    def select(self, rows: Int[Tensor, " R"]) -> "RunningBatch[State]":
        return replace(self._select_model(rows), search=self.search.select(rows))

    def _select_model(self, rows: Int[Tensor, " R"]) -> "RunningBatch[State]":
        """Selects sentences of model and coverage, not of the search."""
        coverage = None if self.coverage is None else self.coverage.select(rows)
        return replace(self, state=self.model.select(self.state, rows), coverage=coverage)

    def join(self, other: "RunningBatch[State]") -> "RunningBatch[State]":
        """The sentences of both, after the first step of each."""
        coverage = self.coverage
        if coverage is not None and other.coverage is not None:
            coverage = coverage.join(other.coverage)
        state = self.model.join(self.state, other.state)
        return RunningBatch(self.model, state, coverage, self.search.join(other.search))


def worth_leaving(remaining: int, sentences: int) -> bool:
    """Whether finished sentences leave the batch now: when they are a quarter of it.

    Each time the model's state is copied: one copy for each sentence would cost more than it saves. By quarters, all copies
    of a search together are no more than a few times its first state.
    """
    return 4 * remaining <= 3 * sentences

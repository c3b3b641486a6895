"""The loop of every search: the model reads, rules reshape, the search chooses, finished sentences leave.

Letters: B sentences, K outputs side by side, T new tokens, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transduce.decoding.coverage import Coverage
from transduce.decoding.hypothesis import Hypothesis, SpecialIds
from transduce.decoding.partial_outputs import Written
from transduce.decoding.protocol import Attending, Decodable, Padded, State
from transduce.decoding.requests import Batch
from transduce.decoding.rules.rule import Rule, apply
from transduce.decoding.scores import Chances, chances

TOKENS_AT_ONCE = 16  # of a prefix: logits for longer ones would take more memory than the search after them


@runtime_checkable
class Search(Protocol):
    """The state of a search for B sentences, which says itself how it goes on."""

    @property
    def written(self) -> Written:
        """What the model has read or reads next."""
        ...

    @property
    def alive(self) -> Bool[Tensor, "B K"]:
        """Which outputs the search still cares for."""
        ...

    @property
    def going(self) -> Bool[Tensor, " B"]:
        """Which sentences are not done."""
        ...

    def advance(
        self, chances: Chances, bonus: Float[Tensor, "B K"] | None
    ) -> tuple["Search", Int[Tensor, "B K_new"] | None]:
        """Every output one token longer, and which old one each continues (None: each itself).

        `bonus` is added to the score of an output that ends now.
        """
        ...

    def select(self, rows: Int[Tensor, " R"]) -> "Search":
        """Only the sentences `rows`."""
        ...

    def collect(self) -> dict[int, list[Hypothesis]]:
        """The hypotheses of each sentence, best first, under its place in the batch."""
        ...


@dataclass(frozen=True)
class Reading(Generic[State]):
    """A model, its state, and what it has attended to where that is asked for."""

    model: Decodable[State]
    state: State
    coverage: Coverage | None

    @classmethod
    def start(cls, model: Decodable[State], batch: Batch, beta: float) -> "Reading[State]":
        """Reads the sources. `beta` weighs the coverage; 0 leaves it out."""
        coverage = Coverage(beta, batch.lengths) if beta else None
        alone = torch.zeros_like(batch.source[:, :1])  # the start token, which `opening` reads
        prompts = Padded(alone, torch.ones_like(batch.lengths))
        return cls(model, model.start(Padded(batch.source, batch.lengths), prompts), coverage)

    def step(self, tokens: Int[Tensor, "B K T"]) -> tuple[Float[Tensor, "B K T V"], "Reading[State]"]:
        logits, state = self.model.step(tokens, self.state)
        if self.coverage is None:
            return logits, Reading(self.model, state, None)
        assert isinstance(self.model, Attending)
        return logits, Reading(self.model, state, self.coverage.add(self.model.attended(state)))

    def reorder(self, beams: Int[Tensor, "B K"]) -> "Reading[State]":
        coverage = None if self.coverage is None else self.coverage.reorder(beams)
        return Reading(self.model, self.model.reorder(self.state, beams), coverage)

    def select(self, rows: Int[Tensor, " R"]) -> "Reading[State]":
        coverage = None if self.coverage is None else self.coverage.select(rows)
        return Reading(self.model, self.model.select(self.state, rows), coverage)

    def bonus(self) -> Float[Tensor, "B K"] | None:
        """What an output that ends now adds to its score."""
        return None if self.coverage is None else self.coverage.penalty()


def opening(
    reading: Reading[State], batch: Batch, columns: int, special: SpecialIds
) -> tuple[Written, Float[Tensor, "B K V"], Reading[State]]:
    """The start token and what all prefixes have in length, read in one step where they are not very long.

    Gives what is written in each of `columns` equal columns, the logits of the next token, and the reading after it.
    """
    sentences, device = batch.limits.size(0), batch.limits.device
    start = torch.full((sentences, 1), special.start, device=device)
    tokens = torch.cat([start, batch.prefixes[:, : batch.common_prefix]], dim=1)
    tokens = tokens.unsqueeze(1).expand(-1, columns, -1)  # (B, K, 1 + common)
    gains = [torch.zeros(sentences, columns, 0, device=device)]
    beams = torch.zeros(sentences, columns, dtype=torch.int64, device=device)
    reading = Reading(reading.model, reading.model.reorder(reading.state, beams), reading.coverage)
    for place in range(0, tokens.size(-1), TOKENS_AT_ONCE):
        logits, reading = reading.step(tokens[..., place : place + TOKENS_AT_ONCE])
        known = tokens[..., place + 1 : place + TOKENS_AT_ONCE + 1]  # what follows each token that was read
        if known.size(-1):
            gains.append(_known_gains(logits[:, :, : known.size(-1)], known, special))
    gained = torch.cat(gains, dim=-1)
    written = Written(torch.arange(sentences, device=device), batch.limits, tokens, gained, gained.sum(-1))
    return written, logits[:, :, -1], reading


def _known_gains(
    logits: Float[Tensor, "B K T V"], known: Int[Tensor, "B K T"], special: SpecialIds
) -> Float[Tensor, "B K T"]:
    """The model's log-probabilities of given tokens."""
    flat = known.flatten(1)
    own = chances(logits.flatten(1, 2), torch.ones_like(flat, dtype=torch.bool), special).own
    return own.gather(-1, flat.unsqueeze(-1)).squeeze(-1).view_as(known)


def run(
    reading: Reading[State],
    batch: Batch,
    begin: Callable[[Written], Search],
    rules: Sequence[Rule],
    special: SpecialIds,
    columns: int = 1,
) -> list[list[Hypothesis]]:
    """The hypotheses of each sentence of the batch, by the search that `begin` makes of what is written at first."""
    written, logits, reading = opening(reading, batch, columns, special)
    search = begin(written)
    results: dict[int, list[Hypothesis]] = {}
    while True:
        found = apply(rules, chances(logits, search.alive, special), search.written)
        search, beams = search.advance(found, reading.bonus())
        going = search.going
        remaining = int(going.sum())
        if remaining == 0:
            break
        if worth_leaving(remaining, len(going)):
            results |= search.select((~going).nonzero().squeeze(1)).collect()
            rows = going.nonzero().squeeze(1)
            search, reading = search.select(rows), reading.select(rows)
            beams = None if beams is None else beams[rows]
        if beams is not None:
            reading = reading.reorder(beams)
        logits, reading = reading.step(search.written.tokens[..., -1:])
        logits = logits[:, :, -1]
    results |= search.collect()
    return [results[sentence] for sentence in range(len(batch.source))]


def worth_leaving(remaining: int, sentences: int) -> bool:
    """Whether finished sentences should leave the batch now: when they are a quarter of it.

    Leaving copies the model's state, so a copy for each sentence would cost more than it saves; by quarters, all the
    copies of a search together move no more than a few times its first state.
    """
    return 4 * remaining <= 3 * sentences

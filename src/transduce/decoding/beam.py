"""Beam search: several outputs of each sentence grow side by side, the most probable go on.

Letters: B sentences, K open beams, C candidates, N hypotheses to return (n-best), t tokens so far (the start token
included in open ones). Each step expands the open beams to the best 2K candidates, moves those that end among the
finished and keeps the K best of the others open. A sentence is done when none of its open beams can beat the worst
finished one; then it has no open beam any more, which is written as log-probability -inf.

Only the n best finished are kept. Keeping K of them and waiting until the worst of K cannot be beaten would return the
same n, later: what cannot enter the n best changes nothing.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from transduce.decoding.config import Decoding
from transduce.decoding.hypothesis import Hypothesis, SpecialIds, hypothesis
from transduce.decoding.protocol import Decodable, State
from transduce.decoding.rules import best_tokens, log_probabilities, worth_leaving


@dataclass(frozen=True)
class Open:
    """Prefixes that go on, best first; -inf marks an empty place."""

    tokens: Int[Tensor, "B K t"]
    log_probability: Float[Tensor, "B K"]

    def select(self, rows: Int[Tensor, " R"]) -> "Open":
        return Open(self.tokens[rows], self.log_probability[rows])


@dataclass(frozen=True)
class Candidates:
    """Prefixes made one token longer, best first: open beam `beams` followed by token `last`."""

    beams: Int[Tensor, "B C"]
    last: Int[Tensor, "B C"]
    log_probability: Float[Tensor, "B C"]


@dataclass(frozen=True)
class Finished:
    """Outputs without the start token, best score first; score -inf marks an empty place."""

    tokens: Int[Tensor, "B N t"]
    lengths: Int[Tensor, "B N"]
    log_probability: Float[Tensor, "B N"]
    scores: Float[Tensor, "B N"]

    def select(self, rows: Int[Tensor, " R"]) -> "Finished":
        return Finished(self.tokens[rows], self.lengths[rows], self.log_probability[rows], self.scores[rows])


@dataclass(frozen=True)
class BeamState:
    """The search for B sentences: `sentences` are their positions in the batch, `limits` their longest outputs."""

    sentences: Int[Tensor, " B"]
    limits: Int[Tensor, " B"]
    open: Open
    finished: Finished

    def select(self, rows: Int[Tensor, " R"]) -> "BeamState":
        return BeamState(self.sentences[rows], self.limits[rows], self.open.select(rows), self.finished.select(rows))


def begin(limits: Int[Tensor, " B"], n_best: int, start: int) -> BeamState:
    """One open beam that holds the start token; nothing finished."""
    sentences, device = len(limits), limits.device
    nothing = torch.full((sentences, n_best), -torch.inf, device=device)
    return BeamState(
        torch.arange(sentences, device=device),
        limits,
        Open(torch.full((sentences, 1, 1), start, device=device), torch.zeros(sentences, 1, device=device)),
        Finished(
            torch.zeros(sentences, n_best, 0, dtype=torch.long, device=device),
            torch.zeros(sentences, n_best, dtype=torch.long, device=device),
            nothing,
            nothing,
        ),
    )


def expand(open_beams: Open, log_probs: Float[Tensor, "B K V"], count: int) -> Candidates:
    """The best `count` one-token continuations of all beams; equal ones by beam, then by token id."""
    # count per beam suffice for the best count of all
    values, tokens = best_tokens(log_probs, count)
    totals = (open_beams.log_probability.unsqueeze(-1) + values).flatten(1)  # (B, K * per beam)
    totals, order = totals.sort(dim=-1, descending=True, stable=True)
    totals, order = totals[:, :count], order[:, :count]
    return Candidates(order // values.size(-1), tokens.flatten(1).gather(1, order), totals)


def finish(state: BeamState, candidates: Candidates, ending: Bool[Tensor, "B C"], settings: Decoding) -> Finished:
    """The best finished hypotheses, old and new. New are the `ending` ones among the best K candidates.

    The K best only: a candidate behind K better ones would have been pruned if it had not ended.
    """
    old, beam = state.finished, settings.beam
    new_tokens = extend(state.open, candidates)[:, :beam, 1:]  # without the start token
    length = new_tokens.size(-1)
    total = candidates.log_probability[:, :beam].where(ending[:, :beam], -torch.inf)
    merged = Finished(
        torch.cat([pad(old.tokens, (0, 1)), new_tokens], dim=1),
        torch.cat([old.lengths, torch.full_like(new_tokens[..., 0], length)], dim=1),
        torch.cat([old.log_probability, total], dim=1),
        torch.cat([old.scores, total / length**settings.alpha], dim=1),
    )
    order = merged.scores.argsort(dim=-1, descending=True, stable=True)[:, : old.scores.size(1)]
    return Finished(
        merged.tokens.gather(1, order.unsqueeze(-1).expand(-1, -1, length)),
        merged.lengths.gather(1, order),
        merged.log_probability.gather(1, order),
        merged.scores.gather(1, order),
    )


def prune(candidates: Candidates, ending: Bool[Tensor, "B C"], beam: int) -> Candidates:
    """The best `beam` candidates that go on. Of 2K at most K end before the limit, so K remain."""
    order = ending.int().argsort(dim=-1, stable=True)[:, :beam]
    going_on = candidates.log_probability.masked_fill(ending, -torch.inf)
    return Candidates(candidates.beams.gather(1, order), candidates.last.gather(1, order), going_on.gather(1, order))


def extend(open_beams: Open, candidates: Candidates) -> Int[Tensor, "B C t_plus_1"]:
    """The candidates' tokens in full."""
    prefixes = open_beams.tokens.gather(1, candidates.beams.unsqueeze(-1).expand(-1, -1, open_beams.tokens.size(-1)))
    return torch.cat([prefixes, candidates.last.unsqueeze(-1)], dim=-1)


def hopeful(
    log_probability: Float[Tensor, "B K"],
    finished: Finished,
    limits: Int[Tensor, " B"],
    alpha: float,
) -> Bool[Tensor, " B"]:
    """Whether an open beam of the sentence can still beat its worst finished hypothesis.

    A beam's log-probability only falls as it grows, and dividing a negative number by length^alpha, alpha >= 0, raises
    it most at the greatest length: log p / limit^alpha bounds every score that the beam can reach.
    """
    attainable = log_probability.amax(dim=-1) / limits.float() ** alpha
    return attainable > finished.scores[:, -1]


def advance(
    state: BeamState, log_probs: Float[Tensor, "B K V"], settings: Decoding, end: int
) -> tuple[BeamState, Int[Tensor, "B K_new"]]:
    """One step of the search: the new state, and which old beam each open beam continues."""
    candidates = expand(state.open, log_probs, 2 * settings.beam)
    at_limit = state.limits == state.open.tokens.size(-1)
    ending = (candidates.last == end) | at_limit.unsqueeze(-1)
    finished = finish(state, candidates, ending, settings)
    kept = prune(candidates, ending, settings.beam)
    go_on = hopeful(kept.log_probability, finished, state.limits, settings.alpha)
    open_beams = Open(extend(state.open, kept), kept.log_probability.masked_fill(~go_on.unsqueeze(-1), -torch.inf))
    return BeamState(state.sentences, state.limits, open_beams, finished), kept.beams


def collect(state: BeamState, end: int) -> dict[int, list[Hypothesis]]:
    """The n best hypotheses of each sentence, under its position in the batch."""
    done = state.finished
    columns = zip(
        state.sentences.tolist(),
        done.tokens.tolist(),
        done.lengths.tolist(),
        done.log_probability.tolist(),
        done.scores.tolist(),
        strict=True,
    )
    return {
        sentence: [
            hypothesis(ids[:length], total, score, end)
            for ids, length, total, score in zip(*best, strict=True)
            if score > -torch.inf
        ]
        for sentence, *best in columns
    }


def beam_search(
    model: Decodable[State],
    source: Int[Tensor, "B S"],
    lengths: Int[Tensor, " B"],
    limits: Int[Tensor, " B"],
    settings: Decoding,
    special: SpecialIds,
) -> list[list[Hypothesis]]:
    """Up to n-best hypotheses of each sentence, best first; fewer only where the model allows fewer.

    The result is what `transformers` finds with `early_stopping="never"` and the same beam, alpha and limit.
    """
    cache = model.start(source, lengths)
    state = begin(limits, settings.n_best, special.start)
    results: dict[int, list[Hypothesis]] = {}
    while True:
        logits, cache = model.step(state.open.tokens[..., -1:], cache)
        alive = state.open.log_probability > -torch.inf
        log_probs = log_probabilities(logits[:, :, -1], alive, special)
        state, beams = advance(state, log_probs, settings, special.end)
        going = state.open.log_probability[:, 0] > -torch.inf
        remaining = int(going.sum())
        if remaining == 0:
            break
        if worth_leaving(remaining, len(going)):
            rows = going.nonzero().squeeze(1)
            results |= collect(state.select((~going).nonzero().squeeze(1)), special.end)
            state, beams, cache = state.select(rows), beams[rows], model.select(cache, rows)
        cache = model.reorder(cache, beams)
    results |= collect(state, special.end)
    return [results[sentence] for sentence in range(len(source))]

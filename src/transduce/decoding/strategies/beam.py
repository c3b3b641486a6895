"""Beam search: several outputs of each sentence grow side by side, and the most probable stay open.

Letters: B sentences, K open beams, C candidates, N hypotheses to return (n-best), t tokens of an output so far. Each step
expands the open beams to the best 2K candidates, moves those that end among the finished and keeps the K best of the
others open. A sentence is done when none of its open beams can beat the worst finished one; then its beams are closed,
which is written as log-probability -inf.

Only the n best finished are kept. Keeping K of them and waiting until the worst of K cannot be beaten would return the
same n, later: what cannot enter the n best changes nothing. The result is that of `transformers` with
`early_stopping="never"` and the same beam, alpha and limit.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from transduce.decoding.config import Decoding
from transduce.decoding.hypothesis import Hypothesis
from transduce.decoding.partial_outputs import PartialOutputs, ending_together
from transduce.decoding.scores import TokenScores, best_tokens, values_of


@dataclass(frozen=True)
class Candidates:
    """Outputs one token longer, best first: open beam `beams` followed by `tokens`. `total` includes the new token."""

    beams: Int[Tensor, "B C"]
    tokens: Int[Tensor, "B C"]
    log_probs: Float[Tensor, "B C"]
    total: Float[Tensor, "B C"]

    def first(self, count: int) -> "Candidates":
        return Candidates(
            self.beams[:, :count], self.tokens[:, :count], self.log_probs[:, :count], self.total[:, :count]
        )

    def after(self, partial: PartialOutputs) -> PartialOutputs:
        """The candidates as partial outputs."""
        return partial.reorder(self.beams).extend(self.tokens, self.log_probs, self.total)


@dataclass(frozen=True)
class Finished:
    """Finished outputs, best score first; they end at the last column. Score -inf marks an empty place."""

    tokens: Int[Tensor, "B N t"]
    log_probs: Float[Tensor, "B N t"]
    lengths: Int[Tensor, "B N"]
    scores: Float[Tensor, "B N"]

    @classmethod
    def none(cls, sentences: int, count: int, device: torch.device) -> "Finished":
        return cls(
            torch.zeros(sentences, count, 0, dtype=torch.long, device=device),
            torch.zeros(sentences, count, 0, device=device),
            torch.zeros(sentences, count, dtype=torch.long, device=device),
            torch.full((sentences, count), -torch.inf, device=device),
        )

    def wide(self, width: int) -> "Finished":
        """The same in `width` columns."""
        tokens, log_probs = ending_together(self.tokens, width), ending_together(self.log_probs, width)
        return replace(self, tokens=tokens, log_probs=log_probs)

    def best_of(self, other: "Finished") -> "Finished":
        """The best of both, as many as there are of these; these come first in a tie."""
        scores = torch.cat([self.scores, other.scores], dim=1)
        order = scores.argsort(dim=-1, descending=True, stable=True)[:, : self.scores.size(1)]
        in_full = order.unsqueeze(-1).expand(-1, -1, other.tokens.size(-1))
        old = self.wide(other.tokens.size(-1))
        return Finished(
            torch.cat([old.tokens, other.tokens], dim=1).gather(1, in_full),
            torch.cat([old.log_probs, other.log_probs], dim=1).gather(1, in_full),
            torch.cat([old.lengths, other.lengths], dim=1).gather(1, order),
            scores.gather(1, order),
        )

    def select(self, rows: Int[Tensor, " R"]) -> "Finished":
        return Finished(self.tokens[rows], self.log_probs[rows], self.lengths[rows], self.scores[rows])

    def join(self, other: "Finished", width: int) -> "Finished":
        """The sentences of both, in `width` columns."""
        one, two = self.wide(width), other.wide(width)
        return Finished(
            torch.cat([one.tokens, two.tokens]),
            torch.cat([one.log_probs, two.log_probs]),
            torch.cat([one.lengths, two.lengths]),
            torch.cat([one.scores, two.scores]),
        )


@dataclass(frozen=True)
class BeamSearch:
    """The search for B sentences: the open beams in `partial`, best first, and the finished outputs."""

    settings: Decoding
    end: int
    partial: PartialOutputs
    finished: Finished

    @property
    def open_beams(self) -> Bool[Tensor, "B K"]:
        return self.partial.total > -torch.inf

    @property
    def unfinished(self) -> Bool[Tensor, " B"]:
        return self.partial.total[:, 0] > -torch.inf

    def advance(
        self, next_token: TokenScores, coverage: Float[Tensor, "B K"] | None
    ) -> tuple["BeamSearch", Int[Tensor, "B K_new"]]:
        """One step of the search, and which old beam each open beam continues."""
        return self.take(expand(self.partial.total, next_token, 2 * self.settings.beam), coverage)

    def take(
        self, candidates: Candidates, coverage: Float[Tensor, "B K"] | None
    ) -> tuple["BeamSearch", Int[Tensor, "B K_new"]]:
        """The step with these candidates, the best 2K, best first."""
        at_limit = self.partial.limits == self.partial.lengths + 1
        ending = (candidates.tokens == self.end) | at_limit.unsqueeze(-1)
        finished = self._finish(candidates, ending, coverage)
        beams = prune(candidates, ending, self.settings.beam)
        hope = can_improve(beams.total, finished, self.partial.limits, self.settings.alpha)
        beams = replace(beams, total=beams.total.masked_fill(~hope.unsqueeze(-1), -torch.inf))
        return replace(self, partial=beams.after(self.partial), finished=finished), beams.beams

    def _finish(
        self, candidates: Candidates, ending: Bool[Tensor, "B C"], coverage: Float[Tensor, "B K"] | None
    ) -> Finished:
        """The best finished outputs, old and new. New are the `ending` ones among the best K candidates.

        The K best only: a candidate behind K better ones would have been pruned if it had not ended.
        """
        best = candidates.first(self.settings.beam)
        longer = best.after(self.partial)
        lengths = longer.lengths.unsqueeze(1)
        scores = best.total.where(ending[:, : self.settings.beam], -torch.inf) / lengths.float() ** self.settings.alpha
        if coverage is not None:
            scores = scores + coverage.gather(1, best.beams)
        new = Finished(longer.outputs(), longer.log_probs, lengths.expand_as(best.tokens), scores)
        return self.finished.best_of(new)

    def select(self, rows: Int[Tensor, " R"]) -> "BeamSearch":
        return replace(self, partial=self.partial.select(rows), finished=self.finished.select(rows))

    def join(self, other: "BeamSearch") -> "BeamSearch":
        partial = self.partial.join(other.partial)
        return replace(self, partial=partial, finished=self.finished.join(other.finished, partial.width))

    def collect(self) -> dict[int, list[Hypothesis]]:
        """The n best outputs of each sentence, best first."""
        best, width = self.finished, self.finished.tokens.size(-1)
        columns = zip(
            self.partial.sentences.tolist(),
            best.tokens.tolist(),
            best.log_probs.tolist(),
            best.lengths.tolist(),
            best.scores.tolist(),
            strict=True,
        )
        return {
            sentence: [
                Hypothesis.of(tokens[width - length :], log_probs[width - length :], score, self.end)
                for tokens, log_probs, length, score in zip(*outputs, strict=True)
                if score > -torch.inf
            ]
            for sentence, *outputs in columns
        }


def begin(partial: PartialOutputs, settings: Decoding, end: int) -> BeamSearch:
    """One open beam of each sentence, nothing finished."""
    return BeamSearch(
        settings, end, partial, Finished.none(len(partial.limits), settings.n_best, partial.limits.device)
    )


def expand(total: Float[Tensor, "B K"], next_token: TokenScores, count: int) -> Candidates:
    """The best `count` one-token continuations of beams ranked by `total`; equal ones by beam, then by token id.

    Where there are fewer, the rest has total -inf, so that all sentences have equally many beams at every step.
    """
    # count per beam suffice for the best count of all
    values, tokens = best_tokens(next_token.scores, count)
    totals = (total.unsqueeze(-1) + values).flatten(1)  # (B, K * per beam)
    totals, order = totals.sort(dim=-1, descending=True, stable=True)
    totals, order = totals[:, :count], order[:, :count]
    missing = count - totals.size(1)
    if missing > 0:
        totals, order = pad(totals, (0, missing), value=-torch.inf), pad(order, (0, missing))
    beams, tokens = order // values.size(-1), tokens.flatten(1).gather(1, order)
    return Candidates(beams, tokens, values_of(next_token.log_probs, beams, tokens), totals)


def prune(candidates: Candidates, ending: Bool[Tensor, "B C"], beam: int) -> Candidates:
    """The best `beam` candidates that stay open. Of 2K at most K end before the limit, so K remain."""
    order = ending.int().argsort(dim=-1, stable=True)[:, :beam]
    open_total = candidates.total.masked_fill(ending, -torch.inf)
    return Candidates(
        candidates.beams.gather(1, order),
        candidates.tokens.gather(1, order),
        candidates.log_probs.gather(1, order),
        open_total.gather(1, order),
    )


def can_improve(
    total: Float[Tensor, "B K"],
    finished: Finished,
    limits: Int[Tensor, " B"],
    alpha: float,
) -> Bool[Tensor, " B"]:
    """Whether an open beam of the sentence can still beat its worst finished hypothesis.

    A beam's log-probability only falls as it grows, whatever rules ban or reshape, and dividing a negative number by
    length^alpha, alpha >= 0, raises it most at the greatest length: log p / limit^alpha bounds every score that the
    beam can reach. A coverage penalty only takes away from it.
    """
    attainable = total.amax(dim=-1) / limits.float() ** alpha
    return attainable > finished.scores[:, -1]

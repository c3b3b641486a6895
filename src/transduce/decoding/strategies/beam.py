"""Beam search: several outputs of each sentence grow side by side, the most probable go on.

Letters: B sentences, K open beams, C candidates, N hypotheses to return (n-best), t tokens so far (the start token
included in open ones). Each step expands the open beams to the best 2K candidates, moves those that end among the
finished and keeps the K best of the others open. A sentence is done when none of its open beams can beat the worst
finished one; then it has no open beam any more, which is written as log-probability -inf.

Only the n best finished are kept. Keeping K of them and waiting until the worst of K cannot be beaten would return the
same n, later: what cannot enter the n best changes nothing. The result is what `transformers` finds with
`early_stopping="never"` and the same beam, alpha and limit.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from transduce.decoding.config import Decoding
from transduce.decoding.hypothesis import Hypothesis, hypothesis
from transduce.decoding.partial_outputs import Written
from transduce.decoding.scores import Chances, best_tokens, picked


@dataclass(frozen=True)
class Candidates:
    """Outputs made one token longer, best first: open beam `beams` followed by token `last`, as in `Written.grown`."""

    beams: Int[Tensor, "B C"]
    last: Int[Tensor, "B C"]
    gains: Float[Tensor, "B C"]
    total: Float[Tensor, "B C"]

    def first(self, count: int) -> "Candidates":
        return Candidates(self.beams[:, :count], self.last[:, :count], self.gains[:, :count], self.total[:, :count])

    def after(self, written: Written) -> Written:
        """What is then written."""
        return written.grown(self.last, self.gains, self.total, self.beams)


@dataclass(frozen=True)
class Finished:
    """Outputs without the start token, best score first; score -inf marks an empty place."""

    tokens: Int[Tensor, "B N t"]
    gains: Float[Tensor, "B N t"]
    lengths: Int[Tensor, "B N"]
    scores: Float[Tensor, "B N"]

    def select(self, rows: Int[Tensor, " R"]) -> "Finished":
        return Finished(self.tokens[rows], self.gains[rows], self.lengths[rows], self.scores[rows])


@dataclass(frozen=True)
class BeamSearch:
    """The search for B sentences: what is open in `written`, best first, and what is finished."""

    settings: Decoding
    end: int
    written: Written
    finished: Finished

    @property
    def alive(self) -> Bool[Tensor, "B K"]:
        return self.written.total > -torch.inf

    @property
    def going(self) -> Bool[Tensor, " B"]:
        return self.written.total[:, 0] > -torch.inf

    def advance(
        self, chances: Chances, bonus: Float[Tensor, "B K"] | None
    ) -> tuple["BeamSearch", Int[Tensor, "B K_new"]]:
        """One step of the search, and which old beam each open beam continues."""
        return self.take(expand(self.written.total, chances, 2 * self.settings.beam), bonus)

    def take(
        self, candidates: Candidates, bonus: Float[Tensor, "B K"] | None
    ) -> tuple["BeamSearch", Int[Tensor, "B K_new"]]:
        """The step with these candidates, best first: at least the best 2K, or all that there are."""
        at_limit = self.written.limits == self.written.next_length
        ending = (candidates.last == self.end) | at_limit.unsqueeze(-1)
        finished = self._finish(candidates, ending, bonus)
        kept = prune(candidates, ending, self.settings.beam)
        go_on = hopeful(kept.total, finished, self.written.limits, self.settings.alpha)
        kept = replace(kept, total=kept.total.masked_fill(~go_on.unsqueeze(-1), -torch.inf))
        return replace(self, written=kept.after(self.written), finished=finished), kept.beams

    def _finish(
        self, candidates: Candidates, ending: Bool[Tensor, "B C"], bonus: Float[Tensor, "B K"] | None
    ) -> Finished:
        """The best finished hypotheses, old and new. New are the `ending` ones among the best K candidates.

        The K best only: a candidate behind K better ones would have been pruned if it had not ended.
        """
        old, best = self.finished, candidates.first(self.settings.beam)
        new = best.after(self.written)
        length = self.written.next_length
        scores = best.total.where(ending[:, : self.settings.beam], -torch.inf) / length**self.settings.alpha
        if bonus is not None:
            scores = scores + bonus.gather(1, best.beams)
        scores = torch.cat([old.scores, scores], dim=1)
        order = scores.argsort(dim=-1, descending=True, stable=True)[:, : old.scores.size(1)]
        in_full = order.unsqueeze(-1).expand(-1, -1, length)
        return Finished(
            torch.cat([pad(old.tokens, (0, 1)), new.tokens[..., 1:]], dim=1).gather(1, in_full),
            torch.cat([pad(old.gains, (0, 1)), new.gains], dim=1).gather(1, in_full),
            torch.cat([old.lengths, torch.full_like(best.last, length)], dim=1).gather(1, order),
            scores.gather(1, order),
        )

    def select(self, rows: Int[Tensor, " R"]) -> "BeamSearch":
        return replace(self, written=self.written.select(rows), finished=self.finished.select(rows))

    def collect(self) -> dict[int, list[Hypothesis]]:
        """The n best hypotheses of each sentence, under its place in the batch."""
        done = self.finished
        columns = zip(
            self.written.sentences.tolist(),
            done.tokens.tolist(),
            done.gains.tolist(),
            done.lengths.tolist(),
            done.scores.tolist(),
            strict=True,
        )
        return {
            sentence: [
                hypothesis(ids[:length], gains[:length], score, self.end)
                for ids, gains, length, score in zip(*best, strict=True)
                if score > -torch.inf
            ]
            for sentence, *best in columns
        }


def begin(written: Written, settings: Decoding, end: int) -> BeamSearch:
    """Nothing finished. `written` is one open beam of each sentence."""
    sentences, before = written.limits.size(0), written.gains.size(-1)
    tokens = written.tokens.new_zeros(sentences, settings.n_best, before)
    gains = written.gains.new_zeros(sentences, settings.n_best, before)
    lengths = written.limits.new_zeros(sentences, settings.n_best)
    scores = torch.full_like(lengths, -torch.inf, dtype=written.total.dtype)
    return BeamSearch(settings, end, written, Finished(tokens, gains, lengths, scores))


def expand(total: Float[Tensor, "B K"], chances: Chances, count: int) -> Candidates:
    """The best `count` one-token continuations of beams ranked by `total`; equal ones by beam, then by token id."""
    # count per beam suffice for the best count of all
    values, tokens = best_tokens(chances.scored, count)
    totals = (total.unsqueeze(-1) + values).flatten(1)  # (B, K * per beam)
    totals, order = totals.sort(dim=-1, descending=True, stable=True)
    totals, order = totals[:, :count], order[:, :count]
    beams, last = order // values.size(-1), tokens.flatten(1).gather(1, order)
    return Candidates(beams, last, picked(chances.own, beams, last), totals)


def prune(candidates: Candidates, ending: Bool[Tensor, "B C"], beam: int) -> Candidates:
    """The best `beam` candidates that go on. Of 2K at most K end before the limit, so K remain."""
    order = ending.int().argsort(dim=-1, stable=True)[:, :beam]
    going_on = candidates.total.masked_fill(ending, -torch.inf)
    return Candidates(
        candidates.beams.gather(1, order),
        candidates.last.gather(1, order),
        candidates.gains.gather(1, order),
        going_on.gather(1, order),
    )


def hopeful(
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

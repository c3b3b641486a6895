"""Outputs that grow one by one: greedy search takes the most probable next token, sampling draws one.

Letters: B sentences, K outputs side by side, V vocabulary.
"""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transduce.decoding.hypothesis import Hypothesis
from transduce.decoding.partial_outputs import PartialOutputs
from transduce.decoding.scores import TokenScores


@runtime_checkable
class Choice(Protocol):
    """How the next token of each output is chosen; it may hold values for each sentence."""

    def __call__(self, partial: PartialOutputs, scores: Float[Tensor, "B K V"]) -> Int[Tensor, "B K"]: ...

    def select(self, rows: Int[Tensor, " R"]) -> "Choice": ...

    def join(self, other: "Choice") -> "Choice": ...


@dataclass(frozen=True)
class MostProbable:
    """Greedy search: of equally probable tokens the lowest id."""

    def __call__(self, partial: PartialOutputs, scores: Float[Tensor, "B K V"]) -> Int[Tensor, "B K"]:
        return scores.argmax(dim=-1)

    def select(self, rows: Int[Tensor, " R"]) -> "MostProbable":
        return self

    def join(self, other: "Choice") -> "MostProbable":
        return self


@dataclass(frozen=True)
class IndependentOutputs:
    """K outputs of each sentence that do not compete.

    lengths: of the finished outputs; 0 where one is unfinished. A finished output grows on until its sentence is done;
        what follows its end does not count.
    coverage: the coverage penalty of each output when it ended.
    """

    choose: Choice
    alpha: float
    end: int
    partial: PartialOutputs
    lengths: Int[Tensor, "B K"]
    coverage: Float[Tensor, "B K"]

    @property
    def open_beams(self) -> Bool[Tensor, "B K"]:
        return self.lengths == 0

    @property
    def unfinished(self) -> Bool[Tensor, " B"]:
        return self.open_beams.any(1)

    def advance(
        self, next_token: TokenScores, coverage: Float[Tensor, "B K"] | None
    ) -> tuple["IndependentOutputs", None]:
        """Finished outputs keep their length and their total."""
        partial, unfinished, length = self.partial, self.open_beams, self.partial.lengths + 1
        tokens = self.choose(partial, next_token.scores)
        log_probs = _of(tokens, next_token.log_probs)
        scores = log_probs if next_token.scores is next_token.log_probs else _of(tokens, next_token.scores)
        ending = unfinished & ((tokens == self.end) | (partial.limits == length).unsqueeze(1))
        longer = replace(
            self,
            partial=partial.grown(tokens, log_probs, partial.total + scores.where(unfinished, 0.0)),
            lengths=torch.where(ending, length.unsqueeze(1), self.lengths),
            coverage=self.coverage if coverage is None else torch.where(ending, coverage, self.coverage),
        )
        return longer, None

    def select(self, rows: Int[Tensor, " R"]) -> "IndependentOutputs":
        return replace(
            self,
            choose=self.choose.select(rows),
            partial=self.partial.select(rows),
            lengths=self.lengths[rows],
            coverage=self.coverage[rows],
        )

    def join(self, other: "IndependentOutputs") -> "IndependentOutputs":
        return replace(
            self,
            choose=self.choose.join(other.choose),
            partial=self.partial.join(other.partial),
            lengths=torch.cat([self.lengths, other.lengths]),
            coverage=torch.cat([self.coverage, other.coverage]),
        )

    def collect(self) -> dict[int, list[Hypothesis]]:
        partial = self.partial
        scores = partial.total / self.lengths.float() ** self.alpha + self.coverage
        columns = zip(
            partial.sentences.tolist(),
            (partial.width - partial.lengths).tolist(),
            partial.outputs().tolist(),
            partial.log_probs.tolist(),
            self.lengths.tolist(),
            scores.tolist(),
            strict=True,
        )
        return {
            sentence: [
                Hypothesis.of(tokens[first : first + length], log_probs[first : first + length], score, self.end)
                for tokens, log_probs, length, score in zip(*outputs, strict=True)
            ]
            for sentence, first, *outputs in columns
        }


def _of(tokens: Int[Tensor, "B K"], values: Float[Tensor, "B K V"]) -> Float[Tensor, "B K"]:
    return values.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def independent(partial: PartialOutputs, choose: Choice, alpha: float, end: int) -> IndependentOutputs:
    """All outputs empty, each chosen by `choose`."""
    lengths = torch.zeros(partial.total.shape, dtype=torch.long, device=partial.total.device)
    return IndependentOutputs(choose, alpha, end, partial, lengths, torch.zeros_like(partial.total))


def begin(partial: PartialOutputs, alpha: float, end: int) -> IndependentOutputs:
    return independent(partial, MostProbable(), alpha, end)

"""One output of each sentence: greedy search takes the most probable next token, sampling draws one.

Letters: B sentences, R sentences, V vocabulary.
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
    """Chooses the next token of each output. It may hold values of each sentence."""

    def __call__(self, partial: PartialOutputs, scores: Float[Tensor, "B V"]) -> Int[Tensor, " B"]: ...

    def select(self, rows: Int[Tensor, " R"]) -> "Choice": ...

    def join(self, other: "Choice") -> "Choice": ...


@dataclass(frozen=True)
class MostProbable:
    """Greedy search; the lowest id in a tie."""

    def __call__(self, partial: PartialOutputs, scores: Float[Tensor, "B V"]) -> Int[Tensor, " B"]:
        return scores.argmax(dim=-1)

    def select(self, rows: Int[Tensor, " R"]) -> "MostProbable":
        return self

    def join(self, other: "Choice") -> "MostProbable":
        return self


@dataclass(frozen=True)
class OneOutput:
    """A search along one output of each sentence, whose next token `choose` takes.

    lengths: of the finished outputs; 0 where one is unfinished. A finished output keeps growing until its sentence leaves;
        tokens after its end do not count.
    coverage: the coverage penalty of each output when it ended.
    """

    choose: Choice
    alpha: float
    end: int
    partial: PartialOutputs
    lengths: Int[Tensor, " B"]
    coverage: Float[Tensor, " B"]

    @property
    def open_beams(self) -> Bool[Tensor, "B 1"]:
        return self.unfinished.unsqueeze(1)

    @property
    def unfinished(self) -> Bool[Tensor, " B"]:
        return self.lengths == 0

    def advance(self, next_token: TokenScores, coverage: Float[Tensor, "B 1"] | None) -> tuple["OneOutput", None]:
        """Finished outputs keep their length and their total."""
        partial, unfinished, length = self.partial, self.unfinished, self.partial.lengths + 1
        tokens = self.choose(partial, next_token.scores[:, 0]).unsqueeze(1)
        log_probs = next_token.log_probs[:, 0].gather(1, tokens)
        scores = log_probs
        if next_token.scores is not next_token.log_probs:
            scores = next_token.scores[:, 0].gather(1, tokens)
        ending = unfinished & ((tokens[:, 0] == self.end) | (partial.limits == length))
        longer = replace(
            self,
            partial=partial.extend(tokens, log_probs, partial.total + scores.where(unfinished.unsqueeze(1), 0.0)),
            lengths=torch.where(ending, length, self.lengths),
            coverage=self.coverage if coverage is None else torch.where(ending, coverage[:, 0], self.coverage),
        )
        return longer, None

    def select(self, rows: Int[Tensor, " R"]) -> "OneOutput":
        return replace(
            self,
            choose=self.choose.select(rows),
            partial=self.partial.select(rows),
            lengths=self.lengths[rows],
            coverage=self.coverage[rows],
        )

    def join(self, other: "OneOutput") -> "OneOutput":
        return replace(
            self,
            choose=self.choose.join(other.choose),
            partial=self.partial.join(other.partial),
            lengths=torch.cat([self.lengths, other.lengths]),
            coverage=torch.cat([self.coverage, other.coverage]),
        )

    def collect(self) -> dict[int, list[Hypothesis]]:
        partial = self.partial
        scores = partial.total[:, 0] / self.lengths.float() ** self.alpha + self.coverage
        rows = zip(
            partial.sentences.tolist(),
            (partial.width - partial.lengths).tolist(),
            partial.outputs()[:, 0].tolist(),
            partial.log_probs[:, 0].tolist(),
            self.lengths.tolist(),
            scores.tolist(),
            strict=True,
        )
        outputs: dict[int, list[Hypothesis]] = {}
        for sentence, first, tokens, log_probs, length, score in rows:
            own = slice(first, first + length)
            outputs.setdefault(sentence, []).append(Hypothesis.of(tokens[own], log_probs[own], score, self.end))
        return outputs


def one_output(partial: PartialOutputs, choose: Choice, alpha: float, end: int) -> OneOutput:
    """All outputs unfinished."""
    return OneOutput(
        choose, alpha, end, partial, torch.zeros_like(partial.limits), torch.zeros_like(partial.total[:, 0])
    )


def begin(partial: PartialOutputs, alpha: float, end: int) -> OneOutput:
    return one_output(partial, MostProbable(), alpha, end)

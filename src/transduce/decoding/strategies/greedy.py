"""One output per sentence: greedy search takes the most probable next token, sampling draws one.

Letters: B sentences, V vocabulary.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transduce.decoding.hypothesis import Hypothesis, hypothesis
from transduce.decoding.partial_outputs import Written
from transduce.decoding.scores import Chances

Choose = Callable[[Written, Tensor], Tensor]  # what is written (K = 1), log-probabilities (B, V) -> tokens (B,)


@dataclass(frozen=True)
class OneOutput:
    """A search along one output per sentence, whose next token `choose` takes.

    lengths: of the outputs that are done, without the start token; 0 where one goes on.
    bonus: what was added to their scores when they ended.
    """

    choose: Choose
    alpha: float
    end: int
    written: Written
    lengths: Int[Tensor, " B"]
    bonus: Float[Tensor, " B"]

    @property
    def going(self) -> Bool[Tensor, " B"]:
        return self.lengths == 0

    @property
    def alive(self) -> Bool[Tensor, "B 1"]:
        return self.going.unsqueeze(1)

    def advance(self, chances: Chances, bonus: Float[Tensor, "B 1"] | None) -> tuple["OneOutput", None]:
        """Sentences that are done keep their length and log-probability."""
        written, going, length = self.written, self.going, self.written.next_length
        last = self.choose(written, chances.scored[:, 0]).unsqueeze(1)
        own = chances.own[:, 0].gather(1, last)
        scored = own if chances.scored is chances.own else chances.scored[:, 0].gather(1, last)
        ending = going & ((last[:, 0] == self.end) | (written.limits == length))
        longer = replace(
            self,
            written=written.grown(last, own, written.total + scored.where(going.unsqueeze(1), 0.0)),
            lengths=self.lengths.masked_fill(ending, length),
            bonus=self.bonus if bonus is None else torch.where(ending, bonus[:, 0], self.bonus),
        )
        return longer, None

    def select(self, rows: Int[Tensor, " R"]) -> "OneOutput":
        return replace(self, written=self.written.select(rows), lengths=self.lengths[rows], bonus=self.bonus[rows])

    def collect(self) -> dict[int, list[Hypothesis]]:
        scores = self.written.total[:, 0] / self.lengths.float() ** self.alpha + self.bonus
        columns = zip(
            self.written.sentences.tolist(),
            self.written.tokens[:, 0, 1:].tolist(),
            self.written.gains[:, 0].tolist(),
            self.lengths.tolist(),
            scores.tolist(),
            strict=True,
        )
        return {
            sentence: [hypothesis(ids[:length], gains[:length], score, self.end)]
            for sentence, ids, gains, length, score in columns
        }


def begin(written: Written, choose: Choose, alpha: float, end: int) -> OneOutput:
    return OneOutput(
        choose, alpha, end, written, torch.zeros_like(written.limits), torch.zeros_like(written.total[:, 0])
    )


def most_probable(written: Written, log_probs: Float[Tensor, "B V"]) -> Int[Tensor, " B"]:
    """Greedy search: of equally probable tokens the lowest id."""
    return log_probs.argmax(dim=-1)

"""What a search has written so far: the part of its state that all searches share.

Letters: B sentences, K outputs side by side, t tokens so far (the start token included).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Written:
    """K unfinished outputs of each of B sentences.

    sentences: each sentence's place in the batch.
    limits: its longest output in tokens, the end token included.
    tokens: the outputs, the start token first.
    gains: the model's log-probability of each token but the start token.
    total: what unfinished outputs are ranked by: the sum of log-probabilities as the rules have them; -inf marks an
        empty place.
    """

    sentences: Int[Tensor, " B"]
    limits: Int[Tensor, " B"]
    tokens: Int[Tensor, "B K t"]
    gains: Float[Tensor, "B K t-1"]
    total: Float[Tensor, "B K"]

    @property
    def next_length(self) -> int:
        """Tokens of an output when the next one stands, the start token not counted."""
        return self.tokens.size(-1)

    def select(self, rows: Int[Tensor, " R"]) -> "Written":
        return Written(self.sentences[rows], self.limits[rows], self.tokens[rows], self.gains[rows], self.total[rows])

    def grown(
        self,
        last: Int[Tensor, "B C"],
        gains: Float[Tensor, "B C"],
        total: Float[Tensor, "B C"],
        beams: Int[Tensor, "B C"] | None = None,
    ) -> "Written":
        """One token longer: output c is output `beams[b, c]` followed by `last[b, c]`; each itself without `beams`."""
        tokens, before = self.tokens, self.gains
        if beams is not None:
            index = beams.unsqueeze(-1)
            tokens = tokens.gather(1, index.expand(-1, -1, tokens.size(-1)))
            before = before.gather(1, index.expand(-1, -1, before.size(-1)))
        return Written(
            self.sentences,
            self.limits,
            torch.cat([tokens, last.unsqueeze(-1)], dim=-1),
            torch.cat([before, gains.unsqueeze(-1)], dim=-1),
            total,
        )


def side_by_side(parts: Sequence[Written]) -> Written:
    """The outputs of all `parts`, which are about the same sentences and equally long, in one."""
    return Written(
        parts[0].sentences,
        parts[0].limits,
        torch.cat([part.tokens for part in parts], dim=1),
        torch.cat([part.gains for part in parts], dim=1),
        torch.cat([part.total for part in parts], dim=1),
    )

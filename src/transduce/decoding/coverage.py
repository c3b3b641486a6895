"""Coverage: how much of the source an output has looked at (Wu et al. 2016, 1609.08144, equation 14).

Letters: B sentences, K outputs side by side, T new tokens, S source positions.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Coverage:
    """What each output has attended to so far: `seen` sums its attention over all tokens written.

    lengths: source positions of each sentence; those behind are padding.
    """

    beta: float
    lengths: Int[Tensor, " B"]
    seen: Float[Tensor, "B K S"] | None = None

    def add(self, attention: Float[Tensor, "B K T S"]) -> "Coverage":
        new = attention.float().sum(2)
        return replace(self, seen=new if self.seen is None else self.seen + new)

    def reorder(self, beams: Int[Tensor, "B K_new"]) -> "Coverage":
        assert self.seen is not None
        index = beams.unsqueeze(-1).expand(-1, -1, self.seen.size(-1))
        return replace(self, seen=self.seen.gather(1, index))

    def select(self, rows: Int[Tensor, " R"]) -> "Coverage":
        assert self.seen is not None
        return replace(self, lengths=self.lengths[rows], seen=self.seen[rows])

    def penalty(self) -> Float[Tensor, "B K"]:
        """beta * sum over source positions of log(min(attention, 1)): at most 0.

        A position that nothing looked at would make it -inf; the smallest positive float32 stands for its 0.
        """
        assert self.seen is not None
        logs = self.seen.clamp(torch.finfo(torch.float32).tiny, 1.0).log()
        padding = torch.arange(self.seen.size(-1), device=self.seen.device) >= self.lengths.unsqueeze(-1)  # (B, S)
        return self.beta * logs.masked_fill(padding.unsqueeze(1), 0.0).sum(-1)

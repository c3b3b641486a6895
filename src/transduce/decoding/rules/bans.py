"""Rules that take tokens away. What is left is not normalised again: an output's log-probability stays the model's.

Letters: B sentences, K outputs side by side, V vocabulary, W windows, n length of an n-gram.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from transduce.decoding.partial_outputs import Written
from transduce.decoding.scores import Chances


@dataclass(frozen=True)
class MinimumLength:
    """No end token before an output is `least` tokens long with it, or as long as its sentence's limit allows."""

    least: int
    end: int

    def __call__(self, chances: Chances, written: Written) -> Float[Tensor, "B K V"]:
        if written.next_length >= self.least:
            return chances.scored
        banned = torch.zeros_like(chances.scored, dtype=torch.bool)
        banned[..., self.end] = (written.limits > written.next_length).unsqueeze(-1)
        return chances.scored.masked_fill(banned, -torch.inf)


@dataclass(frozen=True)
class NoRepeatedNgram:
    """No token that would complete an n-gram which the output holds already (Paulus et al. 2017, 1705.04304)."""

    n: int

    def __call__(self, chances: Chances, written: Written) -> Float[Tensor, "B K V"]:
        ids, scored = written.tokens[..., 1:], chances.scored
        if ids.size(-1) < self.n:
            return scored
        windows = ids.unfold(-1, self.n, 1)  # (B, K, W, n)
        ending = ids[..., ids.size(-1) - self.n + 1 :]  # the n - 1 tokens written last
        repeats = (windows[..., :-1] == ending.unsqueeze(-2)).all(-1)  # (B, K, W)
        # what completes none goes to a column of its own, which is cut off again
        completing = windows[..., -1].where(repeats, scored.size(-1))
        banned = torch.zeros(*scored.shape[:-1], scored.size(-1) + 1, dtype=torch.bool, device=scored.device)
        return scored.masked_fill(banned.scatter_(-1, completing, True)[..., :-1], -torch.inf)


@dataclass(frozen=True)
class Bans:
    """All bans together. Where they would leave no token, the end token stays possible, as it was before them."""

    bans: tuple[MinimumLength | NoRepeatedNgram, ...]
    end: int

    def __call__(self, chances: Chances, written: Written) -> Float[Tensor, "B K V"]:
        left = chances
        for ban in self.bans:
            left = replace(left, scored=ban(left, written))
        if left.scored is chances.scored:
            return chances.scored
        stuck = (left.scored == -torch.inf).all(-1)
        scored = left.scored.clone()
        scored[..., self.end] = torch.where(stuck, chances.scored[..., self.end], scored[..., self.end])
        return scored

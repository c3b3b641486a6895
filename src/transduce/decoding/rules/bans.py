"""Rules that ban tokens. The rest is not normalised again: an output's log-probability stays the model's.

Letters: B sentences, K outputs side by side, V vocabulary, W windows, n length of an n-gram.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from transduce.decoding.partial_outputs import EMPTY, PartialOutputs
from transduce.decoding.scores import TokenScores, members


@dataclass(frozen=True)
class MinimumLength:
    """No end token before an output is `least` tokens long with it, or as long as its sentence's limit allows."""

    least: int
    end: int

    def __call__(self, next_token: TokenScores, partial: PartialOutputs) -> Float[Tensor, "B K V"]:
        length = partial.lengths + 1
        too_early = (length < self.least) & (length < partial.limits)  # (B,)
        if not bool(too_early.any()):
            return next_token.scores
        scores = next_token.scores.clone()
        scores[..., self.end] = scores[..., self.end].masked_fill(too_early.unsqueeze(1), -torch.inf)
        return scores


@dataclass(frozen=True)
class NoRepeatedNgram:
    """No token that completes an n-gram which prompt and output have already (Paulus et al. 2017, 1705.04304)."""

    n: int

    def __call__(self, next_token: TokenScores, partial: PartialOutputs) -> Float[Tensor, "B K V"]:
        tokens, scores = partial.tokens, next_token.scores
        if tokens.size(-1) < self.n:
            return scores
        windows = tokens.unfold(-1, self.n, 1)  # (B, K, W, n)
        ending = tokens[..., tokens.size(-1) - self.n + 1 :]  # the last n - 1 tokens
        repeats = (windows[..., :-1] == ending.unsqueeze(-2)).all(-1)  # (B, K, W)
        completing = windows[..., -1].where(repeats, EMPTY)
        return scores.masked_fill(members(completing, scores.size(-1)), -torch.inf)


@dataclass(frozen=True)
class Bans:
    """All bans together. Where they ban every token, the end token keeps its score; the other tokens too where the end
    cannot stand, as within a character.
    """

    bans: tuple[MinimumLength | NoRepeatedNgram, ...]
    end: int

    def __call__(self, next_token: TokenScores, partial: PartialOutputs) -> Float[Tensor, "B K V"]:
        rest = next_token
        for ban in self.bans:
            rest = replace(rest, scores=ban(rest, partial))
        if rest.scores is next_token.scores:
            return next_token.scores
        stuck = (rest.scores == -torch.inf).all(-1)
        scores = rest.scores.clone()
        end_scores = next_token.scores[..., self.end]
        scores[..., self.end] = torch.where(stuck, end_scores, scores[..., self.end])
        return scores.where(~(stuck & (end_scores == -torch.inf)).unsqueeze(-1), next_token.scores)

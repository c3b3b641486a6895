"""Outputs that must begin with given tokens.

Letters: B sentences, K outputs side by side, V vocabulary, N sentences of the batch, P longest prefix.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from transduce.decoding.partial_outputs import Written
from transduce.decoding.scores import Chances


@dataclass(frozen=True)
class ForcedPrefix:
    """As long as a sentence's prefix lasts, its next token is the only one, with the model's own log-probability."""

    tokens: Int[Tensor, "N P"]
    lengths: Int[Tensor, " N"]

    def __call__(self, chances: Chances, written: Written) -> Float[Tensor, "B K V"]:
        place = written.next_length - 1
        if place >= self.tokens.size(1):
            return chances.scored
        forced = self.lengths[written.sentences] > place
        wanted = self.tokens[written.sentences, place]  # (B,)
        index = wanted.view(-1, 1, 1).expand(-1, chances.own.size(1), 1)
        only = torch.full_like(chances.own, -torch.inf).scatter(-1, index, chances.own.gather(-1, index))
        return torch.where(forced.view(-1, 1, 1), only, chances.scored)

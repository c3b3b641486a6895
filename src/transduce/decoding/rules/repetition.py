"""Rules against saying the same again, by probability.

Letters: B sentences, K outputs side by side, V vocabulary.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from transduce.decoding.partial_outputs import Written
from transduce.decoding.scores import Chances


@dataclass(frozen=True)
class RepetitionPenalty:
    """Tokens that the output holds already become less probable (Keskar et al. 2019, CTRL, 1909.05858, section 4.1).

    Their logits are divided by the penalty, negative ones multiplied, as in `transformers`; then the distribution is
    normalised again. Forced tokens count as the output's own.
    """

    penalty: float

    def __call__(self, chances: Chances, written: Written) -> Float[Tensor, "B K V"]:
        ids, logits = written.tokens[..., 1:], chances.logits
        if ids.size(-1) == 0:
            return chances.scored
        held = logits.gather(-1, ids)
        reshaped = logits.scatter(-1, ids, torch.where(held < 0, held * self.penalty, held / self.penalty))
        return reshaped.log_softmax(-1).masked_fill(chances.scored == -torch.inf, -torch.inf)

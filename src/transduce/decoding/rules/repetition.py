"""A rule against repetition, by probability.

Letters: B sentences, K outputs side by side, V vocabulary.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from transduce.decoding.partial_outputs import PartialOutputs
from transduce.decoding.scores import TokenScores, members


@dataclass(frozen=True)
class RepetitionPenalty:
    """Tokens of the prompt and of the output become less probable (Keskar et al. 2019, CTRL, 1909.05858, section 4.1).

    Their logits are divided by the penalty, negative ones multiplied, as in `transformers`; then the distribution is
    normalised again. The start token does not count.
    """

    penalty: float

    def __call__(self, next_token: TokenScores, partial: PartialOutputs) -> Float[Tensor, "B K V"]:
        if partial.tokens.size(-1) == 0:
            return next_token.scores
        logits = next_token.logits
        penalised = torch.where(logits < 0, logits * self.penalty, logits / self.penalty)
        reshaped = penalised.where(members(partial.tokens, logits.size(-1)), logits)
        return reshaped.log_softmax(-1).masked_fill(next_token.scores == -torch.inf, -torch.inf)

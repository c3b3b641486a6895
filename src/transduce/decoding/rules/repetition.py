"""A rule against repetition, by probability.

Letters: B sentences, K outputs side by side, V vocabulary.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from transduce.decoding.partial_outputs import EMPTY, PartialOutputs
from transduce.decoding.scores import TokenScores


@dataclass(frozen=True)
class RepetitionPenalty:
    """Tokens of the prompt and of the output become less probable (Keskar et al. 2019, CTRL, 1909.05858, section 4.1).

    Their logits are divided by the penalty, negative ones multiplied, as in `transformers`; then the distribution is
    normalised again. The start token does not count.
    """

    penalty: float

    def __call__(self, next_token: TokenScores, partial: PartialOutputs) -> Float[Tensor, "B K V"]:
        tokens, logits = partial.tokens, next_token.logits
        if tokens.size(-1) == 0:
            return next_token.scores
        ids = tokens.where(tokens != EMPTY, partial.last.unsqueeze(-1))  # the last one is among them anyway
        values = logits.gather(-1, ids)
        penalised = torch.where(values < 0, values * self.penalty, values / self.penalty)
        penalised = penalised.where(tokens[..., -1:] != EMPTY, values)  # neither prompt nor output yet
        reshaped = logits.scatter(-1, ids, penalised)
        return reshaped.log_softmax(-1).masked_fill(next_token.scores == -torch.inf, -torch.inf)

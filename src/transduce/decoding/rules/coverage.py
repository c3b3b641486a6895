"""Coverage: the attention of an output to its source (Wu et al. 2016, 1609.08144, equation 14).

Letters: B sentences, K outputs side by side, P tokens of the longest prompt, T new tokens, S source positions.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from transduce.decoding.protocol import Padded


@dataclass(frozen=True)
class Coverage:
    """The attention of each output to each source position: a sum over the tokens of prompt and output.

    lengths: source positions of each sentence, without padding.
    """

    beta: float
    lengths: Int[Tensor, " B"]
    attention: Float[Tensor, "B K S"]

    @classmethod
    def start(cls, beta: float, inputs: Padded) -> "Coverage":
        """No attention yet; K = 1."""
        return cls(beta, inputs.lengths, torch.zeros(inputs.tokens.shape, device=inputs.tokens.device).unsqueeze(1))

    def add(self, attention: Float[Tensor, "B K T S"]) -> "Coverage":
        return replace(self, attention=self.attention + attention.float().sum(2))

    def add_prompts(self, attention: Float[Tensor, "B 1 P S"], tokens: Int[Tensor, " B"]) -> "Coverage":
        """Adds the first `tokens[b]` rows of each sentence; the rows behind are padding."""
        own = torch.arange(attention.size(2), device=tokens.device) < tokens.unsqueeze(-1)  # (B, P)
        return self.add(attention.where(own[:, None, :, None], 0.0))

    def reorder(self, beams: Int[Tensor, "B K_new"]) -> "Coverage":
        index = beams.unsqueeze(-1).expand(-1, -1, self.attention.size(-1))
        return replace(self, attention=self.attention.gather(1, index))

    def select(self, rows: Int[Tensor, " R"]) -> "Coverage":
        return replace(self, lengths=self.lengths[rows], attention=self.attention[rows])

    def join(self, other: "Coverage") -> "Coverage":
        longest = max(self.attention.size(-1), other.attention.size(-1))
        attention = [pad(each.attention, (0, longest - each.attention.size(-1))) for each in (self, other)]
        return Coverage(self.beta, torch.cat([self.lengths, other.lengths]), torch.cat(attention))

    def penalty(self) -> Float[Tensor, "B K"]:
        """beta * sum over source positions of log(min(attention, 1)): at most 0.

        A position without any attention would make it -inf; the smallest positive float32 stands for its 0.
        """
        logs = self.attention.clamp(torch.finfo(torch.float32).tiny, 1.0).log()
        padding = torch.arange(logs.size(-1), device=logs.device) >= self.lengths.unsqueeze(-1)  # (B, S)
        return self.beta * logs.masked_fill(padding.unsqueeze(1), 0.0).sum(-1)

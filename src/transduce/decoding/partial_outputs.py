"""Unfinished outputs: the part of a search's state that all strategies share.

Letters: B sentences, K outputs side by side, W width of prompts and outputs, t width of outputs, C new outputs.

Sentences may begin at different steps, so rows differ in length. They end together, at the last column: a step adds one
column, and the places before a row's first token are EMPTY. Two outputs after the prompts [5, 6] and [7], the second of
which starts one step later:

    tokens     [[ 5,  6,  8,  9],      log_probs  [[-0.1, -0.2],
                [-1, -1,  7,  8]]                  [ 0.0, -0.3]]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from transduce.decoding.requests import Request

EMPTY = -1  # no token


@dataclass(frozen=True)
class PartialOutputs:
    """K unfinished outputs of each of B sentences.

    sentences: the number under which each sentence was submitted.
    limits: its longest output in tokens, the end token included.
    lengths: tokens of its outputs so far.
    last: the last token of each output, or of its prompt where the output is empty; the model reads it next.
    tokens: prompt without the start token, then output.
    log_probs: the model's log-probability of each output token.
    total: unfinished outputs rank by this sum of their tokens' scores; -inf marks an empty place.
    """

    sentences: Int[Tensor, " B"]
    limits: Int[Tensor, " B"]
    lengths: Int[Tensor, " B"]
    last: Int[Tensor, "B K"]
    tokens: Int[Tensor, "B K W"]
    log_probs: Float[Tensor, "B K t"]
    total: Float[Tensor, "B K"]

    @classmethod
    def start(cls, requests: Mapping[int, Request], start: int, device: torch.device | str) -> "PartialOutputs":
        """One empty output for each request, after its prompt."""
        each = list(requests.values())
        width = max(len(request.prompt) for request in each)
        rows = [[EMPTY] * (width - len(request.prompt)) + list(request.prompt) for request in each]
        return cls(
            sentences=torch.tensor(list(requests), device=device),
            limits=torch.tensor([request.limit for request in each], device=device),
            lengths=torch.zeros(len(each), dtype=torch.long, device=device),
            last=torch.tensor([[[start, *request.prompt][-1]] for request in each], device=device),
            tokens=torch.tensor(rows, dtype=torch.long, device=device).unsqueeze(1),
            log_probs=torch.zeros(len(each), 1, 0, device=device),
            total=torch.zeros(len(each), 1, device=device),
        )

    @property
    def width(self) -> int:
        """Tokens of the longest outputs so far."""
        return self.log_probs.size(-1)

    def outputs(self) -> Int[Tensor, "B K t"]:
        """The tokens without the prompts."""
        return self.tokens[..., self.tokens.size(-1) - self.width :]

    def reorder(self, beams: Int[Tensor, "B C"]) -> "PartialOutputs":
        """Output c is output `beams[b, c]`."""
        index = beams.unsqueeze(-1)
        return replace(
            self,
            last=self.last.gather(1, beams),
            tokens=self.tokens.gather(1, index.expand(-1, -1, self.tokens.size(-1))),
            log_probs=self.log_probs.gather(1, index.expand(-1, -1, self.width)),
            total=self.total.gather(1, beams),
        )

    def extend(
        self, tokens: Int[Tensor, "B K"], log_probs: Float[Tensor, "B K"], total: Float[Tensor, "B K"]
    ) -> "PartialOutputs":
        """Every output one token longer."""
        return replace(
            self,
            lengths=self.lengths + 1,
            last=tokens,
            tokens=torch.cat([self.tokens, tokens.unsqueeze(-1)], dim=-1),
            log_probs=torch.cat([self.log_probs, log_probs.unsqueeze(-1)], dim=-1),
            total=total,
        )

    def select(self, rows: Int[Tensor, " R"]) -> "PartialOutputs":
        return PartialOutputs(*(field[rows] for field in self._fields()))

    def join(self, other: "PartialOutputs") -> "PartialOutputs":
        """The sentences of both, as wide as the longest of them."""
        width = int(torch.cat([self.lengths, other.lengths]).max())
        reach = max(int((part.tokens != EMPTY).sum(-1).max()) for part in (self, other))
        parts = [
            replace(
                part,
                tokens=ending_together(part.tokens, reach, EMPTY),
                log_probs=ending_together(part.log_probs, width),
            )
            for part in (self, other)
        ]
        pairs = zip(parts[0]._fields(), parts[1]._fields(), strict=True)
        return PartialOutputs(*(torch.cat(pair) for pair in pairs))

    def _fields(self) -> tuple[Tensor, ...]:
        return self.sentences, self.limits, self.lengths, self.last, self.tokens, self.log_probs, self.total


def ending_together(rows: Tensor, width: int, fill: int = 0) -> Tensor:
    """The last `width` columns of `rows`, filled up at the front where there are fewer."""
    return pad(rows, (width - rows.size(-1), 0), value=fill)


def side_by_side(parts: Sequence[PartialOutputs]) -> PartialOutputs:
    """The outputs of all `parts`, which belong to the same sentences, in one."""
    return replace(
        parts[0],
        last=torch.cat([part.last for part in parts], dim=1),
        tokens=torch.cat([part.tokens for part in parts], dim=1),
        log_probs=torch.cat([part.log_probs for part in parts], dim=1),
        total=torch.cat([part.total for part in parts], dim=1),
    )

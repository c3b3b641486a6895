"""One prefix per sentence: greedy search takes the most probable next token, sampling draws one.

Letters: B sentences, t tokens so far (the start token included).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transduce.decoding.config import Decoding
from transduce.decoding.hypothesis import Hypothesis, SpecialIds, hypothesis
from transduce.decoding.protocol import Decodable, State
from transduce.decoding.rules import log_probabilities, worth_leaving


@dataclass(frozen=True)
class GreedyState:
    """One prefix per sentence; a sentence with `lengths` > 0 is done and that long, without the start token."""

    sentences: Int[Tensor, " B"]
    limits: Int[Tensor, " B"]
    tokens: Int[Tensor, "B t"]
    log_probability: Float[Tensor, " B"]
    lengths: Int[Tensor, " B"]

    @property
    def going(self) -> Bool[Tensor, " B"]:
        return self.lengths == 0

    def select(self, rows: Int[Tensor, " R"]) -> "GreedyState":
        return GreedyState(
            self.sentences[rows], self.limits[rows], self.tokens[rows], self.log_probability[rows], self.lengths[rows]
        )


def begin(limits: Int[Tensor, " B"], start: int) -> GreedyState:
    """Every sentence holds the start token only."""
    sentences, device = len(limits), limits.device
    return GreedyState(
        torch.arange(sentences, device=device),
        limits,
        torch.full((sentences, 1), start, device=device),
        torch.zeros(sentences, device=device),
        torch.zeros(sentences, dtype=torch.long, device=device),
    )


def most_probable(state: GreedyState, log_probs: Float[Tensor, "B V"]) -> Int[Tensor, " B"]:
    """Of equal ones the lowest id."""
    return log_probs.argmax(dim=-1)


def advance(state: GreedyState, log_probs: Float[Tensor, "B V"], last: Int[Tensor, " B"], end: int) -> GreedyState:
    """The token `last` more for every sentence; those that are done keep their length and log-probability."""
    gain = log_probs.gather(1, last.unsqueeze(1)).squeeze(1)
    length = state.tokens.size(1)
    ending = (last == end) | (state.limits == length)
    return GreedyState(
        state.sentences,
        state.limits,
        torch.cat([state.tokens, last.unsqueeze(1)], dim=1),
        state.log_probability + gain.where(state.going, 0.0),
        state.lengths.masked_fill(state.going & ending, length),
    )


def collect(state: GreedyState, alpha: float, end: int) -> dict[int, list[Hypothesis]]:
    """The one hypothesis of each sentence, under its position in the batch."""
    scores = state.log_probability / state.lengths.float() ** alpha
    columns = zip(
        state.sentences.tolist(),
        state.tokens[:, 1:].tolist(),
        state.lengths.tolist(),
        state.log_probability.tolist(),
        scores.tolist(),
        strict=True,
    )
    return {sentence: [hypothesis(ids[:length], total, score, end)] for sentence, ids, length, total, score in columns}


def greedy_search(
    model: Decodable[State],
    source: Int[Tensor, "B S"],
    lengths: Int[Tensor, " B"],
    limits: Int[Tensor, " B"],
    settings: Decoding,
    special: SpecialIds,
) -> list[list[Hypothesis]]:
    """One hypothesis of each sentence. The same as beam search with one beam that stops at its first end token."""
    return search(model, source, lengths, limits, settings, special, most_probable)


def search(
    model: Decodable[State],
    source: Int[Tensor, "B S"],
    lengths: Int[Tensor, " B"],
    limits: Int[Tensor, " B"],
    settings: Decoding,
    special: SpecialIds,
    choose: Callable[[GreedyState, Tensor], Tensor],
) -> list[list[Hypothesis]]:
    """One hypothesis of each sentence, made of the tokens that `choose` takes from the log-probabilities (B, V)."""
    cache = model.start(source, lengths)
    state = begin(limits, special.start)
    results: dict[int, list[Hypothesis]] = {}
    while True:
        logits, cache = model.step(state.tokens[:, None, -1:], cache)  # (B, 1, 1)
        log_probs = log_probabilities(logits[:, :, -1], state.going.unsqueeze(1), special).squeeze(1)
        state = advance(state, log_probs, choose(state, log_probs), special.end)
        remaining = int(state.going.sum())
        if remaining == 0:
            break
        if worth_leaving(remaining, len(state.going)):
            results |= collect(state.select((~state.going).nonzero().squeeze(1)), settings.alpha, special.end)
            rows = state.going.nonzero().squeeze(1)
            state, cache = state.select(rows), model.select(cache, rows)
    results |= collect(state, settings.alpha, special.end)
    return [results[sentence] for sentence in range(len(source))]

"""The searches and their rules once more, token by token in plain Python, straight from their definitions."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from toy_models import END, SPECIAL, AttendingToy, Source, ToyModel, limit_of
from transduce.decoding.config import Decoding
from transduce.decoding.hypothesis import Hypothesis


def next_tokens(
    model: ToyModel, source: Source, ids: Sequence[int], how: Decoding, prompt: Sequence[int] = ()
) -> dict[int, tuple[float, float]]:
    """The model's own log-probability and the ranked one of every token that may follow the output `ids`."""
    tokens = [*prompt, *ids]
    logits = model.logits(source, tokens)
    own = logits.log_softmax(-1).tolist()
    penalised = logits.clone()
    for token in set(tokens):
        value = logits[token].item()
        penalised[token] = value * how.repetition_penalty if value < 0 else value / how.repetition_penalty
    ranked = penalised.log_softmax(-1).tolist()
    allowed = [token for token in range(len(own)) if token not in SPECIAL.banned]
    n = how.no_repeat_ngram
    grams = {tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)} if n else set()
    allowed = [token for token in allowed if (*tokens[len(tokens) - n + 1 :], token) not in grams]
    if len(ids) + 1 < min(how.min_length, limit_of(source, how)) and END in allowed:
        allowed.remove(END)
    return {token: (own[token], ranked[token]) for token in allowed or [END]}


def covered(model: ToyModel, source: Source, output: Sequence[int], beta: float, prompt: Sequence[int] = ()) -> float:
    """The coverage penalty of a prompt and an output whose tokens, the end token among them, are `output`."""
    if not beta:
        return 0.0
    assert isinstance(model, AttendingToy) and source is not None
    tokens = [*prompt, *output]
    steps = [model.attention(source, tokens[:i]) for i in range(len(tokens))]
    return beta * sum(math.log(min(sum(each), 1.0)) for each in zip(*steps, strict=True))


def output_of(h: Hypothesis) -> tuple[int, ...]:
    """Its tokens with the end token."""
    return (*h.ids, END) if h.ended else h.ids


@dataclass(frozen=True)
class Growing:
    """An output that is not finished: its tokens, their own log-probabilities, and what it is ranked by."""

    ids: tuple[int, ...] = ()
    gains: tuple[float, ...] = ()
    total: float = 0.0
    paid: float = 0.0

    def then(self, token: int, own: float, ranked: float, price: float = 0.0) -> "Growing":
        return Growing((*self.ids, token), (*self.gains, own), self.total + ranked, self.paid + price)

    def done(self, limit: int) -> bool:
        return self.ids[-1] == END or len(self.ids) == limit

    def hypothesis(self, model: ToyModel, source: Source, how: Decoding, prompt: Sequence[int]) -> Hypothesis:
        coverage = covered(model, source, self.ids, how.coverage_penalty, prompt)
        score = self.total / len(self.ids) ** how.alpha + coverage
        ended = self.ids[-1] == END
        return Hypothesis(self.ids[:-1] if ended else self.ids, score, sum(self.gains), ended, self.gains)


def every_hypothesis(model: ToyModel, source: Source, how: Decoding, prompt: Sequence[int] = ()) -> list[Hypothesis]:
    """All outputs of up to the limit, best first: search by enumeration."""

    def grow(so_far: Growing) -> Iterator[Hypothesis]:
        for token, (own, ranked) in next_tokens(model, source, so_far.ids, how, prompt).items():
            longer = so_far.then(token, own, ranked)
            if longer.done(limit_of(source, how)):
                yield longer.hypothesis(model, source, how, prompt)
            else:
                yield from grow(longer)

    return sorted(grow(Growing()), key=lambda found: -found.score)


def greedy(model: ToyModel, source: Source, how: Decoding, prompt: Sequence[int] = ()) -> Hypothesis:
    """The best token, again and again."""
    so_far = Growing()
    while not (so_far.ids and so_far.done(limit_of(source, how))):
        chances = next_tokens(model, source, so_far.ids, how, prompt)
        token = max(chances, key=lambda each: chances[each][1])
        so_far = so_far.then(token, *chances[token])
    return so_far.hypothesis(model, source, how, prompt)


def diverse_groups(
    model: ToyModel, source: Source, how: Decoding, prompt: Sequence[int] = ()
) -> list[list[Hypothesis]]:
    """The best finished outputs of each group of beams, best first. A group that cannot better them closes; one drops what
    an earlier group has finished.
    """
    width, limit = how.beam // how.groups, limit_of(source, how)
    opened = [[Growing()] for _ in range(how.groups)]
    finished: list[list[Hypothesis]] = [[] for _ in range(how.groups)]
    for _ in range(limit):
        taken = torch.zeros(model.table.size(1))
        for group in range(how.groups):
            candidates = [
                beam.then(token, own, ranked, how.diversity * taken[token].item())
                for beam in opened[group]
                for token, (own, ranked) in next_tokens(model, source, beam.ids, how, prompt).items()
            ]
            outputs = {output_of(each) for earlier in finished[:group] for each in earlier[:width]}
            candidates = [each for each in candidates if not (each.done(limit) and each.ids in outputs)]
            candidates.sort(key=lambda each: each.paid - each.total)
            candidates = candidates[: 2 * width]
            done = [each for each in candidates[:width] if each.done(limit)]
            finished[group] += [each.hypothesis(model, source, how, prompt) for each in done]
            opened[group] = [each for each in candidates if not each.done(limit)][:width]
            finished[group].sort(key=lambda found: -found.score)
            best = max((each.total for each in opened[group]), default=-math.inf) / limit**how.alpha
            if len(finished[group]) >= width and best <= finished[group][width - 1].score:
                opened[group] = []
            for each in opened[group]:
                taken[each.ids[-1]] += 1
    return [group[:width] for group in finished]

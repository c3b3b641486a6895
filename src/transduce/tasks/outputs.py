"""The results of a model that decodes: outputs with their probabilities, and probabilities of given targets."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from transduce.decoding.config import Decoding
from transduce.decoding.engine import decode
from transduce.decoding.hypothesis import Hypothesis
from transduce.decoding.requests import Request
from transduce.tasks.task import Model, special_ids, vocabulary_rules
from transduce.text.tokenizer import Tokenizer

T = TypeVar("T")
WINDOW = 512  # records whose predictions are complete before those of the next ones begin


@dataclass(frozen=True)
class Output:
    """One output: its text, score (the order of outputs) and log-probability in nats.

    text: with the prefix that it continues, if any. ids, token_log_probabilities: of the continuation alone; the end
    token's probability is the last term where `ended`.
    """

    text: str
    score: float
    log_probability: float
    source_cut: bool = False  # the source was longer than the model takes: its beginning was used
    ended: bool = True  # by the model; False if it was cut at its longest length
    ids: tuple[int, ...] = ()
    token_log_probabilities: tuple[float, ...] = ()
    tokenizer: Tokenizer | None = field(default=None, repr=False, compare=False)

    @property
    def confidence(self) -> float:
        """The geometric mean of its tokens' probabilities, end token included; 1 for a blank line."""
        return math.exp(self.log_probability / max(1, len(self.token_log_probabilities)))

    @property
    def token_probabilities(self) -> tuple[float, ...]:
        return tuple(map(math.exp, self.token_log_probabilities))

    @property
    def pieces(self) -> tuple[str, ...]:
        """Its tokens for people to read, one for each of `token_probabilities`: ("▁Ha", "us", "</s>")."""
        if self.tokenizer is None:
            return ()
        ended = len(self.token_log_probabilities) > len(self.ids)
        return tuple(self.tokenizer.pieces([*self.ids, self.tokenizer.end] if ended else self.ids))


def outputs_of(
    hypotheses: Sequence[Hypothesis], prompt: Sequence[int], tokenizer: Tokenizer, source_cut: bool = False
) -> list[Output]:
    """Hypotheses as outputs, whose texts begin with that of the prompt."""
    texts = tokenizer.decode_batch([[*prompt, *hypothesis.ids] for hypothesis in hypotheses])
    return [
        Output(text, h.score, h.log_probability, source_cut, h.ended, h.ids, h.token_log_probabilities, tokenizer)
        for text, h in zip(texts, hypotheses, strict=True)
    ]


def windows(count: int) -> Iterator[range]:
    """The places of `count` records in parts of WINDOW, so that the first predictions need not wait for the last record."""
    return (range(begin, min(begin + WINDOW, count)) for begin in range(0, count, WINDOW))


def decode_requests(
    model: Model, requests: Sequence[Request], settings: Decoding, tokenizer: Tokenizer, multiline: bool = False
) -> Iterator[tuple[int, list[Hypothesis]]]:
    """The place of each request and its n best outputs, window after window. An output is one line unless `multiline`."""
    special, rules = special_ids(tokenizer), vocabulary_rules(tokenizer, model.device, multiline)
    for window in windows(len(requests)):
        part = requests[window.start : window.stop]
        for number, hypotheses in decode(model.decodable(), part, settings, special, model.device, rules):
            yield window[number], hypotheses


def in_order(results: Iterable[tuple[int, T]]) -> Iterator[T]:
    """Results by place, counted from 0: each as soon as it and all before it are complete.

    >>> list(in_order([(1, "b"), (0, "a"), (2, "c")]))
    ['a', 'b', 'c']
    """
    waiting: dict[int, T] = {}
    following = 0
    for place, result in results:
        waiting[place] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1


@dataclass(frozen=True)
class Scored:
    """Log-probability of a target given its source, in nats: of the whole, and of each of its tokens, the end last."""

    log_probability: float
    tokens: tuple[float, ...]
    pieces: tuple[str, ...]
    source_cut: bool = False  # as in Output


class LineError(ValueError):
    """A line that cannot be decoded as asked: `what` is wrong at `place`, counted from 0."""

    def __init__(self, place: int, what: str) -> None:
        super().__init__(f"line {place + 1}: {what}")
        self.place, self.what = place, what

"""What a model says: an output with its probabilities, and the probabilities of a text that was given."""

import math
from dataclasses import dataclass, field

from transduce.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Translation:
    """One output: its text, score (what outputs are ranked by) and log-probability in nats.

    The text begins with the forced prefix. All else is about what the model wrote after it: score, log-probability, ids.
    token_log_probabilities: the terms of log_probability, the end token's last where `ended`.
    """

    text: str
    score: float
    log_probability: float
    source_cut: bool = False  # the source was longer than the model takes, and only its beginning was translated
    ended: bool = True  # the model ended it; False if it was cut at the longest output allowed
    ids: tuple[int, ...] = ()
    token_log_probabilities: tuple[float, ...] = ()
    tokenizer: Tokenizer | None = field(default=None, repr=False, compare=False)  # of the target side

    @property
    def confidence(self) -> float:
        """The geometric mean of its tokens' probabilities, end token included, forced prefix not; 1 for a blank line."""
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


@dataclass(frozen=True)
class Scored:
    """Log-probability of a target given its source, in nats: of the whole, and of each of its tokens, the end last."""

    log_probability: float
    tokens: tuple[float, ...]
    pieces: tuple[str, ...]
    source_cut: bool = False  # as in Translation

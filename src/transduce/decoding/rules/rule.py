"""What a rule is, and which rules the settings ask for.

Letters: B sentences, K outputs side by side, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from transduce.decoding.config import Decoding
from transduce.decoding.partial_outputs import Written
from transduce.decoding.requests import Batch
from transduce.decoding.rules.bans import Bans, MinimumLength, NoRepeatedNgram
from transduce.decoding.rules.forced_prefix import ForcedPrefix
from transduce.decoding.rules.repetition import RepetitionPenalty
from transduce.decoding.scores import Chances


@runtime_checkable
class Rule(Protocol):
    """A function from how probable each next token is, and what has been written, to new log-probabilities.

    They must stay at most 0: what a search knows of an output's best possible score rests on that.
    """

    def __call__(self, chances: Chances, written: Written) -> Float[Tensor, "B K V"]: ...


def rules_for(settings: Decoding, batch: Batch, end: int) -> tuple[Rule, ...]:
    """The rules in their order: penalties reshape, bans take away, a prefix decides alone."""
    rules: list[Rule] = []
    if settings.repetition_penalty != 1:
        rules.append(RepetitionPenalty(settings.repetition_penalty))
    bans: list[MinimumLength | NoRepeatedNgram] = []
    if settings.no_repeat_ngram:
        bans.append(NoRepeatedNgram(settings.no_repeat_ngram))
    if settings.min_length > 1:
        bans.append(MinimumLength(settings.min_length, end))
    if bans:
        rules.append(Bans(tuple(bans), end))
    if batch.prefixes.size(1) > batch.common_prefix:
        rules.append(ForcedPrefix(batch.prefixes, batch.prefix_lengths))
    return tuple(rules)


def apply(rules: Sequence[Rule], chances: Chances, written: Written) -> Chances:
    """Each rule's log-probabilities are what the next one sees as `scored`."""
    for rule in rules:
        chances = replace(chances, scored=rule(chances, written))
    return chances

"""Rules, and those for given settings.

Letters: B sentences, K outputs side by side, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from transduce.decoding.config import Decoding
from transduce.decoding.partial_outputs import PartialOutputs
from transduce.decoding.rules.bans import Bans, MinimumLength, NoRepeatedNgram
from transduce.decoding.rules.repetition import RepetitionPenalty
from transduce.decoding.scores import TokenScores


@runtime_checkable
class Rule(Protocol):
    """A function from the scores of each next token, and from prompts and outputs so far, to new scores.

    New scores are at most 0, as the bound on an output's best score assumes. A rule holds no state, so that
    sentences may leave and join.
    """

    def __call__(self, next_token: TokenScores, partial: PartialOutputs) -> Float[Tensor, "B K V"]: ...


def rules_for(settings: Decoding, end: int, vocabulary_rules: Sequence[Rule] = ()) -> tuple[Rule, ...]:
    """The rules in their order: penalties, those of the vocabulary, then bans."""
    rules: list[Rule] = []
    if settings.repetition_penalty != 1:
        rules.append(RepetitionPenalty(settings.repetition_penalty))
    rules += vocabulary_rules
    bans: list[MinimumLength | NoRepeatedNgram] = []
    if settings.no_repeat_ngram:
        bans.append(NoRepeatedNgram(settings.no_repeat_ngram))
    if settings.min_length > 1:
        bans.append(MinimumLength(settings.min_length, end))
    if bans:
        rules.append(Bans(tuple(bans), end))
    return tuple(rules)


def apply(rules: Sequence[Rule], next_token: TokenScores, partial: PartialOutputs) -> TokenScores:
    """Each rule reshapes the scores that the rule before it returns."""
    for rule in rules:
        next_token = replace(next_token, scores=rule(next_token, partial))
    return next_token

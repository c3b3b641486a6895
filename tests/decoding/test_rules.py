"""Each rule alone: against plain Python, against transformers' processors, and at its edges."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor

from toy_models import END, SPECIAL, START
from transduce.decoding.config import Decoding
from transduce.decoding.partial_outputs import Written
from transduce.decoding.requests import Batch, Request
from transduce.decoding.rules.bans import Bans, MinimumLength, NoRepeatedNgram
from transduce.decoding.rules.forced_prefix import ForcedPrefix
from transduce.decoding.rules.repetition import RepetitionPenalty
from transduce.decoding.rules.rule import Rule, apply, rules_for
from transduce.decoding.scores import Chances, chances

V = 8
OUTPUTS = st.integers(0, 12).flatmap(
    lambda length: st.lists(st.lists(st.integers(4, V - 1), min_size=length, max_size=length), min_size=1, max_size=4)
)


def written(outputs: list[list[int]], limit: int = 100) -> Written:
    """Each output as the one beam of a sentence of its own."""
    tokens = torch.tensor([[[START, *ids]] for ids in outputs])
    sentences = torch.arange(len(outputs))
    gains = torch.zeros(len(outputs), 1, tokens.size(-1) - 1)
    return Written(sentences, torch.full_like(sentences, limit), tokens, gains, torch.zeros(len(outputs), 1))


def random_chances(sentences: int, seed: int = 0) -> Chances:
    logits = 3 * torch.randn(sentences, 1, V, generator=torch.Generator().manual_seed(seed))
    return chances(logits, torch.ones(sentences, 1, dtype=torch.bool), SPECIAL)


@settings(max_examples=80, deadline=None)
@given(outputs=OUTPUTS, n=st.integers(1, 4))
def test_no_repeated_ngram_bans_what_transformers_bans(outputs: list[list[int]], n: int) -> None:
    found = random_chances(len(outputs))
    expected = NoRepeatNGramLogitsProcessor(n)(torch.tensor(outputs).long(), found.own[:, 0])
    assert torch.equal(NoRepeatedNgram(n)(found, written(outputs))[:, 0], expected)


@settings(max_examples=80, deadline=None)
@given(outputs=OUTPUTS, penalty=st.floats(1, 5), seed=st.integers(0, 99))
def test_repetition_penalty_is_that_of_transformers(outputs: list[list[int]], penalty: float, seed: int) -> None:
    found = random_chances(len(outputs), seed)
    processed = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor(outputs).long(), found.logits[:, 0])
    allowed = found.own[:, 0] > -torch.inf
    reshaped = RepetitionPenalty(penalty)(found, written(outputs))[:, 0]
    torch.testing.assert_close(reshaped[allowed], processed.log_softmax(-1)[allowed])
    assert (reshaped[~allowed] == -torch.inf).all()


def test_the_end_is_banned_before_the_minimum_and_never_at_the_limit() -> None:
    rule, found = MinimumLength(4, END), random_chances(2)
    short = written([[4, 5], [4, 5]], limit=9)  # the next token is the third
    short.limits[1] = 3
    banned = rule(found, short) == -torch.inf
    assert banned[0, 0, END] and not banned[1, 0, END]
    assert torch.equal(rule(found, written([[4, 5, 6], [4, 5, 6]])), found.own), "the fourth token may be the end"


def test_where_all_is_banned_the_end_is_possible() -> None:
    found = random_chances(2)
    how = Decoding(no_repeat_ngram=1, min_length=50)
    rules = rules_for(how, Batch.of([Request([4], 100)], 0, "cpu"), END)
    every = [[1, 4, 5, 6, 7], [1, 4, 5, 6, 6]]  # each permitted token once; the second lacks 7
    scored = apply(rules, found, written(every)).scored
    assert (scored[0, 0] > -torch.inf).nonzero().flatten().tolist() == [END]
    assert scored[0, 0, END] == found.own[0, 0, END]
    assert (scored[1, 0] > -torch.inf).nonzero().flatten().tolist() == [7]


def test_what_the_end_gets_back_is_what_a_penalty_made_of_it() -> None:
    found, so_far = random_chances(1), written([[1, 4, 5, 6, 7]])
    penalised = replace(found, scored=RepetitionPenalty(2.0)(found, so_far))
    scored = Bans((NoRepeatedNgram(1), MinimumLength(50, END)), END)(penalised, so_far)
    assert scored[0, 0, END] == penalised.scored[0, 0, END] != found.own[0, 0, END]


def test_a_forced_token_keeps_the_model_s_own_probability() -> None:
    found = random_chances(2)
    rule = ForcedPrefix(torch.tensor([[6, 7], [5, 0]]), torch.tensor([2, 1]))
    first = rule(found, written([[], []]))
    assert first[0, 0, 6] == found.own[0, 0, 6] and first[1, 0, 5] == found.own[1, 0, 5]
    assert (first > -torch.inf).sum() == 2
    second = rule(found, written([[6], [5]]))
    assert (second[0] > -torch.inf).sum() == 1
    assert torch.equal(second[1], found.own[1]), "the second prefix is over"
    assert rule(found, written([[6, 7], [5, 4]])) is found.scored


def test_default_settings_have_no_rules() -> None:
    batch = Batch.of([Request([4], 9), Request([5, 6], 9)], 0, "cpu")
    assert rules_for(Decoding(), batch, END) == ()
    equal = Batch.of([Request([4], 9, [5, 6]), Request([5, 6], 9, [7, 7])], 0, "cpu")
    assert rules_for(Decoding(), equal, END) == (), "equally long prefixes are read at once"


@pytest.mark.parametrize(
    "rule", [RepetitionPenalty(2.0), NoRepeatedNgram(1), MinimumLength(9, END), Bans((NoRepeatedNgram(2),), END)]
)
def test_rules_change_nothing_in_place_and_stay_at_most_zero(rule: Rule) -> None:
    found = random_chances(2)
    before = found.own.clone(), found.logits.clone()
    scored: Tensor = rule(found, written([[4, 5, 4], [6, 6, 6]]))
    assert torch.equal(found.own, before[0]) and torch.equal(found.logits, before[1])
    assert (scored <= 0).all()

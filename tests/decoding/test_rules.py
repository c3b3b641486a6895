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
from transduce.decoding.partial_outputs import PartialOutputs
from transduce.decoding.requests import Request
from transduce.decoding.rules.bans import Bans, MinimumLength, NoRepeatedNgram
from transduce.decoding.rules.repetition import RepetitionPenalty
from transduce.decoding.rules.rule import Rule, apply, rules_for
from transduce.decoding.scores import TokenScores, token_scores

V = 8
OUTPUTS = st.integers(0, 12).flatmap(
    lambda length: st.lists(st.lists(st.integers(4, V - 1), min_size=length, max_size=length), min_size=1, max_size=4)
)


def partial(outputs: list[list[int]], limit: int = 100, prompts: list[list[int]] | None = None) -> PartialOutputs:
    """Each output, after its prompt, as the one beam of a sentence of its own."""
    prompts = prompts or [[]] * len(outputs)
    requests = {number: Request(None, prompt, limit, 0) for number, prompt in enumerate(prompts)}
    partial = PartialOutputs.start(requests, START, "cpu")
    for tokens in torch.tensor(outputs, dtype=torch.long).unbind(1):
        partial = partial.extend(tokens[:, None], torch.zeros(len(outputs), 1), torch.zeros(len(outputs), 1))
    return partial


def random_scores(sentences: int, seed: int = 0) -> TokenScores:
    logits = 3 * torch.randn(sentences, 1, V, generator=torch.Generator().manual_seed(seed))
    return token_scores(logits, torch.ones(sentences, 1, dtype=torch.bool), SPECIAL)


@settings(max_examples=80, deadline=None)
@given(outputs=OUTPUTS, n=st.integers(1, 4))
def test_no_repeated_ngram_bans_what_transformers_bans(outputs: list[list[int]], n: int) -> None:
    found = random_scores(len(outputs))
    expected = NoRepeatNGramLogitsProcessor(n)(torch.tensor(outputs).long(), found.log_probs[:, 0])
    assert torch.equal(NoRepeatedNgram(n)(found, partial(outputs))[:, 0], expected)


@settings(max_examples=80, deadline=None)
@given(outputs=OUTPUTS, penalty=st.floats(1, 5), seed=st.integers(0, 99))
def test_repetition_penalty_is_that_of_transformers(outputs: list[list[int]], penalty: float, seed: int) -> None:
    found = random_scores(len(outputs), seed)
    processed = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor(outputs).long(), found.logits[:, 0])
    allowed = found.log_probs[:, 0] > -torch.inf
    reshaped = RepetitionPenalty(penalty)(found, partial(outputs))[:, 0]
    torch.testing.assert_close(reshaped[allowed], processed.log_softmax(-1)[allowed])
    assert (reshaped[~allowed] == -torch.inf).all()


def test_the_end_is_banned_before_the_minimum_and_never_at_the_limit() -> None:
    rule, found = MinimumLength(4, END), random_scores(2)
    short = partial([[4, 5], [4, 5]], limit=9)  # the next token is the third
    short.limits[1] = 3
    banned = rule(found, short) == -torch.inf
    assert banned[0, 0, END] and not banned[1, 0, END]
    assert torch.equal(rule(found, partial([[4, 5, 6], [4, 5, 6]])), found.log_probs), "the fourth token may be the end"


def test_where_all_is_banned_the_end_is_possible() -> None:
    found = random_scores(2)
    how = Decoding(no_repeat_ngram=1, min_length=50)
    rules = rules_for(how, END)
    every = [[1, 4, 5, 6, 7], [1, 4, 5, 6, 6]]  # each permitted token once; the second lacks 7
    scored = apply(rules, found, partial(every)).scores
    assert (scored[0, 0] > -torch.inf).nonzero().flatten().tolist() == [END]
    assert scored[0, 0, END] == found.log_probs[0, 0, END]
    assert (scored[1, 0] > -torch.inf).nonzero().flatten().tolist() == [7]


def test_what_the_end_gets_back_is_what_a_penalty_made_of_it() -> None:
    found, so_far = random_scores(1), partial([[1, 4, 5, 6, 7]])
    penalised = replace(found, scores=RepetitionPenalty(2.0)(found, so_far))
    scored = Bans((NoRepeatedNgram(1), MinimumLength(50, END)), END)(penalised, so_far)
    assert scored[0, 0, END] == penalised.scores[0, 0, END] != found.log_probs[0, 0, END]


def test_rules_look_at_prompts_of_different_lengths_too() -> None:
    """After "4 5 6, 4" a bigram may not end in 5; after "6, 4", and after "4" without a prompt, it may."""
    found, so_far = random_scores(3), partial([[4], [4], [4]], prompts=[[4, 5, 6], [6], []])
    banned = NoRepeatedNgram(2)(found, so_far) == -torch.inf
    assert (banned & (found.log_probs > -torch.inf)).nonzero().tolist() == [[0, 0, 5]]
    difference = RepetitionPenalty(3.0)(found, so_far) - found.logits
    shifts = [difference[row, 0, 7] for row in range(3)]  # by the normaliser; 7 occurs nowhere
    penalised = [(difference[row, 0] - shifts[row]).abs() > 1e-5 for row in range(3)]
    allowed = [each[[3, 4, 5, 6, 7]].tolist() for each in penalised]
    assert allowed == [
        [False, True, True, True, False],
        [False, True, False, True, False],
        [False, True, False, False, False],
    ]


def test_the_minimum_length_leaves_out_the_prompt() -> None:
    rule, found = MinimumLength(2, END), random_scores(1)
    assert rule(found, partial([[]], prompts=[[4, 5, 6]]))[0, 0, END] == -torch.inf
    assert rule(found, partial([[5]], prompts=[[4, 5, 6]]))[0, 0, END] == found.log_probs[0, 0, END]


def test_default_settings_have_no_rules() -> None:
    assert rules_for(Decoding(), END) == ()


@pytest.mark.parametrize(
    "rule", [RepetitionPenalty(2.0), NoRepeatedNgram(1), MinimumLength(9, END), Bans((NoRepeatedNgram(2),), END)]
)
def test_rules_change_nothing_in_place_and_stay_at_most_zero(rule: Rule) -> None:
    found = random_scores(2)
    before = found.log_probs.clone(), found.logits.clone()
    scored: Tensor = rule(found, partial([[4, 5, 4], [6, 6, 6]]))
    assert torch.equal(found.log_probs, before[0]) and torch.equal(found.logits, before[1])
    assert (scored <= 0).all()

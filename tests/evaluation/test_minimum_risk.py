"""Minimum Bayes risk by chrF: sacreBLEU's own sentence scores, and the choice they make."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu import sentence_chrf

from transduce.evaluation import minimum_risk
from transduce.evaluation.minimum_risk import choose, chrf_of_all_pairs

TEXT = st.text(alphabet="aab c\u00e9\u3000\u4f60", max_size=14)
CANDIDATES = st.lists(TEXT, min_size=1, max_size=6)


@given(CANDIDATES)
@settings(max_examples=150)
def test_every_pair_has_sacrebleus_sentence_chrf(texts: list[str]) -> None:
    expected = [[sentence_chrf(hypothesis, [reference]).score for reference in texts] for hypothesis in texts]
    np.testing.assert_allclose(chrf_of_all_pairs(texts), expected, rtol=1e-12, atol=1e-12)


def test_real_sentences_in_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(3)
    words = ["the", "cat", "sat", "on", "a", "mat", "while", "it", "rained", "and", "nobody", "came"]
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 25))) for _ in range(12)]
    expected = [[sentence_chrf(hypothesis, [reference]).score for reference in texts] for hypothesis in texts]
    np.testing.assert_allclose(chrf_of_all_pairs(texts), expected, rtol=1e-12)
    monkeypatch.setattr(minimum_risk, "BLOCK", 100)
    np.testing.assert_allclose(chrf_of_all_pairs(texts), expected, rtol=1e-12)


@given(CANDIDATES)
@settings(max_examples=100)
def test_the_choice_has_the_highest_mean(candidates: list[str]) -> None:
    def mean(candidate: str) -> float:
        return sum(sentence_chrf(candidate, [other]).score for other in candidates) / len(candidates)

    chosen = choose(candidates)
    assert mean(candidates[chosen]) == pytest.approx(max(map(mean, candidates)), abs=1e-9)
    assert candidates.index(candidates[chosen]) == chosen


@given(CANDIDATES, st.data())
@settings(max_examples=60)
def test_a_weight_is_a_number_of_copies(candidates: list[str], data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(1, 4), min_size=len(candidates), max_size=len(candidates)))
    copies = [candidate for candidate, count in zip(candidates, counts, strict=True) for _ in range(count)]
    assert candidates[choose(candidates, [float(count) for count in counts])] == copies[choose(copies)]


def test_the_most_typical_candidate_wins_over_the_first() -> None:
    assert choose(["a cat", "the cat sat", "the cat sits"]) == 1
    assert choose(["xyz", "the cat sat"], [3.0, 1.0]) == 0
    assert choose(["xyz", "the cat sat"], [1.0, 3.0]) == 1
    assert choose(["only"]) == 0
    assert choose(["", "", ""]) == 0
    assert choose(["", "", "a"]) == 2  # an empty text is like nothing, not even like itself, as sacreBLEU has it

"""Error rates agree with the recurrence that defines the edit distance; the nearest reference is chosen by rule."""

import functools
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.evaluation.error_rates import nearest_reference
from transduce.evaluation.metric import measure
from transduce.evaluation.metrics import METRICS

SENTENCES = st.lists(st.sampled_from(["a", "b", "c", "dd", "é"]), max_size=6).map(" ".join)
CORPORA = st.lists(st.tuples(SENTENCES, st.lists(SENTENCES, min_size=1, max_size=4)), min_size=1, max_size=6)


def edit_distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Levenshtein's definition, word for word."""

    @functools.cache
    def between(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        return min(between(i - 1, j) + 1, between(i, j - 1) + 1, between(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return between(len(a), len(b))


@settings(max_examples=100, deadline=None)
@given(corpus=CORPORA, name=st.sampled_from(["token-error-rate", "word-error-rate", "character-error-rate"]))
def test_rates_agree_with_brute_force(corpus: list[tuple[str, list[str]]], name: str) -> None:
    def units(text: str) -> Sequence[str]:
        return text if name == "character-error-rate" else text.split()

    edits = length = 0
    for hypothesis, references in corpus:
        near = sorted(references, key=lambda r: (edit_distance(units(hypothesis), units(r)), -len(units(r))))[0]
        edits += edit_distance(units(hypothesis), units(near))
        length += len(units(near))
    hypotheses, references = [h for h, _ in corpus], [r for _, r in corpus]
    if length == 0:
        with pytest.raises(ValueError, match=f"{name} is not defined"):
            measure(METRICS[name], hypotheses, references)
    else:
        score = measure(METRICS[name], hypotheses, references)
        assert score.value == pytest.approx(100 * edits / length, abs=1e-9)
        assert not score.higher_is_better


def test_rates_to_check_by_hand() -> None:
    """The sum over sentences, not the mean of their rates: (1 + 0 + 3) edits, (3 + 2 + 1) tokens."""
    hypotheses = ["K AE T S", "D AO", "a b c"]
    references = [["K AE T", "K AA T"], ["D AO G Z", "D AO"], ["x"]]
    assert measure(METRICS["token-error-rate"], hypotheses, references).value == pytest.approx(100 * 4 / 6)
    assert measure(METRICS["character-error-rate"], ["kitten"], [["sitting"]]).value == pytest.approx(100 * 3 / 7)


def test_fewest_edits_come_first_then_the_longest_reference() -> None:
    assert nearest_reference("ab", ["abcd", "b", "abc"]) == (1, 3)  # the docstring's example
    assert nearest_reference("ab", ["abcdefgh", "ab"]) == (0, 2)


def test_composed_and_decomposed_letters_and_spacing_are_the_same() -> None:
    composed = "caf\u00e9 au lait"
    spaced = unicodedata.normalize("NFD", "  caf\u00e9\t au \u00a0lait ")
    for name in ("token-error-rate", "word-error-rate", "character-error-rate"):
        assert measure(METRICS[name], [spaced], [[composed]]).value == 0
    assert measure(METRICS["exact-match"], [spaced], [[composed]]).value == 100


@given(corpus=CORPORA)
def test_exact_match_counts_outputs_equal_to_any_reference(corpus: list[tuple[str, list[str]]]) -> None:
    hypotheses, references = [h for h, _ in corpus], [r for _, r in corpus]
    score = measure(METRICS["exact-match"], hypotheses, references)
    assert score.value == pytest.approx(100 * sum(h in r for h, r in corpus) / len(corpus))
    assert score.higher_is_better


def test_an_empty_output_is_all_deletions() -> None:
    assert measure(METRICS["token-error-rate"], ["", "a"], [["x y"], ["a"]]).value == pytest.approx(100 * 2 / 3)

"""Alignment error rate by hand and against its definition; Pharaoh text there and back; bad lines by name."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.evaluation.alignment import (
    Gold,
    check_within,
    error_rate,
    format_links,
    parse_gold,
)

LINKS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12)


def test_an_example_by_hand() -> None:
    found = [[(0, 0), (1, 1), (2, 1)], [(0, 0)]]
    sure = [[(0, 0), (1, 1)], [(0, 1)]]
    possible = [[(0, 0), (1, 1), (1, 2)], [(0, 0), (0, 1)]]
    score = error_rate(found, sure, possible)
    # |A| = 4, |S| = 3, |A & S| = 2, |A & P| = 3
    assert score.error_rate == pytest.approx(100 * (1 - 5 / 7))
    assert score.precision == pytest.approx(75.0)
    assert score.recall == pytest.approx(200 / 3)
    assert (score.links, score.sure, score.possible) == (4, 3, 5)


@given(LINKS.filter(bool), LINKS)
def test_exactly_the_sure_links_or_any_possible_ones_beside_them_are_right(sure: list, more: list) -> None:
    assert error_rate([sure], [sure], [more]).error_rate == pytest.approx(0)
    assert error_rate([sure + more], [sure], [more]).error_rate == pytest.approx(0)


@settings(max_examples=50)
@given(st.lists(st.tuples(LINKS, LINKS), min_size=1, max_size=5))
def test_with_sure_links_alone_it_is_one_minus_the_f_score(pairs: list) -> None:
    found, sure = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if not any(found) and not any(sure):
        with pytest.raises(ValueError, match="not defined"):
            error_rate(found, sure, sure)
        return
    score = error_rate(found, sure, [[] for _ in sure])
    precision, recall = score.precision or 0.0, score.recall or 0.0
    f_score = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    if any(found) and any(sure):
        assert score.error_rate == pytest.approx(100 - f_score)
    assert 0 <= score.error_rate <= 100 + 1e-9


def test_nothing_found_or_nothing_sure() -> None:
    missed = error_rate([[]], [[(0, 0)]], [[]])
    assert (missed.error_rate, missed.precision, missed.recall) == (100.0, None, 0.0)
    free = error_rate([[(0, 0)]], [[]], [[(0, 0)]])
    assert (free.error_rate, free.precision, free.recall) == (0.0, 100.0, None)


@given(LINKS)
def test_pharaoh_there_and_back(links: list) -> None:
    shuffled = random.Random(0).sample(links, len(links))
    assert parse_gold(format_links(shuffled), "x").sure == set(links)


def test_pharaoh_text() -> None:
    assert format_links([(10, 2), (2, 10), (2, 10)]) == "2-10 10-2"
    assert format_links([]) == ""
    assert parse_gold(" 0-0\t1-2 ", "x").sure == {(0, 0), (1, 2)}


@pytest.mark.parametrize("text", ["0-", "a-1", "0-1-2", "-1-0", "1:2", "٣-1", "1-2?", "0-0,1-1", "9" * 5000 + "-1"])
def test_what_is_no_link_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"^f\.txt:7: .* is no link"):
        parse_gold(f"0-0 {text}", "f.txt:7")


def test_gold_links() -> None:
    assert parse_gold("0-0 1?2 2p0", "x") == Gold(frozenset({(0, 0)}), frozenset({(0, 0), (1, 2), (2, 0)}))
    assert parse_gold("1-1 2?3", "x", first=1) == Gold(frozenset({(0, 0)}), frozenset({(0, 0), (1, 2)}))
    assert parse_gold("1?1 1-1", "x") == Gold(frozenset({(1, 1)}), frozenset({(1, 1)}))
    with pytest.raises(ValueError, match=r"^g:2: '0-1' has a 0"):
        parse_gold("1-1 0-1", "g:2", first=1)
    with pytest.raises(ValueError, match=r"^g:2: '1!2' is no link; .*1\?2"):
        parse_gold("1!2", "g:2")


def test_links_out_of_range() -> None:
    check_within({(1, 2), (0, 0)}, 2, 3, "g:1")
    with pytest.raises(ValueError, match=r"^g:4: .*source word 2 to target word 0 .* out of the source, .* 2 words"):
        check_within({(0, 0), (2, 0)}, 2, 3, "g:4")
    with pytest.raises(ValueError, match=r"^g:4: .* out of the target, .* 3 words"):
        check_within({(0, 3)}, 2, 3, "g:4")

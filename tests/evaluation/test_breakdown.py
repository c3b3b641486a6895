"""Breakdowns put every sentence into one slice, named by what is in it."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transduce.evaluation.breakdown import Breakdown, by_group, by_length, by_rarest_word, frequencies, words


def shown(found: Breakdown) -> dict[str, list[int]]:
    return {each.name: each.places.tolist() for each in found.slices}


def is_partition(found: Breakdown, sentences: int) -> bool:
    places = np.concatenate([each.places for each in found.slices])
    return sorted(places.tolist()) == list(range(sentences)) and all(len(each.places) for each in found.slices)


def test_fixed_edges() -> None:
    texts = ["a", "a b c", "a b", "a b c d e", ""]
    found = by_length(texts, "the source", (1, 3))
    assert found.title == "length of the source in words"
    assert shown(found) == {"up to 1": [0, 4], "2 to 3": [1, 2], "over 3": [3]}
    assert shown(by_length(texts, "x", (1, 2, 9))) == {"up to 1": [0, 4], "2": [2], "3 to 9": [1, 3]}


def test_single_words_are_measured_in_characters() -> None:
    found = by_length(["cat", "catfish", "言葉", "a b"], "the source", (2, 3))
    assert found.title == "length of the source in characters"
    assert shown(found) == {"up to 2": [2], "3": [0, 3], "over 3": [1]}


@given(texts=st.lists(st.integers(0, 30).map(lambda count: " ".join("w" * count)), min_size=1, max_size=60))
def test_quantiles_cut_into_parts_of_about_equal_size(texts: list[str]) -> None:
    found = by_length(texts, "the source")
    assert is_partition(found, len(texts))
    assert len(found.slices) <= 5
    lengths = [[len(texts[place]) for place in each.places] for each in found.slices]
    assert all(max(low) < min(high) for low, high in itertools.pairwise(lengths))
    if len({len(text) for text in texts}) == len(texts) >= 10:
        assert max(map(len, lengths)) <= 2 * min(map(len, lengths))


def test_texts_of_one_length_are_one_slice() -> None:
    assert shown(by_length(["a b"] * 4, "the source")) == {"up to 2": [0, 1, 2, 3]}


def test_groups_by_size_and_the_small_ones_together() -> None:
    groups = ["b", "a", "", "b", "c", "d"]
    assert shown(by_group(groups, "group")) == {"b": [0, 3], "(none)": [2], "a": [1], "c": [4], "d": [5]}
    assert shown(by_group(groups, "group", most=2)) == {"b": [0, 3], "(none)": [2], "3 others": [1, 4, 5]}
    assert shown(by_group(groups, "group", most=4)) == shown(by_group(groups, "group"))  # one other is no group
    assert shown(by_group(groups, "group", most=5)) == shown(by_group(groups, "group"))


def test_the_rarest_word_decides() -> None:
    counts = frequencies(["the cat the dog"] * 3 + ["The mouse."] * 2 + ["the"] * 200)
    assert (counts["the"], counts["cat"], counts["mouse"]) == (208, 3, 2)
    texts = ["the", "The cat!", "the zebra", "a mouse", "...", "the mouse"]
    assert shown(by_rarest_word(texts, counts, "x")) == {
        "no words": [4],
        "never": [2, 3],
        "2 to 5": [1, 5],
        "over 100": [0],
    }


@given(texts=st.lists(st.text(max_size=20), min_size=1, max_size=20))
def test_any_text_has_its_place(texts: list[str]) -> None:
    assert is_partition(by_rarest_word(texts, frequencies(texts[::2]), "x"), len(texts))
    assert is_partition(by_length(texts, "x"), len(texts))
    assert is_partition(by_group(texts, "x", most=4), len(texts))


def test_words_of_many_scripts() -> None:
    assert words("“Straße” – (3,000 m)!") == ["strasse", "3,000", "m"]  # the docstring's example
    assert words("हिन्दी में, «كلمة» שלום! it's") == ["हिन्दी", "में", "كلمة", "שלום", "it's"]
    assert words("cafe\u0301") == words("caf\u00e9")

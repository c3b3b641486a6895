"""Marked words are those that an edit away from the reference would touch, and no letter is lost."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from transduce.evaluation.unmatched_words import nearest, unmatched

TEXTS = st.text(alphabet="ab \u3000猫\n", max_size=12)


def test_as_the_docstring_says() -> None:
    assert unmatched("a red cat sat", "a black cat sat") == [("a ", False), ("red ", True), ("cat sat", False)]


def test_without_spaces_characters_are_marked() -> None:
    assert unmatched("我喜歡貓", "我喜歡狗") == [("我喜歡", False), ("貓", True)]


@given(output=TEXTS, reference=TEXTS)
def test_the_pieces_are_the_output(output: str, reference: str) -> None:
    pieces = unmatched(output, reference)
    assert "".join(piece for piece, _ in pieces) == output
    assert all(first != second for (_, first), (_, second) in itertools.pairwise(pieces))
    assert not any(differs for _, differs in unmatched(output, output))


@given(
    output=st.lists(st.sampled_from("abc"), min_size=2, max_size=8),
    reference=st.lists(st.sampled_from("abc"), min_size=2),
)
def test_what_is_not_marked_is_a_common_subsequence_of_the_fewest_edits(
    output: list[str], reference: list[str]
) -> None:
    kept = [
        word
        for piece, differs in unmatched(" ".join(output), " ".join(reference))
        if not differs
        for word in piece.split()
    ]
    rest = iter(reference)
    assert all(word in rest for word in kept)
    # every edit touches at most one word of the output
    assert len(output) - len(kept) <= Levenshtein.distance(output, reference)


def test_the_nearest_reference() -> None:
    assert nearest("a b c", ["x y z", "a b d", "a b e"]) == "a b d"

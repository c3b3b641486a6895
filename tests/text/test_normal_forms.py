"""Normal forms are Python's own, and come soon for any text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transduce.text import normal_forms
from transduce.text.normal_forms import normal

COMPOSING = "\u0301\u0316\u3099\u304b\u1100\u1161\u11a8\uac00\u0b47\u0b3e\uff9e\u0f73 aé"
CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from(COMPOSING)


@given(st.text(CHARACTERS, max_size=150), st.sampled_from(["NFC", "NFKC"]))
def test_pieces_make_the_whole(text: str, form: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(normal_forms, "MOST_AT_ONCE", 40)
        patched.setattr(normal_forms, "REACH", 20)
        marks = max(len(run) for run in "".join("m" if unicodedata.combining(c) else " " for c in text).split(" "))
        if marks < 15:
            assert normal(form, text) == unicodedata.normalize(form, text)  # type: ignore[arg-type]


def test_long_texts_without_spaces() -> None:
    kana, syllables = "\u304b\u3099\u4e00" * 2000, unicodedata.normalize("NFD", "\uac01\uac02" * 2000)
    marks = "e" * 800 + "\u0301\u0316" * 150 + "e"
    for text in (kana, syllables, marks, "e\u0301" * 5000):
        assert normal("NFC", text) == unicodedata.normalize("NFC", text)


def test_a_million_marks_come_soon() -> None:
    """Python's own function takes minutes for them."""
    assert len(normal("NFC", "\u0300\u0316" * 500_000)) == 1_000_000

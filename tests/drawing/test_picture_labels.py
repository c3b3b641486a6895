"""Labels: what cannot be seen is named, what cannot be drawn is numbered, whatever fonts are installed."""

import unicodedata
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_fonts import install
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from transduce.drawing import fonts
from transduce.drawing.labels import Label, label_or_number, labels, readable
from transduce.terminal import screen_width

pytestmark = pytest.mark.usefixtures("bare_machine")


def draw(each: Label) -> None:
    """Draws it; a missing glyph is a warning, which is an error."""
    figure = Figure(figsize=(1, 1))
    text = figure.text(0.5, 0.5, each.text, parse_math=False)
    text.set_fontproperties(each.font)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FigureCanvasAgg(figure).draw()


@pytest.mark.parametrize(
    ("piece", "shown"),
    [
        ("▁cat", "▁cat"),
        ("\t", "[U+0009]"),
        ("a\u00a0b", "a[U+00A0]b"),
        ("\x1b[31m", "[U+001B][31m"),
        ("\u202e", "[U+202E]"),
        ("\ue123", "[U+E123]"),
        ("\u0301", "\u25cc\u0301"),
        ("\u093f", "\u25cc\u093f"),
        ("न्\u200dय", "न्\u200dय"),
        (" ", "␣"),
        ("", "(empty)"),
        ("x" * 20, "x" * 20),
        ("x" * 21, "x" * 19 + "…"),
        ("猫" * 11, "猫" * 9 + "…"),
        ("</s>", "</s>"),
        ("<0x0A>", "<0x0A>"),
    ],
)
def test_what_cannot_be_seen_is_named(piece: str, shown: str) -> None:
    assert readable(piece) == shown


@given(st.text())
def test_readable_is_safe_for_a_terminal_and_short(piece: str) -> None:
    shown = readable(piece)
    assert shown and screen_width(shown) <= 20
    assert not [char for char in shown if unicodedata.category(char)[0] in "CZ" and char not in "\u200c\u200d"]


def test_screen_width() -> None:
    assert [screen_width(text) for text in ("", "ab", "猫a", "e\u0301", "ｱ", "ア", "\u1112\u1161\u11ab")] == [
        0,
        2,
        3,
        1,
        1,
        2,
        2,
    ]


@settings(max_examples=50)
@given(st.lists(st.text(max_size=6), min_size=1, max_size=3))
def test_any_label_can_be_drawn(pieces: list[str]) -> None:
    for each in labels(pieces):
        draw(each)
    draw(label_or_number(pieces[0], 7))


def test_scripts_that_the_bundled_font_has() -> None:
    pieces = ["▁the", "▁кот", "▁γάτα", "▁القطة", "חתול", "😀", "$x^2$", "\\frac", "▁ñ", "ə"]
    found = labels(pieces)
    assert [each.text for each in found] == pieces
    for each in found:
        draw(each)


def test_numbers_stand_in_where_no_font_has_the_letters() -> None:
    found = labels(["▁the", "猫", "▁हिन्दी", "👩🏽\u200d🚀", "</s>"])
    assert [each.text for each in found] == ["1 ▁the", "2", "3", "4", "5 </s>"]
    assert [each.stands_in for each in found] == [False, True, True, True, False]
    assert label_or_number("猫", 812).text == "#812" and label_or_number("▁the", 3).text == "▁the"


def test_an_installed_font_helps_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, "Cats", "猫")
    found = labels(["▁猫", "猫a", "狗"])
    assert [each.text for each in found] == ["1 ▁猫", "2 猫a", "3"]
    assert found[0].font.get_family() == ["DejaVu Sans", "Cats"]
    for each in found:
        draw(each)


def test_fonts_of_other_weights_serve_where_they_have_all_letters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(monkeypatch, tmp_path, "Medium", "猫狗", weight=500)
    assert labels(["猫狗"])[0].font.get_file() == str(tmp_path / "Medium.ttf")
    assert [each.text for each in labels(["猫狗", "▁狗"])] == ["1", "2"]  # it has neither digits nor "▁"
    install(monkeypatch, tmp_path, "Other", "▁狗 123", weight=500)
    found = labels(["猫狗", "▁狗"])
    assert [each.text for each in found] == ["猫狗", "▁狗"]
    found += labels(["猫狗", "▁狗", "象"])
    assert [each.text for each in found[2:]] == ["1", "2 ▁狗", "3"]
    for each in found:
        draw(each)
    assert not caplog.records


def test_fonts_that_are_gone_damaged_or_draw_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, "Gone", "猫")
    (tmp_path / "Gone.ttf").unlink()
    install(monkeypatch, tmp_path, "Damaged", "猫")
    (tmp_path / "Damaged.ttf").write_bytes(b"no font")
    install(monkeypatch, tmp_path, "Last Resort", "猫")
    install(monkeypatch, tmp_path, "Colour Emoji", "猫")
    assert labels(["猫"])[0].text == "1"


def test_letters_that_must_be_shaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before matplotlib 3.11 Arabic came out in single letters from left to right: a number is better."""
    monkeypatch.setattr(fonts, "_can_shape", lambda: False)
    assert [each.text for each in labels(["▁القطة", "חתול", "кот"])] == ["1", "2", "3 кот"]

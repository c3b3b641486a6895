"""Tables of any text: columns stand under each other, and nothing in a cell acts on the terminal."""

from hypothesis import example, given
from hypothesis import strategies as st

from transduce.terminal import harmless, harmless_lines, screen_width, table

cells = st.lists(st.lists(st.text(max_size=5), min_size=3, max_size=3), min_size=1, max_size=4)


def test_a_table() -> None:
    rows = [("name", "n"), ("猫", "10"), ("a\nb\t\x1b[0m", "9", "more")]
    assert table(rows, "lrl") == ("name          n\n猫           10\na b \\x1b[0m   9  more\n")


@given(cells)
@example([["a\u2028b", "\x85", "c"], ["\u1112\u1161\u11ab", "한", "猫"]])
def test_every_column_begins_in_the_same_place(rows: list[list[str]]) -> None:
    lines = table([[*row, "|"] for row in rows], "lrll").split("\n")
    assert len(lines) == len(rows) + 1 and lines.pop() == ""
    assert len({screen_width(line) for line in lines}) == 1


@given(st.text())
def test_nothing_acts(text: str) -> None:
    shown = harmless(text)
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in shown)
    assert "\u202e" not in shown and "\u2066" not in shown
    assert harmless_lines(f"a\n{text}") == "\n".join(["a", *map(harmless, text.split("\n"))])
    assert harmless("Größe 日本 🙂 x\x1b[2J") == "Größe 日本 🙂 x\\x1b[2J"

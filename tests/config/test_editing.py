"""A changed value changes its own line of a TOML file alone."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transduce.config import override
from transduce.config.editing import edited

TEXT = """\
# mine
beam = 4        # enough
alpha = 1.0
name = "a # b"  # a sign in a text

# draws
[sampling]
top-p = 0.9  # no more
"""


def changed(text: str, *assignments: str) -> str | None:
    tree = override(tomllib.loads(text), assignments)
    return edited(text, tree, [each.partition("=")[0] for each in assignments])


@pytest.mark.parametrize(
    ("assignment", "before", "after"),
    [
        ("beam=8", "beam = 4        #", "beam = 8        #"),
        ("name=c#d", '"a # b"  #', '"c#d"  #'),
        ("sampling.top-p=0.5", "top-p = 0.9  #", "top-p = 0.5  #"),
        ("sampling.seed=2", "[sampling]\n", "[sampling]\nseed = 2\n"),
        ("max-length=9", 'text\n\n# draws\n', 'text\nmax-length = 9\n\n# draws\n'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_other_line_stays(assignment: str, before: str, after: str, end: str) -> None:
    text = TEXT.replace("\n", end)
    assert TEXT.count(before) == 1
    assert changed(text, assignment) == TEXT.replace(before, after).replace("\n", end)


def test_a_new_key_of_a_file_without_tables_comes_last() -> None:
    assert changed("", "beam=8", "a.b=1") == "beam = 8\na.b = 1\n"
    assert changed("a = 1 # end without a line end", "beam=8") == "a = 1 # end without a line end\nbeam = 8\n"


@pytest.mark.parametrize(
    "text", ["a = { b = 1 }", "a = [\n  1,\n]", 'a = """\nb"""', "[a]\nb = 1", "b = 1\n" + "#\n" * 600]
)
def test_a_key_without_a_line_of_its_own_is_left_to_the_caller(text: str) -> None:
    assert changed(text, "b=2" if text.startswith("b") else "a=2") is None


values = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.text("aé#'\"\\ =\n\x07", max_size=5)


@given(st.dictionaries(st.sampled_from(["a", "b", "c-d"]), values), st.sampled_from(["a", "b", "x"]), values)
def test_any_value_gives_a_text_of_the_same_tree(tree: dict[str, object], key: str, value: object) -> None:
    text = "".join(f"{each} = {edited('', {'v': item}, ['v'])[4:-1]}  # {each}\n" for each, item in tree.items())  # type: ignore[index]
    after = {**tree, key: value}
    new = edited(text, after, [key])
    assert new is None or (tomllib.loads(new) == after and all(f"  # {each}\n" in new for each in tree))

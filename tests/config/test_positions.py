"""Lines of keys: every key of a text has one."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from transduce.config.positions import lines_of_keys

KEYS = st.text("ab-_é.\n\"'#[]", min_size=1, max_size=4)
TREES = st.recursive(
    st.integers() | st.text("a\n\"'[]#={}\\", max_size=8) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from paths(item, (*path, key))


@given(st.dictionaries(KEYS, TREES, max_size=5), st.booleans())
def test_every_key_of_any_text_has_a_line_and_no_other(tree: dict[str, Any], multiline: bool) -> None:
    text = tomli_w.dumps(tree, multiline_strings=multiline)
    assert set(lines_of_keys(text)) == set(paths(tomllib.loads(text)))


TEXT = """\
# a remark with [brackets] and a key = 1
task = "x"

[data]
train = [
  { file = "a" },
  { file = "b", tags = ["[c]"] },
]
note = '''
[not.a.header]
key = 1
'''
[[data.more]]
file = "c"
  [data.more.columns]
  source = "en"
[[data.more]]
file = "d"
[training]
schedule.warmup = 5
schedule.kind = "linear"
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_headers_dotted_keys_and_values_of_many_lines(newline: str) -> None:
    found = lines_of_keys(TEXT.replace("\n", newline))
    assert found["task",] == 2
    assert found["data",] == 4
    assert found["data", "train"] == found["data", "train", 1, "tags"] == 5
    assert found["data", "note"] == 9
    assert found["data", "more", 0, "file"] == 14
    assert found["data", "more", 0, "columns"] == 15
    assert found["data", "more", 0, "columns", "source"] == 16
    assert found["data", "more", 1] == 17
    assert found["training", "schedule"] == found["training", "schedule", "warmup"] == 20
    assert found["training", "schedule", "kind"] == 21


def test_of_a_very_long_text_nothing_is_said() -> None:
    assert lines_of_keys("a = 1\n" + 1000 * "\n") == {}
    assert lines_of_keys(f'a = "{20_000 * "x"}"\n') == {}

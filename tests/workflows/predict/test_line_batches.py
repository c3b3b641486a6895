"""Batches of lines: nothing lost, nothing reordered, bounded, and errors in their place."""

import gzip
import io
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.data.formats.lines import facts
from transduce.workflows.predict import line_batches
from transduce.workflows.predict.line_batches import (
    Input,
    Line,
    ReadAhead,
    arriving_batches,
    check_readable,
    full_batches,
    lines,
    open_inputs,
    with_prefixes,
)

BATCHES = {"full": full_batches, "arriving": arriving_batches}
Batches = Callable[[Iterable[Line]], Iterator[list[Line]]]


def read(*contents: bytes) -> list[Line]:
    return list(lines(Input(f"f{place}", io.BytesIO(content)) for place, content in enumerate(contents)))


def numbered(texts: Iterable[str]) -> Iterator[Line]:
    return (Line(number, f"f:{number}", text) for number, text in enumerate(texts, 1))


def test_lines_of_several_inputs_are_counted_through() -> None:
    assert read(b"one\r\n\ntwo\xe2\x80\xa8same", b"", b"\xef\xbb\xbfthree\n") == [
        Line(1, "f0:1", "one"),
        Line(2, "f0:2", ""),
        Line(3, "f0:3", "two\u2028same"),
        Line(4, "f2:1", "three"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"good\n\xff\n", "f0:2: invalid UTF-8 (0xff at byte 1 of the line)"),
        (b"good\na\0b\n", "f0:2: NUL character"),
        (b"good\n" + b"x" * 1_000_001, "f0:2: line too long"),
    ],
    ids=["UTF-8", "NUL", "long"],
)
@pytest.mark.parametrize("batches", BATCHES.values(), ids=BATCHES)
def test_a_bad_line_is_named_after_the_lines_before_it(batches: Batches, content: bytes, message: str) -> None:
    found = batches(lines([Input("f0", io.BytesIO(content))]))
    assert next(found) == [Line(1, "f0:1", "good")]
    with pytest.raises(ValueError) as error:
        next(found)
    assert str(error.value).startswith(message)


@given(st.lists(st.text(max_size=5), max_size=1500), st.sampled_from(sorted(BATCHES)))
@settings(max_examples=30)
def test_all_lines_come_in_order_in_batches_of_bounded_size(texts: list[str], name: str) -> None:
    source = list(numbered(texts))
    batches = list(BATCHES[name](source))
    assert [line for batch in batches for line in batch] == source
    assert all(0 < len(batch) <= line_batches.MOST for batch in batches)


def test_batches_of_files_begin_small_and_grow() -> None:
    sizes = [len(batch) for batch in full_batches(numbered(["x"] * 3000))]
    assert sizes == [16, 32, 64, 128, 256, *[512] * 4, 456]


@pytest.mark.parametrize("batches", BATCHES.values(), ids=BATCHES)
def test_long_lines_make_short_batches(batches: Batches) -> None:
    sizes = [len(batch) for batch in batches(numbered(["x" * 600_000] * 5))]
    assert max(sizes) <= 2
    assert sum(sizes) == 5


def test_a_line_does_not_wait_for_the_next() -> None:
    may_go_on = threading.Event()

    def slow() -> Iterator[Line]:
        yield Line(1, "f:1", "first")
        assert may_go_on.wait(30)
        yield Line(2, "f:2", "second")

    batches = arriving_batches(slow())
    assert [line.text for line in next(batches)] == ["first"]  # would hang if it waited
    may_go_on.set()
    assert [line.text for line in next(batches)] == ["second"]


def test_what_has_arrived_is_one_batch() -> None:
    ahead = ReadAhead(numbered("abcde"))
    wait_until(lambda: len(ahead._waiting) == 5)
    assert [line.text for line in ahead.take(4)] == ["a", "b", "c", "d"]
    assert [line.text for line in ahead.take(4)] == ["e"]
    assert ahead.take(4) == []


@pytest.mark.parametrize(("length", "most"), [(1, line_batches.MOST), (100_000, 11)])
def test_endless_input_is_not_read_ahead_without_end(length: int, most: int) -> None:
    taken = 0

    def endless() -> Iterator[Line]:
        nonlocal taken
        for taken in count(1):
            yield Line(taken, f"f:{taken}", "x" * length)

    ahead = ReadAhead(endless())
    wait_until(lambda: taken == most + 1)  # one is in the reader's hand
    time.sleep(0.05)
    assert taken == most + 1
    ahead.close()
    wait_until(lambda: not any(each.daemon and each.name.endswith("(_read)") for each in threading.enumerate()))


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "packed.gz").write_bytes(b"\x1f\x8b\x08\x00")
    for name, message in (("none", "no such file"), ("", "is a folder"), ("packed.gz", "gzip")):
        with pytest.raises(ValueError, match=message):
            check_readable(tmp_path / name)
    check_readable(Path("/dev/null"))


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(3000):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("it never came about")


def test_bad_lines_can_be_blank_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    content = b"one\nb\xe4d\nthree\n"
    found = list(lines([Input("f", io.BytesIO(content))], "blank"))
    assert [line.text for line in found] == ["one", "", "three"]
    assert [line.number for line in found] == [1, 2, 3]
    assert caplog.messages == ["f:2: invalid UTF-8 (0xe4 at byte 2 of the line)"]
    with pytest.raises(ValueError, match="f:2: invalid UTF-8"):
        list(lines([Input("f", io.BytesIO(content))]))


def test_each_line_gets_its_prefix() -> None:
    found = list(with_prefixes(numbered("abc"), ["x", "", "z"], "p"))
    assert [(line.text, line.prefix) for line in found] == [("a", "x"), ("b", ""), ("c", "z")]
    with pytest.raises(ValueError, match=r"^p has 1 line, but f:2 is line 2 of the input"):
        list(with_prefixes(numbered("abc"), ["x"], "p"))
    with pytest.raises(ValueError, match=r"^p has more lines than the input, which has 2"):
        list(with_prefixes(numbered("ab"), ["x", "", "z"], "p"))
    with pytest.raises(ValueError, match=r"^p has more lines than the input, which has 0"):
        list(with_prefixes(numbered(""), ["x"], "p"))


@pytest.mark.parametrize("content", [b"", b"a", b"a\n", b"a\r\nb", b"\n\n", b"\xef\xbb\xbfa\n"])
def test_counted_lines_are_those_that_are_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(content)
    assert (
        facts(tmp_path / "f", empty=True).lines == len(read(content)) == len(list(lines(open_inputs([tmp_path / "f"]))))
    )
    (tmp_path / "f.gz").write_bytes(gzip.compress(content))
    assert facts(tmp_path / "f.gz", empty=True).lines == len(read(content))
    assert [line.text for line in lines(open_inputs([tmp_path / "f.gz"]))] == [line.text for line in read(content)]

"""No source of one part in another, whatever the duplicates, the order of the files and what holds pairs together."""

import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from transduce.data.config import Split
from transduce.data.keys import exact_key, text_key
from transduce.data.records import DEV, IN_DEV, IN_TEST, TEST, TRAIN
from transduce.data.split import assign
from transduce.tasks.translation import TRANSLATION

NONE = np.zeros(0, np.uint64)


def keys(names: list[str]) -> np.ndarray:
    return np.array([text_key(name) for name in names], np.uint64)


def groups(names: list[str]) -> np.ndarray:
    return np.array([exact_key(name) for name in names], np.uint64)


NAMES = st.lists(st.integers(0, 40).map(str), min_size=3, max_size=120)


@given(names=NAMES, dev=st.integers(0, 5), test=st.integers(0, 5), data=st.data())
def test_split_by_source(names: list[str], dev: int, test: int, data: st.DataObject) -> None:
    assume(dev + test > 0 and len(set(names)) > dev + test)
    sources = keys(names)
    part = assign(TRANSLATION, sources, sources, NONE, NONE, Split(dev, test)).train
    by_name = {name: {int(p) for n, p in zip(names, part, strict=True) if n == name} for name in set(names)}
    assert all(len(parts) == 1 for parts in by_name.values())
    counts = Counter(parts.copy().pop() for parts in by_name.values())
    assert (counts[DEV], counts[TEST]) == (dev, test)  # N distinct sources, exactly
    # The same fate in another order and with other duplicates.
    again = data.draw(st.permutations(names + data.draw(st.lists(st.sampled_from(names)))))
    shuffled = assign(TRANSLATION, keys(again), keys(again), NONE, NONE, Split(dev, test)).train
    assert all(by_name[name] == {int(p)} for name, p in zip(again, shuffled, strict=True))


def test_parts_do_not_depend_on_each_others_size() -> None:
    sources = keys([str(n) for n in range(200)])

    def part(dev: int, test: int, code: int) -> set[int]:
        return set(
            np.flatnonzero(assign(TRANSLATION, sources, sources, NONE, NONE, Split(dev, test)).train == code).tolist()
        )

    assert part(10, 20, TEST) == part(0, 20, TEST) == part(70, 20, TEST) < part(10, 40, TEST)
    assert part(10, 20, DEV) == part(10, 0, DEV) == part(10, 70, DEV) < part(30, 20, DEV)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 25)), min_size=4, max_size=80),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_split_by_group(pairs: list[tuple[int, int]], dev: int, test: int) -> None:
    group = [f"g{g}" for g, _ in pairs]
    source = [f"s{s}" for _, s in pairs]
    try:
        part = assign(TRANSLATION, keys(source), groups(group), NONE, NONE, Split(dev, test, "group")).train.tolist()
    except ValueError as error:
        assert "only" in str(error) or "no pairs are left to train on" in str(error)
        return
    held = {code: {s for s, p in zip(source, part, strict=True) if p == code} for code in (TRAIN, DEV, TEST)}
    assert not held[TRAIN] & held[DEV] and not held[TRAIN] & held[TEST] and not held[DEV] & held[TEST]
    assert len(held[TEST]) >= test and len(held[DEV]) >= dev and held[TRAIN]
    for name in set(group):  # a group is in one part, but for pairs removed since their source is held out elsewhere
        assert len({p for g, p in zip(group, part, strict=True) if g == name} - {IN_DEV, IN_TEST}) <= 1
    for s, p in zip(source, part, strict=True):
        assert (p != IN_DEV or s in held[DEV]) and (p != IN_TEST or s in held[TEST])
    for code, wanted in (
        (TEST, test),
        (DEV, dev),
    ):  # no group too many: without its last one, a part would be too small
        of = {g for g, p in zip(group, part, strict=True) if p == code}
        last = max(of, key=lambda g: exact_key(g) if code == TEST else -exact_key(g))
        rest = {s for s, g, p in zip(source, group, part, strict=True) if p == code and g != last}
        assert len(rest) < wanted


def test_separate_files_win_over_train_and_test_over_dev() -> None:
    parts = assign(
        TRANSLATION,
        keys(["a", "b", "c", "a", "d"]),
        keys(["a", "b", "c", "a", "d"]),
        keys(["a", "b"]),
        keys(["b", "x"]),
        None,
    )
    assert parts.train.tolist() == [IN_DEV, IN_TEST, TRAIN, IN_DEV, TRAIN]
    assert parts.dev.tolist() == [DEV, IN_TEST]
    assert parts.test.tolist() == [TEST, TEST]
    assert [parts.count(part) for part in (TRAIN, DEV, TEST)] == [2, 1, 2]


def test_test_files_with_a_dev_split() -> None:
    names = [str(n) for n in range(30)]
    parts = assign(TRANSLATION, keys(names), keys(names), NONE, keys(names[:10]), Split(dev=5))
    assert parts.train[:10].tolist() == [IN_TEST] * 10
    assert Counter(parts.train[10:].tolist()) == {DEV: 5, TRAIN: 15}


@pytest.mark.parametrize(
    ("dev", "test", "words"),
    [
        (0, 4, r"data\.split\.test needs 4 distinct sources, but the train files have only 3; lower it"),
        (2, 2, r"data\.split\.dev needs 2 distinct sources, but .*, those of the test set aside, have only 1"),
        (1, 2, r"no pairs .* of 4, 1 is held out as dev, 3 are held out as test; hold out fewer, in data\.split"),
    ],
)
def test_too_much_held_out(dev: int, test: int, words: str) -> None:
    names = sorted(["a", "b", "c"], key=text_key)
    names.append(names[0])  # a duplicate of what goes to test is no further source
    with pytest.raises(ValueError, match=words):
        assign(TRANSLATION, keys(names), keys(names), NONE, NONE, Split(dev, test))


def test_dev_files_that_repeat_train_or_test() -> None:
    with pytest.raises(
        ValueError, match=r"no pairs are left to train on: of 2, 2 are removed \(source occurs in dev\)"
    ):
        assign(TRANSLATION, keys(["a", "b"]), keys(["a", "b"]), keys(["b", "a"]), NONE, None)
    with pytest.raises(ValueError, match="no dev pairs are left"):
        assign(TRANSLATION, keys(["a"]), keys(["a"]), keys(["b"]), keys(["b"]), None)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_key_is_coarser_than_what_a_tokenizer_may_do(text: str) -> None:
    for same in (
        *(unicodedata.normalize(form, text) for form in ("NFC", "NFKC", "NFD")),
        text.lower(),
        f" {text}\u3000",
    ):
        assert text_key(same) == text_key(text)


@pytest.mark.parametrize("begin", ["", "word " * 300, "\u304b\u3099" * 3000])
def test_text_key_of_long_texts(begin: str) -> None:
    text = begin + "Caf\u00e9 na\u00efve " * 400
    assert text_key(text) == text_key(unicodedata.normalize("NFD", text).upper()) != text_key(text + "x")


def test_text_key_of_a_million_marks_comes_soon() -> None:
    """Python's own NFKC takes minutes for such a line, and no Ctrl-C stops it."""
    assert text_key("\u0300\u0316" * 250_000) != text_key("\u0316\u0300" * 200_000)


def test_text_key_tells_texts_apart() -> None:
    words = [f"{a} {b}" for a in range(300) for b in range(300)]
    assert len({text_key(word) for word in words}) == len(words)
    assert text_key("a b") != text_key("ab")
    assert text_key("Straße  X") == text_key("STRASSE x")

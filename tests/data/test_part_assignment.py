"""What becomes of pairs: cleaning touches train alone, duplicates leave one, overlap is counted and warned of."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transduce.data.cleaning.rules import Clean
from transduce.data.config import Corpus, DataConfig, Split
from transduce.data.findings import Findings
from transduce.data.keys import text_key
from transduce.data.part_assignment import Decision, decide
from transduce.data.record_keys import read_keys
from transduce.data.records import COPY, DEV, DUPLICATE, IN_DEV, IN_TEST, TEST, TRAIN
from transduce.data.scan import find_origins
from transduce.data.split import among, repeats
from transduce.tasks.translation import TRANSLATION

Rows = list[tuple[str, ...]]
SOURCES = st.sampled_from(["a", "A ", "b", "c", "d", "e", "f"])
ROWS = st.lists(
    st.tuples(SOURCES, st.sampled_from(["x", "y", "a"]), st.just(""), st.sampled_from(["", "t", "u"])), min_size=1
)


def decided(folder: Path, train: Rows, clean: Clean, split: Split | None = None, **held_out: Rows) -> Decision:
    corpora = {name: _write(folder / f"{name}.tsv", rows) for name, rows in {"train": train, **held_out}.items()}
    data = DataConfig((corpora.pop("train"),), split=split, **corpora)
    origins = find_origins(TRANSLATION, data, folder)
    records = {
        name: read_keys(origin, Findings(), clean if name == "train" else None) for name, origin in origins.items()
    }
    return decide(TRANSLATION, records, split)


def _write(path: Path, rows: Rows) -> Corpus:
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
    return Corpus(file=path)


@given(ROWS)
def test_duplicates_leave_the_first_of_each(tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> None:
    fates = decided(tmp_path_factory.mktemp("fates"), rows, Clean()).assignment.train.tolist()
    first = {row: place for place, row in reversed(list(enumerate(rows)))}
    assert fates == [TRAIN if first[row] == place else DUPLICATE for place, row in enumerate(rows)]
    kept = decided(tmp_path_factory.mktemp("fates"), rows, Clean(drop_duplicates=False)).assignment.train.tolist()
    assert kept == [TRAIN] * len(rows)


@given(ROWS, st.lists(st.tuples(SOURCES, st.just("x")), min_size=1))
def test_held_out_pairs_are_never_cleaned(tmp_path_factory: pytest.TempPathFactory, rows: Rows, test: Rows) -> None:
    rows = [*rows, ("own", "pair", "", "")]
    clean = Clean(drop_copies=True)
    found = decided(tmp_path_factory.mktemp("fates"), rows, clean, test=[*test, *test, ("a", "a")]).assignment
    assert found.test.tolist() == [TEST] * (2 * len(test) + 1)
    held_out = {text_key(source) for source, _ in [*test, ("a", "a")]}
    for row, fate in zip(rows, found.train.tolist(), strict=True):
        if text_key(row[0]) in held_out:
            assert fate == IN_TEST
        else:
            assert fate in ((COPY,) if row[0].strip() == row[1] else (TRAIN, DUPLICATE))


def test_a_split_takes_its_pairs_before_they_are_cleaned(tmp_path: Path) -> None:
    rows = [(name, name) for name in "abcdefgh"] * 2 + [(f"other {n}", "pair") for n in range(20)]
    fates = decided(tmp_path, rows, Clean(drop_copies=True), Split(dev=9)).assignment.train.tolist()
    copies = [fate for fate, (source, target) in zip(fates, rows, strict=True) if source == target]
    assert 0 < copies.count(DEV) < len(copies) == copies.count(DEV) + copies.count(COPY)


def test_nothing_left_after_cleaning_names_the_reasons(tmp_path: Path) -> None:
    words = (
        r"of 3, 1 .* \(source occurs in test\), 2 .* \(target equals source\); the rules are those of \[data.clean\]"
    )
    with pytest.raises(ValueError, match=f"no pairs are left to train on: {words}"):
        decided(tmp_path, [("a", "a"), ("b", "b"), ("c", "d")], Clean(drop_copies=True), test=[("c", "e")])


def test_overlap_is_counted_in_different_sources(tmp_path: Path) -> None:
    train = [(name, "x") for name in "abcdefgh"] + [("A", "y")]
    found = decided(tmp_path, train, Clean(), test=[(name, "z") for name in "aaxyzuvw"], dev=[("q", "r")])
    overlaps = {overlap.part: (overlap.keys, overlap.in_train) for overlap in found.overlaps}
    assert overlaps == {"test": (7, 1), "dev": (1, 0)}
    assert found.warnings == ()
    assert found.assignment.train.tolist().count(IN_TEST) == 2  # "a" and "A"


def test_a_test_set_wholly_in_train_is_warned_of(tmp_path: Path) -> None:
    train = [(name, "x") for name in "abcdefgh"]
    found = decided(tmp_path, train, Clean(), test=[("a", "x"), ("B", "x")])
    (warning,) = found.warnings
    assert warning.startswith("every source of the test files")
    found = decided(tmp_path, train, Clean(), dev=[("a", "x"), ("b", "x"), ("z", "x")])
    assert found.warnings[0].startswith("2 of 3 sources of the dev")
    with pytest.raises(ValueError, match=r"train on: of 8, 8 are removed \(source occurs in test\); give other files"):
        decided(tmp_path, train, Clean(), test=train)


def test_held_out_pairs_without_tags_are_warned_of_where_all_others_have_some(tmp_path: Path) -> None:
    train = [("a", "x", "", "de"), ("b", "y", "", "fr"), ("c", "z")]
    dev = [("d", "x"), ("e", "x", "", "de"), ("f", "x")]
    test = [("c", "z", "", "de")]  # takes the only pair without a tag out of train
    (warning,) = decided(
        tmp_path, train, Clean(), dev=dev, test=[*test, *[(name, "x", "", "fr") for name in "ghi"]]
    ).warnings
    words = (
        "2 of 3 dev pairs have no tag, but every pair to train on has one (de, fr): give tag in data.dev, or a column"
    )
    assert warning.startswith(words)
    assert not decided(tmp_path, train, Clean(), dev=dev).warnings
    assert not decided(tmp_path, [("a", "x"), ("b", "y")], Clean(), dev=[("d", "x")]).warnings


def test_dev_pairs_that_are_in_test_go(tmp_path: Path) -> None:
    found = decided(tmp_path, [("a", "x"), ("b", "x")], Clean(), dev=[("b", "x"), ("c", "x")], test=[("c", "x")])
    assert found.assignment.dev.tolist() == [DEV, IN_TEST] and found.assignment.train.tolist() == [TRAIN, IN_DEV]


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_among_and_repeats_are_what_sets_say(keys: list[int], wanted: list[int]) -> None:
    found = among(np.array(keys, np.uint64), np.array(wanted, np.uint64))
    assert found.tolist() == [key in wanted for key in keys]
    assert repeats(np.array(keys, np.uint64)).tolist() == [key in keys[:place] for place, key in enumerate(keys)]

"""Held-out pairs: what is read from which file, and what is refused."""

import gzip
import json
from pathlib import Path

import pytest

from transduce.models.find import run_folder_of
from transduce.workflows.evaluate.test_set import (
    HeldOut,
    names_columns,
    own_test_set,
    read_aligned,
    read_test_set,
)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def items_of(test_set: HeldOut) -> tuple[object, ...]:
    return test_set.sources, test_set.references, test_set.left_out, test_set.groups


def test_aligned_files_keep_every_line(tmp_path: Path) -> None:
    source = write(tmp_path / "s", "a\n\nb\u2028c\r\n")
    references = [write(tmp_path / "r1", "1\n2\n3"), write(tmp_path / "r2", "x\ny\nz\n")]
    assert items_of(read_aligned(source, references)) == (
        ("a", "", "b\u2028c"),
        (("1", "x"), ("2", "y"), ("3", "z")),
        0,
        (),
    )


def test_a_blank_line_of_one_reference_file_is_no_reference(tmp_path: Path) -> None:
    first, second = write(tmp_path / "r1", "1\n\n3\n\n"), write(tmp_path / "r2", "x\ny\n \n\n")
    assert read_aligned(None, [first, second]).references == (("1", "x"), ("y",), ("3",), ("", ""))


def test_unequal_counts_are_named(tmp_path: Path) -> None:
    source, reference = write(tmp_path / "s", "a\nb\n"), write(tmp_path / "r", "1\n2\n3\n")
    with pytest.raises(ValueError) as error:
        read_aligned(source, [source, reference])
    assert f"{source} has 2" in str(error.value)
    assert f"{reference} has 3" in str(error.value)
    with pytest.raises(ValueError, match="r: the file is empty"):
        read_aligned(source, [write(reference, "")])


def test_alternatives_are_the_references_of_one_source(tmp_path: Path) -> None:
    path = write(tmp_path / "pairs.tsv", "read\tR IY D\nhouse\tHH AW S\nread\tR EH D\nread\tR IY D\n \tnothing\n")
    assert items_of(read_test_set(path)) == (
        ("read", "house", "read", "read"),
        (("R IY D",), ("HH AW S",), ("R EH D",), ("R IY D",)),
        1,
        (),
    )
    assert items_of(read_test_set(path, alternatives=True)) == (
        ("read", "house"),
        (("R IY D", "R EH D"), ("HH AW S",)),
        1,
        (),
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.tsv", b"a\tb\nonly\nno\n", "p.tsv:2: wrong number of columns"),
        (
            "p.jsonl",
            b'{"source": "a", "target": "b"}\n{"source": "a"}\n',
            'p.jsonl:2: missing key (no "target"; the keys are "source")',
        ),
        ("p.tsv", b"a\tb\n\xff\tb\n", "p.tsv:2: invalid UTF-8"),
        ("p.tsv", b"\ta\n", "p.tsv: holds no pairs"),
        ("p.xml", b"a,b\n", "unknown extension '.xml'"),
    ],
)
def test_a_test_set_is_read_in_full_or_not_at_all(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_test_set(tmp_path / name)
    assert message in str(error.value)
    assert "data.bad-lines" not in str(error.value)  # a key of run files, which are not at work here


def test_tags_and_groups_are_read_and_alternatives_need_the_same_tags(tmp_path: Path) -> None:
    rows = [
        {"source": "one", "target": "eins", "tags": ["de"], "group": "a"},
        {"source": "one", "target": "un", "tags": ["fr"], "group": "b"},
        {"source": "one", "target": "uno", "tags": ["it"]},
        {"source": "one", "target": "une", "tags": ["fr"], "group": "c"},
    ]
    path = write(tmp_path / "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    found = read_test_set(path)
    assert found.tags == (("de",), ("fr",), ("it",), ("fr",))
    assert found.groups == ("a", "b", "", "c")
    found = read_test_set(path, alternatives=True)
    assert found.references == (("eins",), ("un", "une"), ("uno",))
    assert found.tags == (("de",), ("fr",), ("it",))
    assert found.groups == ("a", "b", "")


def test_tags_of_all_items_are_not_repeated(tmp_path: Path) -> None:
    rows = [{"source": "one", "target": "eins", "tags": ["de"]}, {"source": "two", "target": "zwei"}]
    found = read_test_set(write(tmp_path / "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows)))
    assert found.with_tags(("de", "new")).tags == (("de", "new"), ("de", "new"))
    with pytest.raises(ValueError, match="9 tags, at most 8"):
        found.with_tags(tuple("abcdefgh"))


@pytest.mark.parametrize(
    ("name", "named"), [("p.tsv", False), ("p.TSV.gz", False), ("p.csv.zst", True), ("p.jsonl", True)]
)
def test_which_columns_have_names(name: str, named: bool) -> None:
    assert names_columns(Path(name)) is named


def test_other_formats_and_columns(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", 'en,de,where\n"a, b",c,x\n')
    expected = (("a, b",), (("c",),), 0, ("x",))
    columns = {"source": "en", "target": "de", "group": "where"}
    assert items_of(read_test_set(table, columns=columns)) == expected
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(table.read_bytes()))
    assert items_of(read_test_set(packed, columns=columns)) == expected
    (tmp_path / "s.gz").write_bytes(gzip.compress(b"a\nb\n"))
    assert read_aligned(tmp_path / "s.gz", [write(tmp_path / "r", "1\n2\n")]).sources == ("a", "b")


def test_references_without_sources(tmp_path: Path) -> None:
    first, second = write(tmp_path / "r1", "1\n2\n"), write(tmp_path / "r2", "x\ny\n")
    assert items_of(read_aligned(None, [first, second])) == ((), (("1", "x"), ("2", "y")), 0, ())


def test_the_test_set_of_a_run(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "r"
    (run / "model").mkdir(parents=True)
    with pytest.raises(ValueError, match="has no test set of its own: give --data FILE"):
        own_test_set(run)
    (run / "run.toml").touch()
    assert run_folder_of(run) == run
    assert run_folder_of(run / "model") == run
    assert run_folder_of(tmp_path) is None
    with pytest.raises(ValueError, match=r"data\.split\.test or data\.test"):
        own_test_set(run)
    write(run / "test.jsonl", '{"source": "a", "target": "b"}\n')
    assert own_test_set(run) == own_test_set(run / "model") == run / "test.jsonl"


def test_a_folder_beside_a_run_file_is_not_its_model(tmp_path: Path) -> None:
    """Somebody's project, with a model of others in it."""
    (tmp_path / "run.toml").touch()
    write(tmp_path / "test.jsonl", '{"source": "a", "target": "b"}\n')
    (tmp_path / "opus").mkdir()
    assert run_folder_of(tmp_path / "opus") is None
    with pytest.raises(ValueError, match="has no test set of its own"):
        own_test_set(tmp_path / "opus")

"""A file that grows: what is kept after a kill, how it goes on, and what it refuses."""

import gzip
import json
from pathlib import Path

import pytest

from transduce.data.formats.lines import lines
from transduce.files.resumable_output import ResumableOutput, check_place, resumable_output

WHO = {"model": "abc", "text": ["def"]}


def write(path: Path, blocks: list[str], finish: bool = True) -> None:
    with resumable_output(path, WHO) as file:
        for number, block in enumerate(blocks):
            file.append(block, {"blocks": number + 1})
        if finish:
            file.finish()


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.tsv.zst"])
def test_blocks_become_one_file(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, ["ä\nb\n", "", "c\n"])
    assert list(lines(tmp_path / name)) == ["ä", "b", "c"]
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.tsv.zst"])
def test_what_a_kill_leaves_goes_on(tmp_path: Path, name: str) -> None:
    write(tmp_path / "whole", [])
    write(tmp_path / name, ["a\n", "b\n"], finish=False)
    assert not (tmp_path / name).exists()
    with (tmp_path / f"{name}.part").open("ab") as part:
        part.write(b"half a blo")  # of which no state was kept
    with resumable_output(tmp_path / name, WHO) as file:
        assert file.state == {"blocks": 2}
        file.append("c\n", {"blocks": 3})
        file.finish()
    assert list(lines(tmp_path / name)) == ["a", "b", "c"]


def test_a_beginning_of_which_nothing_was_kept_begins_again(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    (tmp_path / "a.tsv.part").write_text("half")
    write(path, ["a\n"])
    assert path.read_text() == "a\n"
    (tmp_path / "a.tsv.part.json").write_text(json.dumps({"identity": WHO, "bytes": 9, "state": 1}))
    write(path, ["b\n"])  # killed right after the file got its name, then made once more
    assert path.read_text() == "b\n"


def test_another_identity_is_refused_unless_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    write(path, ["a\n"], finish=False)
    with pytest.raises(ValueError, match=r"a\.tsv\.part was begun with another text: use the same again"):
        resumable_output(path, {**WHO, "text": ["other"]}).__enter__()
    with resumable_output(path, {**WHO, "text": ["other"]}, anew=True) as file:
        assert file.state is None
        file.append("b\n", 1)
        file.finish()
    assert path.read_text() == "b\n"


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with resumable_output(tmp_path / "a.tsv", WHO), pytest.raises(ValueError, match="another process writes it"):
        resumable_output(tmp_path / "a.tsv", WHO).__enter__()


def test_a_file_that_lost_its_end_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.tsv", ["abc\n"], finish=False)
    (tmp_path / "a.tsv.part").write_text("a")
    with pytest.raises(ValueError, match=r"a\.tsv\.part: is shorter than it was"):
        write(tmp_path / "a.tsv", [])
    with resumable_output(tmp_path / "a.tsv", WHO, anew=True) as file:
        assert file.state is None


def test_discarding_leaves_nothing(tmp_path: Path) -> None:
    with resumable_output(tmp_path / "a.tsv", WHO) as file:
        file.append("a\n", 1)
        file.discard()
    assert not list(tmp_path.iterdir())


def test_a_compressed_file_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        write(tmp_path / name, ["a\n" * 100])
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == b"a\n" * 100


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder, expected a file"):
        check_place(tmp_path, True)
    with pytest.raises(OSError, match="no such folder"):
        check_place(tmp_path / "no" / "a.tsv", True)
    (tmp_path / "a.tsv").touch()
    with pytest.raises(ValueError, match="exists already; name another output, or replace it with --force"):
        check_place(tmp_path / "a.tsv", False)
    check_place(tmp_path / "a.tsv", True)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.tsv"
    write(path, ["a\n"], finish=False)
    with resumable_output(path, WHO) as file:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            file.append("b\n", {"blocks": 2})
    monkeypatch.undo()
    with resumable_output(path, WHO) as again:
        assert isinstance(again, ResumableOutput) and again.state == {"blocks": 1}
        again.finish()
    assert path.read_text() == "a\n"

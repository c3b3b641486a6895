"""`transduce align`: links as lines, their error as a table, and files that do not belong together."""

from pathlib import Path

import pytest

import tiny_model
import transduce
from transduce.cli.main import main
from transduce.machine.devices import Devices
from transduce.workflows.align.run import align

PAIRS = [("bar bas", "nut nos kus"), ("", "nut"), ("mit dar  bis kos", "bar\u00a0bas"), ("nut", "zzz")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model.write(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transduce.machine.devices.devices_of_machine", Devices)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for name, side in (("source", 0), ("target", 1)):
        (tmp_path / name).write_text("".join(f"{pair[side]}\n" for pair in PAIRS), encoding="utf-8")
    return ["--source", str(tmp_path / "source"), "--target", str(tmp_path / "target")]


def lines(folder: str) -> list[str]:
    return [" ".join(f"{s}-{t}" for s, t in links) for links in align(transduce.load(folder, "cpu"), PAIRS)]


def test_one_line_for_each_pair(
    folder: str, files: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["align", folder, *files]) == 0
    out, err = capfd.readouterr()
    assert out.splitlines() == lines(folder) and err == ""
    assert out.splitlines()[1] == "" and "-" in out
    assert main(["align", folder, *files, "--output", str(tmp_path / "links")]) == 0
    assert capfd.readouterr().out == ""
    assert (tmp_path / "links").read_text() == out


def test_error_against_gold_links(
    folder: str, files: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gold = tmp_path / "gold"
    gold.write_text("".join(f"{line}\n" for line in lines(folder)))
    assert main(["align", folder, *files, "--gold", str(gold), "--output", str(tmp_path / "links")]) == 0
    rows = [row.split() for row in capfd.readouterr().out.splitlines()]
    assert rows[1] == ["mean", "as", "is", "0.00", "100.00", "100.00"]
    assert rows[2][:2] == ["4", "pairs,"]
    assert (tmp_path / "links").read_text() == gold.read_text()
    one_based = [
        [f"{int(s) + 1}p{int(t) + 1}" for s, t in map(lambda x: x.split("-"), row.split())] for row in lines(folder)
    ]
    gold.write_text("".join(" ".join(row) + "\n" for row in one_based))
    assert main(["align", folder, *files, "--gold", str(gold), "--first-word", "1", "--every-layer"]) == 0
    rows = [row.split() for row in capfd.readouterr().out.splitlines()]
    assert [row[0] for row in rows[1:-1]] == ["mean", "mean", "1", "1", "2", "2"]
    assert rows[1][3:] == ["0.00", "100.00", "-"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0-0\n\n\n", "has 3 lines, but the number of pairs is 4"),
        ("0-0\n\n0:0\n\n", ":3: '0:0' is no link"),
        (
            "0-0 1-3\n\n\n\n",
            ":1: the link from source word 1 to target word 3 (counted from 0) leads out of the target",
        ),
        ("0-0\n0-0\n\n\n", ":2: the link from source word 0 to target word 0 (counted from 0) leads out of the source"),
        ("0-0\n\n\n\xff\n", "invalid UTF-8"),
    ],
)
def test_gold_that_does_not_fit(
    content: str, message: str, files: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gold = tmp_path / "gold"
    gold.write_bytes(content.encode("latin-1"))
    assert main(["align", "no-such-model", *files, "--gold", str(gold)]) == 2
    out, err = capfd.readouterr()
    assert out == "" and message in err and str(gold) in err and err.count("\n") == 1


def test_files_that_do_not_belong_together(
    folder: str, files: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    short = tmp_path / "short"
    short.write_text("a\nb\n")
    cases = [
        ([*files[:3], str(short)], f"{files[1]} has 4, {short} has 2"),
        ([*files[:3], str(tmp_path / "none")], "no such file"),
        ([*files, "--every-layer"], "--every-layer goes with --gold"),
        ([*files, "--first-word", "1"], "--first-word goes with --gold"),
        ([*files, "--layer", "3"], "layer must be 1 to 2"),
        ([*files, "--tag", "de"], "unknown tag 'de'; no tags are known"),
        ([*files, "--output", files[1]], "is a file that is read"),
        ([*files, "--output", str(tmp_path / "no" / "links")], "there is no folder"),
        ([*files, "--output", str(tmp_path)], "is a folder; name a file"),
        ([*files, "--gold", str(short), "--every-layer", "--layer", "1"], "leave out --layer"),
    ]
    for arguments, message in cases:
        assert main(["align", folder, *arguments]) == 2
        out, err = capfd.readouterr()
        assert out == "" and message in err, arguments

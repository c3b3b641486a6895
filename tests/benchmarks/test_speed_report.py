"""The table and the picture."""

from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.training_speed.plot import draw
from benchmarks.training_speed.summary import report, rows
from speed_runs import BASE, CIRCUMSTANCES

RUNS = [
    *(replace(BASE, round=number, tokens_per_second=speed) for number, speed in enumerate((4000.0, 5000.0, 5100.0), 1)),
    replace(BASE, form="float32", tokens_per_second=2500.0, peak_bytes=2**31),
    replace(BASE, system="eole", form="float32", tokens_per_second=1000.0),
    replace(BASE, system="eole", tokens_per_second=2000.0, tokens_per_update=3072.0, own_log=1.01),
    replace(BASE, system="joeynmt", form="float32", tokens_per_second=500.0, tokens_per_update=1024.0),
]


def test_rows_are_medians_and_ratios() -> None:
    found = {(row.system, row.form): row for row in rows(RUNS, "small")}
    assert list(found) == [
        ("transduce", "bf16"),
        ("transduce", "float32"),
        ("eole", "bf16"),
        ("eole", "float32"),
        ("joeynmt", "float32"),
    ]
    assert found["transduce", "bf16"].speed == 5000
    assert [row.ratio for row in found.values()] == [1.0, 2.0, 2.5, 5.0, 10.0]
    assert [row.fastest for row in found.values()] == [True, False, True, False, True]
    assert found["eole", "bf16"].padding_share == 0.25
    assert found["transduce", "float32"].peak_bytes == 2**31


def test_padding_counts_by_update() -> None:
    few = replace(BASE, updates=10, tokens_per_update=1000.0, padded_tokens_per_update=4000.0)
    many = replace(few, round=2, updates=30, tokens_per_update=3000.0)
    (row,) = rows([few, many], "small")
    assert row.tokens_per_update == 2500
    assert row.padding_share == pytest.approx(1 - 2500 / 4000)


def test_without_our_own_runs_there_is_nothing_to_compare_with() -> None:
    assert rows([replace(BASE, system="eole")], "small") == []
    assert rows([], "small") == []


def test_the_report_says_it_all() -> None:
    text = report(CIRCUMSTANCES, [*RUNS, replace(BASE, size="base", tokens_per_second=999.0)])
    lines = text.splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    assert len({len(row) for row in cells}) == 1
    eole = next(row for row in cells if row[:2] == ["Eole", "bf16 autocast"])
    assert eole[2:] == [
        "1",
        "**2,000** (2,000 to 2,000)",
        "**2.50x**",
        "2,600",
        "0.77",
        "25%",
        "3,072",
        "9,421,824",
        "1.00 GiB",
        "101%",
    ]
    ours = next(row for row in cells if row[0] == "transduce")
    assert ours[2:5] == ["3", "**5,000** (4,000 to 5,100)", ""]
    assert [line for line in lines if line.startswith("## ")] == [
        "## small: 256 wide, 4 + 4 layers, 4 heads, 1,024 in the feed-forward",
        "## base: 512 wide, 6 + 6 layers, 8 heads, 2,048 in the feed-forward",
    ]
    for needed in ("some CPU", "avx2", "torch 2.13.0", "2 threads", "1,000 pairs", "Eole 0.1.0"):
        assert needed in text


def test_the_picture(tmp_path: Path) -> None:
    draw(CIRCUMSTANCES, [], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
    draw(CIRCUMSTANCES, RUNS, tmp_path / "speed.png")
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")

"""The benchmark of chosen settings: its data keeps its parts apart, and its report compares."""

from pathlib import Path

from benchmarks.defaults import data
from benchmarks.defaults.__main__ import CHOSEN, SEARCH, Result, report


def test_dates_are_in_one_part_only(tmp_path: Path) -> None:
    data.write("dates", tmp_path)
    parts = {part: (tmp_path / f"{part}.tsv").read_text(encoding="utf-8").splitlines() for part in data.PARTS}
    assert {part: len(lines) for part, lines in parts.items()} == {"train": 10_000, "dev": 1_000, "test": 1_000}
    targets = [{line.split("\t")[1] for line in lines} for lines in parts.values()]
    assert not targets[0] & targets[1] and not targets[0] & targets[2] and not targets[1] & targets[2]


def test_the_report_has_the_share_of_the_better() -> None:
    results = [
        Result("dates", 3.0, CHOSEN, "exact-match", 95.0, {}),
        Result("dates", 3.0, SEARCH, "exact-match", 100.0, {"model.preset": "transformer-mini"}),
        Result("cmudict", 3.0, CHOSEN, "exact-match", 60.0, {}),
    ]
    lines = report(results).splitlines()
    assert lines[1].split() == ["dates", "3", "exact-match", "95.00", "100.00", "95.0", "%"]
    assert lines[2].split() == ["cmudict", "3", "exact-match", "60.00"]

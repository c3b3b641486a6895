"""From the observer's notes to kept results."""

from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.training_speed.results import Results, measured, read
from speed_runs import BASE, CIRCUMSTANCES

# two updates of warm-up, then one of 2 s with 3,000 tokens and one of 6 s with 1,000
NOTES = [
    {"at": 10.0, "cpu": 18.0, "tokens": 900, "padded": 4096, "peak_bytes": 500},
    {"at": 11.0, "cpu": 20.0, "tokens": 900, "padded": 4096, "peak_bytes": 900},
    {"at": 13.0, "cpu": 24.0, "tokens": 3000, "padded": 4000, "peak_bytes": 800},
    {"at": 19.0, "cpu": 36.0, "tokens": 1000, "padded": 4000, "peak_bytes": 800},
]


def test_speed_is_tokens_over_time_after_the_warm_up() -> None:
    found = measured(NOTES, 2, {})
    assert found.tokens_per_second == 4000 / 8
    assert found.tokens_per_cpu_second == 4000 / 16
    assert (found.updates, found.seconds, found.tokens_per_update) == (2, 8.0, 2000.0)
    assert found.padded_tokens_per_update == 4000
    assert found.peak_bytes == 900  # the warm-up needs memory too
    assert found.own_log is None


def test_own_log_is_compared_on_the_updates_that_it_tells_of() -> None:
    assert measured(NOTES, 2, {3: 1500.0, 4: 1000 / 6}).own_log == pytest.approx(1.0)
    assert measured(NOTES, 2, {3: 3000.0}).own_log == pytest.approx(2.0)  # it says 1 s where 2 went by
    assert measured(NOTES, 2, {1: 3000.0, 2: 10.0}).own_log is None  # of the warm-up alone


def test_too_few_updates() -> None:
    with pytest.raises(ValueError, match="only 2 updates"):
        measured(NOTES[:2], 2, {})


def test_an_interrupted_benchmark_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "results" / "speed.jsonl"
    runs = [BASE, replace(BASE, system="eole", own_log=0.99)]
    first = Results(path, CIRCUMSTANCES)
    for run in runs:
        first.add(run)
    with path.open("a", encoding="utf-8") as out:
        out.write('{"size": "small", "syst')  # killed while writing
    again = Results(path, CIRCUMSTANCES)
    assert again.runs == runs
    again.add(replace(BASE, round=2))
    assert read(path)[1] == [*runs, replace(BASE, round=2)]


def test_runs_under_other_circumstances_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "speed.jsonl"
    Results(path, CIRCUMSTANCES).add(BASE)
    with pytest.raises(ValueError, match="other threads than now"):
        Results(path, {**CIRCUMSTANCES, "threads": 4})


def test_a_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "speed.jsonl"
    path.write_text('{"a": 1}\n{"b": 2}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"speed\.jsonl: is no file of results"):
        read(path)

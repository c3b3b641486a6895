"""Who runs when."""

from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.training_speed import rounds
from benchmarks.training_speed.results import Results, Run
from benchmarks.training_speed.systems import SYSTEMS
from speed_runs import BASE, CIRCUMSTANCES

SPEEDS = {
    ("transduce", "bf16"): 5000.0,
    ("transduce", "float32"): 2500.0,
    ("eole", "bf16"): 1500.0,
    ("eole", "bf16-weights"): 2000.0,
    ("eole", "float32"): 1000.0,
    ("joeynmt", "float32"): 300.0,
    ("joeynmt", "float32-grouped"): 1200.0,
}
FASTEST = ["transduce bf16", "eole bf16-weights", "joeynmt float32-grouped"]


class Machine:
    """Stands for real runs; remembers them, and stops after some."""

    def __init__(self, lasts: int = 1000) -> None:
        self.made: list[tuple[str, str, int]] = []
        self.lasts = lasts

    def __call__(self, size: str, system: str, form: str, number: int) -> Run | None:
        if len(self.made) == self.lasts:
            raise KeyboardInterrupt
        self.made.append((size, f"{system} {form}", number))
        speed = SPEEDS[system, form]
        return replace(BASE, size=size, system=system, form=form, round=number, tokens_per_second=speed)


def go(results: Results, machine: Machine) -> None:
    rounds.go(results, 4, ["small", "base"], list(SYSTEMS), machine, lambda: None)


def test_systems_take_turns_and_keep_their_fastest_form(tmp_path: Path) -> None:
    machine = Machine()
    go(Results(tmp_path / "speed.jsonl", CIRCUMSTANCES), machine)
    every = [f"{system} {form}" for system in SYSTEMS for form in SYSTEMS[system].forms]
    assert {tuple(name.split()) for name in every} == SPEEDS.keys()
    for size in ("small", "base"):
        for number in (1, 2):
            assert [name for at, name, turn in machine.made if (at, turn) == (size, number)] == every
        for number in (3, 4):
            assert [name for at, name, turn in machine.made if (at, turn) == (size, number)] == FASTEST


def test_nothing_is_run_twice(tmp_path: Path) -> None:
    whole, first, second = Machine(), Machine(lasts=20), Machine()
    go(Results(tmp_path / "whole.jsonl", CIRCUMSTANCES), whole)
    with pytest.raises(KeyboardInterrupt):
        go(Results(tmp_path / "speed.jsonl", CIRCUMSTANCES), first)
    go(Results(tmp_path / "speed.jsonl", CIRCUMSTANCES), second)
    assert [*first.made, *second.made] == whole.made


def test_what_fails_is_left_out(tmp_path: Path) -> None:
    results = Results(tmp_path / "speed.jsonl", CIRCUMSTANCES)
    machine = Machine()

    def run(size: str, system: str, form: str, number: int) -> Run | None:
        return None if system == "eole" else machine(size, system, form, number)

    rounds.go(results, 3, ["small"], list(SYSTEMS), run, lambda: None)
    assert {made.system for made in results.runs} == {"transduce", "joeynmt"}
    assert max(made.round for made in results.runs) == 3


def test_networks_of_other_sizes_are_no_comparison(tmp_path: Path) -> None:
    results = Results(tmp_path / "speed.jsonl", CIRCUMSTANCES)
    results.add(BASE)
    rounds.check_parameters(results, replace(BASE, system="eole", parameters=int(BASE.parameters * 1.009)))
    rounds.check_parameters(results, replace(BASE, size="base", parameters=5 * BASE.parameters))
    with pytest.raises(ValueError, match="eole has 9,610,260 parameters, transduce 9,421,824"):
        rounds.check_parameters(results, replace(BASE, system="eole", parameters=9_610_260))

"""The clock that all systems are measured with."""

import io
import json
import os
from collections.abc import Iterator

import pytest
import torch
from benchmarks.training_speed import observer
from benchmarks.training_speed.observer import Observer
from torch.optim.optimizer import register_optimizer_step_post_hook


class Ended(Exception):
    """Instead of the process's end."""


class Notes(io.StringIO):
    """Can still be read after it was closed."""

    def close(self) -> None:
        pass


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time, which tests set."""
    now = [0.0]
    monkeypatch.setattr(observer.time, "perf_counter", lambda: now[0])

    def ended(code: int) -> None:
        raise Ended(code)

    monkeypatch.setattr(os, "_exit", ended)
    yield now


def test_notes_every_update_of_any_optimiser_and_ends(clock: list[float]) -> None:
    notes = Notes()
    watching = Observer(notes, "torch", warm_up=2, seconds=10.0)
    handle = register_optimizer_step_post_hook(watching.after_step)
    weights = [torch.nn.Parameter(torch.ones(3, 4)), torch.nn.Parameter(torch.ones(5))]
    optimiser = torch.optim.Adam(weights)
    try:
        with pytest.raises(Ended):
            for update in range(100):
                clock[0] = 3.0 * update
                watching.count(10, 16)
                watching.count(update, 16)  # a second batch of the same update
                optimiser.step()
    finally:
        handle.remove()
    first, *updates = map(json.loads, notes.getvalue().splitlines())
    assert first["parameters"] == 17
    assert first["version"] == first["torch"].split("+")[0] or first["version"] == first["torch"]
    # the clock starts at update 2, at 3.0; update 6, at 15.0, is the first after 10 more seconds
    assert [line["at"] for line in updates] == [0.0, 3.0, 6.0, 9.0, 12.0, 15.0]
    assert [line["tokens"] for line in updates] == [10, 11, 12, 13, 14, 15]
    assert {line["padded"] for line in updates} == {32}
    assert all(line["peak_bytes"] > 2**20 for line in updates)


def test_measures_some_updates_however_slow(clock: list[float]) -> None:
    notes = Notes()
    watching = Observer(notes, "torch", warm_up=1, seconds=0.0)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))])
    with pytest.raises(Ended):
        for _ in range(100):
            clock[0] += 60.0
            watching.after_step(optimiser)
    assert len(notes.getvalue().splitlines()) - 1 == 1 + observer.LEAST

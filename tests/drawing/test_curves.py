"""The learning curve: what is drawn, for long runs and short ones, and that a picture is replaced as a whole."""

import math
import os
from pathlib import Path
from typing import Any

import pytest
from matplotlib import image
from matplotlib.figure import Figure

from transduce.drawing.curves import learning_curve
from transduce.drawing.pictures import save

Event = dict[str, Any]


def train(step: int, **values: float) -> Event:
    return {"kind": "train", "step": step, **values}


def validation(step: int, **values: float) -> Event:
    return {"kind": "validation", "step": step, **values}


@pytest.fixture
def drawn() -> Any:
    """Draws events; gives {label's name: (steps, values)} of each panel."""
    figures: list[Figure] = []

    def draw(
        events: list[Event], error_rates: frozenset[str] = frozenset(), forms_of_loss: tuple[str, ...] = ("perplexity",)
    ) -> list[dict[str, tuple[list[float], list[float]]]]:
        figures.append(learning_curve(events, error_rates, forms_of_loss))
        return [
            {
                str(line.get_label()).split("  ")[0]: (list(line.get_xdata()), list(line.get_ydata()))
                for line in axes.lines
            }
            for axes in figures[-1].axes
        ]

    draw.axes = lambda: figures[-1].axes  # type: ignore[attr-defined]
    return draw


def test_panels_show_loss_and_scores(drawn: Any) -> None:
    events = [
        train(20, loss=5.0, nll=4.5),
        validation(40, loss=3.0, perplexity=20.1, chrf=30.0, bleu=10.0),
        train(40, loss=3.5, objective=4.0),
        validation(80, loss=2.0, perplexity=7.4, chrf=50.0, bleu=20.0),
    ]
    upper, lower = drawn(events)
    assert upper == {"train": ([20, 40], [4.5, 3.5]), "dev": ([40, 80], [3.0, 2.0])}
    assert lower == {"bleu": ([40, 80], [10.0, 20.0]), "chrf": ([40, 80], [30.0, 50.0])}


def test_forms_of_the_loss_are_no_scores(drawn: Any) -> None:
    """A language model has no metric of predictions: its curve is the loss alone."""
    values = {"loss": 3.0, "perplexity": 20.1, "bits-per-byte": 6.3}
    (panel,) = drawn([validation(1, **values)], forms_of_loss=("perplexity", "bits-per-byte"))
    assert [*panel] == ["dev"]


def test_error_rates_have_a_panel_of_their_own_and_means_of_weights_the_colour_of_their_metric(drawn: Any) -> None:
    values = {"wer": 60.0, "wer (ema)": 50.0, "wer (mean)": 55.0, "chrf": 30.0}
    _, scores, errors = drawn([validation(1, **values), validation(2, **values)], frozenset({"wer", "ter"}))
    assert [*scores] == ["chrf"] and [*errors] == ["wer", "wer (ema)", "wer (mean)"]
    lines = drawn.axes()[2].lines
    assert len({line.get_color() for line in lines}) == 1 and len({line.get_linestyle() for line in lines}) == 3
    _, errors = drawn([validation(1, wer=60.0)], frozenset({"wer"}))
    assert [*errors] == ["wer"]


def test_early_error_rates_do_not_squash_the_rest(drawn: Any) -> None:
    events = [validation(1, rate=6000.0, chrf=1.0), validation(2, rate=80.0, chrf=30.0)]
    _, lower = drawn(events)
    assert lower["rate"][1] == [6000.0, 80.0]
    assert drawn.axes()[1].get_ylim() == (0.0, 105.0)
    drawn([validation(1, rate=6000.0), validation(2, rate=600.0)])  # nothing else to see
    assert drawn.axes()[1].get_ylim()[1] > 6000


def test_values_that_are_no_finite_numbers_are_left_out(drawn: Any) -> None:
    events = [
        train(1, nll=math.nan),
        train(2, nll=2.0),
        train(3, nll=math.inf),
        validation(3, loss=1.0, samples="text"),
    ]
    upper, lower = drawn([*events, {"kind": "skipped", "step": 4, "found": "loss nan"}])
    assert upper == {"train": ([2], [2.0]), "dev": ([3], [1.0])}
    assert lower == {}


@pytest.mark.parametrize(
    "events",
    [[], [train(1, loss=2.0)], [validation(1, loss=2.0, chrf=1.0)], [train(n, nll=1 / n) for n in range(1, 400)]],
    ids=["none", "one step", "one validation", "no validation"],
)
def test_any_run_gives_a_picture(events: list[Event], tmp_path: Path) -> None:
    path = tmp_path / "curve.png"
    save(learning_curve(events), path)
    pixels = image.imread(path)
    assert pixels.shape[:2] == (840 if any("chrf" in event for event in events) else 420, 960)
    assert pixels.min() < 0.5 < pixels.max()  # something is drawn
    assert [each.name for each in tmp_path.iterdir()] == ["curve.png"]


def test_an_error_keeps_the_old_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "curve.png"
    path.write_bytes(b"old")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        save(learning_curve([train(1, loss=1.0)]), path)
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["curve.png"]

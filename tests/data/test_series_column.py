"""Numbers of series: mean and deviation of many windows, small and large numbers, files that do not fit."""

from pathlib import Path

import numpy as np
import pytest

from transduce.data.columns import Fault
from transduce.data.processors import Processors
from transduce.data.series_column import Series, Standardised, numbers_of, text_of
from transduce.tasks.forecast import Forecast


def test_mean_and_deviation_are_those_of_all_steps() -> None:
    """Windows of different levels: most of the deviation is between their means."""
    windows = [np.random.default_rng(seed).normal(100 * seed, 1 + seed, (3 + seed, 2)) for seed in range(5)]
    values = Standardised.learn(map(text_of, windows), ("a", "b"))
    assert values.mean == pytest.approx(np.concatenate(windows).mean(0))
    assert values.deviation == pytest.approx(np.concatenate(windows).std(0))


@pytest.mark.parametrize("scale", [1e-90, 1e-13, 1.0, 1e90])
def test_deviations_do_not_depend_on_the_unit(scale: float) -> None:
    steps = scale * (1 + 0.1 * np.sin(np.arange(300) / 3))[:, None]
    values = Standardised.learn([text_of(steps)], ("a",))
    assert values.deviation[0] == pytest.approx(scale * 0.0707, rel=0.01)
    standardised = values.standardised(steps)
    assert isinstance(standardised, np.ndarray) and standardised.std() == pytest.approx(1, abs=1e-4)
    constant = Standardised.learn([text_of(np.full((7, 1), 0.1 * scale))] * 3, ("a",))
    assert constant.deviation == (1.0,)


def test_numbers_beyond_the_range_of_their_formats() -> None:
    assert "number too large: -1e+101 is beyond 1e+100; correct it" in str(numbers_of("1 -1e101", 1))
    (fault,) = Standardised(("a", "b"), (0.0, 1.0), (1.0, 2.0)).encode_batch(["1,2 3,1e39"])
    words = "too far from the training data: b is 1e+39, more than 1e+15 deviations from the mean of the training data"
    assert isinstance(fault, Fault) and str(fault) == f"{words} (mean 1, deviation 2)"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"names": ["a", "b"], "mean": [0, 1], "deviation": [1, 5]}', "names are a, b, but task.variables are a$"),
        ('{"names": ["b"], "mean": [0], "deviation": [1]}', "names are b, but task.variables are a$"),
        ('{"names": ["a"], "mean": [0], "deviation": [1, 2]}', "found 1 names, 1 means and 2 deviations"),
        ('{"names": ["a"], "mean": [NaN], "deviation": [1]}', "a needs a finite mean .*, found nan and 1"),
        ('{"names": ["a"], "mean": [0], "deviation": [Infinity]}', "found 0 and inf"),
        ('{"names": ["a"], "mean": [0], "deviation": [NaN]}', "found 0 and nan"),
    ],
)
def test_files_that_do_not_fit_the_task(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "numbers.json").write_text(content)
    with pytest.raises(ValueError, match=rf"numbers\.json.*{words}"):
        Processors.load(tmp_path, Forecast(("a",)).columns)
    Series(("a",)).example().save(tmp_path / "numbers.json")
    assert Processors.load(tmp_path, Forecast(("a",)).columns)["future"].size == 1

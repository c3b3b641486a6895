"""Recipe forecast-demand: numbers from the text of a package, windows of the baselines, its run file."""

import json
from pathlib import Path

import numpy as np
import pytest
from recipe_scripts import RECIPES, load_script

from transduce.tasks.forecast import Forecast
from transduce.workflows.train.run_file import read_run

RECIPE = RECIPES / "forecast-demand"


def test_numbers_of_a_python_file() -> None:
    script = load_script(RECIPE / "get_data.py")
    assert script.numbers("import os\nx = f([1, 2])\ny = np.array([3, 4.5, 6])") == [3, 4.5, 6]
    with pytest.raises(ValueError, match="holds no list of numbers"):
        script.numbers("x = 1")


def test_the_baselines_know_nothing_of_dev_and_test(tmp_path: Path) -> None:
    script = load_script(RECIPE / "baselines.py")
    series = [float(10 * (step % 336) + step / 100) for step in range(1500)]
    (tmp_path / "demand.csv").write_text("demand\n" + "\n".join(map(str, series)))
    rows = [
        {
            "history": " ".join(map(str, series[begin : begin + 336])),
            "future": " ".join(map(str, series[begin + 336 : begin + 384])),
        }
        for begin in range(1000, 1003)
    ]
    (tmp_path / "dev.jsonl").write_text("\n".join(map(json.dumps, rows)))
    dev = script.read(tmp_path / "dev.jsonl")
    history, future = script.training_windows(tmp_path / "demand.csv", dev)
    assert history.shape[1] == 336 and future.shape == (len(history), 48) and future[-1, -1] == series[999]
    forecasts = script.forecasts((history, future), dev, dev[0])
    assert (
        np.allclose(forecasts["last_week"][0], series[1000:1048]) and (forecasts["last_value"][0] == series[1335]).all()
    )
    assert np.abs(forecasts["ridge"] - dev[1]).mean() < np.abs(forecasts["last_value"] - dev[1]).mean()


def test_the_run_file() -> None:
    assert isinstance(read_run(RECIPE / "run.toml").run.task, Forecast)

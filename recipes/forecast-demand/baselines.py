"""Forecasts without a network for the windows of the run's own test set: last value, same time last week, linear.

    python baselines.py [RUN]

RUN is the folder of the run (default: runs/run), whose test.jsonl and training windows are used. The linear model is ridge
regression from all steps of the history to all steps of the future; dev chooses its penalty. Each writes its forecasts to
data/NAME.txt, a line for each window, for `transduce evaluate RUN --compare`.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge

WEEK = 336
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
Windows = tuple[np.ndarray, np.ndarray]  # histories and futures, a row each


def read(path: Path) -> Windows:
    """The windows of dev.jsonl or test.jsonl."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    history, future = (np.array([list(map(float, row[key].split())) for row in rows]) for key in ("history", "future"))
    return history, future


def training_windows(table: Path, dev: Windows) -> Windows:
    """Every window of the series that ends before the first step of dev."""
    with table.open(encoding="utf-8") as file:
        series = np.array([float(row["demand"]) for row in csv.DictReader(file)])
    history, future = dev
    first = np.concatenate([history[0], future[0]])
    windows = np.lib.stride_tricks.sliding_window_view(series, len(first))
    (begin,) = np.flatnonzero((windows == first).all(1))
    windows = windows[: begin - len(first) + 1]
    return windows[:, : history.shape[1]], windows[:, history.shape[1] :]


def forecasts(train: Windows, dev: Windows, history: np.ndarray) -> dict[str, np.ndarray]:
    horizon = dev[1].shape[1]
    mean, deviation = train[0].mean(), train[0].std()

    def fitted(penalty: float) -> Ridge:
        return Ridge(alpha=penalty).fit((train[0] - mean) / deviation, (train[1] - mean) / deviation)

    def predicted(model: Ridge, steps: np.ndarray) -> np.ndarray:
        return model.predict((steps - mean) / deviation) * deviation + mean

    models = {penalty: fitted(penalty) for penalty in PENALTIES}
    penalty = min(PENALTIES, key=lambda each: np.abs(predicted(models[each], dev[0]) - dev[1]).mean())
    print(f"ridge: penalty {penalty:g} is best on dev")
    return {
        "last_value": np.repeat(history[:, -1:], horizon, axis=1),
        "last_week": history[:, -WEEK : horizon - WEEK],
        "ridge": predicted(models[penalty], history),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures forecasts without a network.")
    here = Path(__file__).parent
    parser.add_argument("run", type=Path, nargs="?", default=here / "runs" / "run", help="folder of the run")
    run = parser.parse_args().run
    dev, (history, future) = read(run / "dev.jsonl"), read(run / "test.jsonl")
    train = training_windows(here / "data" / "demand.csv", dev)
    print(f"{len(train[0]):,} windows to train on, {len(history):,} to test on")
    for name, predictions in forecasts(train, dev, history).items():
        error = predictions - future
        print(f"{name:<12} MAE {np.abs(error).mean():8.1f}   RMSE {np.sqrt((error**2).mean()):8.1f}")
        lines = (" ".join(f"{number:.7g}" for number in row) + "\n" for row in predictions)
        (here / "data" / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

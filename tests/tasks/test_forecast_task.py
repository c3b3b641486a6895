"""Forecast: windows as tensors, the loss, predictions in the units of the data; metrics by hand and by scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from torch import Tensor, nn

from picture_toy import TinySeries
from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.data.records import Record
from transduce.data.series_column import Series, Standardised, numbers_of, text_of
from transduce.decoding.config import Generation
from transduce.evaluation.metric import measure
from transduce.evaluation.metrics import METRICS
from transduce.models.folder import ModelConfig
from transduce.models.model import Model
from transduce.networks.presets import encoder_only_tiny
from transduce.tasks.forecast import Forecast
from transduce.tasks.outputs import LineError
from transduce.tasks.task import gives_probabilities

TASK = Forecast(("level", "slope"), history=4, horizon=2)
VALUES = Standardised(("level", "slope"), (50.0, 1.0), (10.0, 2.0))
PROCESSORS = Processors({"history": VALUES, "future": VALUES})


class LastStep(nn.Module):
    """Repeats the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, history: Tensor) -> Tensor:
        return self.scale * history[:, -1:].expand(-1, 2, -1)


def model(task: Forecast = TASK) -> Model:
    return Model(ModelConfig(task, TinySeries()), LastStep().eval(), PROCESSORS, Generation())


def rows(count: int) -> Rows:
    draw = np.random.default_rng(0)
    history = [draw.normal(size=8).astype(np.float32) for _ in range(count)]
    future = [draw.normal(size=4).astype(np.float32) for _ in range(count)]
    return Rows(0, 0, {"history": history, "future": future}, np.arange(count))


def test_a_batch_has_steps_and_variables() -> None:
    given = rows(3)
    batch = TASK.batch(given, PROCESSORS, seed=0)
    assert batch.history.shape == (3, 4, 2) and batch.future.shape == (3, 2, 2)
    assert batch.history[1, 2].tolist() == given.columns["history"][1][4:6].tolist()
    assert TASK.cost({"history": np.array([8, 8])}).main.tolist() == [6, 6]


@pytest.mark.parametrize("relative", [False, True])
def test_the_loss_is_the_squared_error(relative: bool) -> None:
    task = replace(TASK, relative=relative)
    batch, network = task.batch(rows(3), PROCESSORS, seed=0), LastStep()
    loss = task.loss(network, batch, 0.5)
    expected = ((batch.history[:, -1:] - batch.future) ** 2).sum()  # of this network, whatever the level
    assert loss.weight == 12 and torch.allclose(loss.total, expected) and torch.allclose(loss.shown["nll"], expected)


def test_a_forecast_follows_the_level_of_its_history() -> None:
    network, history = TinySeries().build(2, 4, 2), torch.randn(5, 4, 2)
    lower, higher = (TASK._predicted(network, history + level) for level in (0.0, 100.0))
    assert torch.allclose(lower + 100, higher, atol=1e-3)


def test_predictions_are_in_the_units_of_the_data() -> None:
    values = ["20,1 30,2 40,3 50,4 60,5.5", "1,1 2,2 3,3 4,4"]
    records = [Record({"history": value}, "x") for value in values]
    first, second = TASK.predict(model(), records)
    assert first.text == "60,5.5 60,5.5" and first.values == ((60.0, 5.5), (60.0, 5.5)) and first.confidence is None
    assert second.text == "4,4 4,4" and not gives_probabilities(TASK)
    (alone,) = TASK.predict(model(), records[1:])
    assert alone == second
    third, fourth = model().predict([[[1, 2]] * 4, {"history": np.ones((5, 2))}])
    assert np.allclose(third.values, [[1, 2]] * 2) and np.allclose(fourth.values, 1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1,2 1,2 1,2", "the history has 3 steps, the model reads 4"),
        ("1,2 1 1,2 1,2", "wrong number of variables: step 2 has 1 number, expected 2"),
        ("1,2 1,x 1,2 1,2", "not a number"),
        ("1,2 1,nan 1,2 1,2", "not a finite number"),
        ("1,2 1e300,2 1,2 1,2", "number too large: 1e.300 is beyond 1e.100"),
        ("1,2 1,2 1,2 1,1e39", "too far from the training data: slope is 1e.39"),
        ("", "the history has 0 steps"),
    ],
)
def test_histories_that_cannot_be_used(value: str, words: str) -> None:
    records = [Record({"history": "1,2 1,2 1,2 1,2"}, "x"), Record({"history": value}, "y")]
    with pytest.raises(LineError, match=rf"line 2: {words}"):
        list(TASK.predict(model(), records))


def test_steps_before_the_history_are_not_read() -> None:
    good = "1,1 2,2 3,3 4,4"
    first, second = TASK.predict(model(), [Record({"history": value}, "x") for value in (good, f"1,nan x {good}")])
    assert first == second


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            [[1, 2], [3]],
            r"record 1: expected a list of steps, each a list of 2 numbers \(level, slope\), found \[3\] at step 2",
        ),
        ([[1, 2], "x"], "found 'x' at step 2"),
        ([[[1, 2]], [[3, 4]]], r"found an array of the shape \(2, 1, 2\)"),
        ("recent.csv", "not a number: 'recent.csv'; expected numbers, with commas between variables"),
    ],
)
def test_lists_that_are_no_series(given: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        model().predict([given])


def test_a_model_that_has_diverged() -> None:
    own = model()
    with torch.no_grad():
        own.network.scale.fill_(float("nan"))
    with pytest.raises(ValueError, match="predicts NaN or infinity"):
        own.predict([[[1, 2]] * 4])


def test_settings_and_networks() -> None:
    with pytest.raises(ValueError, match="variables must name different columns"):
        Forecast(("a", "a"))
    with pytest.raises(
        ValueError, match="task forecast needs a series-gru or series-transformer network, found encoder-only"
    ):
        TASK.network(encoder_only_tiny(), PROCESSORS)
    with pytest.raises(ValueError, match="there is no calibration"):
        TASK.logits_and_targets(None, TASK.batch(rows(1), PROCESSORS, 0))


# --- values and metrics


def test_numbers_read_back_as_they_are() -> None:
    steps = np.random.default_rng(1).normal(size=(50, 3)) * 10.0 ** np.arange(-6, 9, 6)
    again = numbers_of(text_of(steps), 3)
    assert isinstance(again, np.ndarray) and (again == steps).all()
    assert Series(("a",), 2).value_of([1, 2.5]) == "1 2.5" and Series(("a",), 2).value_of(object()) is None
    standardised = VALUES.standardised(steps[:, :2])
    assert isinstance(standardised, np.ndarray)
    assert np.allclose(VALUES.restored(standardised), steps[:, :2], rtol=1e-5, atol=1e-4)


def test_the_metrics_agree_with_scikit_learn() -> None:
    draw = np.random.default_rng(2)
    predicted, right = draw.normal(size=(20, 6)), draw.normal(size=(20, 6))
    texts, references = (
        [text_of(each.reshape(3, 2)) for each in predicted],
        [[text_of(each.reshape(3, 2))] for each in right],
    )
    assert measure(METRICS["mae"], texts, references).value == pytest.approx(mean_absolute_error(right, predicted))
    score = measure(METRICS["rmse"], texts, references)
    assert score.value == pytest.approx(root_mean_squared_error(right.ravel(), predicted.ravel()))
    assert not score.higher_is_better and str(score).startswith("rmse ")


def test_metrics_of_numbers_by_hand() -> None:
    assert measure(METRICS["mae"], ["1 2", "5"], [["2 4"], ["5"]]).value == 1
    assert measure(METRICS["rmse"], ["1 2", "5"], [["2 4"], ["5"]]).value == pytest.approx((5 / 3) ** 0.5)
    with pytest.raises(ValueError, match="prediction 2 has 1 number, but its reference has 2"):
        measure(METRICS["mae"], ["1", "5"], [["2"], ["5 6"]])
    with pytest.raises(ValueError, match=r"reference 1 must list numbers such as 1\.5 2\.25, found 'cat'"):
        measure(METRICS["mae"], ["1"], [["cat"]])

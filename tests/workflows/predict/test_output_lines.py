"""How translations are written, and notes on long streams."""

import json
import math

import pytest

import tiny_model
from transduce.models.model import Model, load
from transduce.tasks.outputs import Output
from transduce.workflows.predict.line_batches import Line
from transduce.workflows.predict.notes import Notes
from transduce.workflows.predict.output_lines import Columns, Json

LINE = Line(7, "f:7", "bar")
TWO = [
    Output("a b", -0.5, -1.0, ids=(5, 6), token_log_probabilities=(-0.25, -0.25, -0.5)),
    Output("a\nc", -2.0, -4.0, ended=False, ids=(5, 7), token_log_probabilities=(-2.0, -2.0)),
]
BLANK = [Output("", 0.0, 0.0)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(tiny_model.write(tmp_path_factory.mktemp("tiny")), "cpu")


@pytest.mark.parametrize(
    ("columns", "expected", "blank"),
    [
        (Columns(), "a b\na c\n", "\n"),
        (Columns(ranked=True), "7\t1\t-0.500000\ta b\n7\t2\t-2.000000\ta c\n", "7\t1\t0.000000\t\n"),
        (Columns(confidence=True), f"{math.exp(-1 / 3):.4f}\ta b\n0.1353\ta c\n", "1.0000\t\n"),
        (
            Columns(ranked=True, confidence=True),
            "7\t1\t-0.500000\t0.7165\ta b\n7\t2\t-2.000000\t0.1353\ta c\n",
            "7\t1\t0.000000\t1.0000\t\n",
        ),
    ],
)
def test_columns(columns: Columns, expected: str, blank: str) -> None:
    assert columns(LINE, TWO) == expected
    assert columns(LINE, BLANK) == blank


def test_json_tells_everything_of_a_models_output(model: Model) -> None:
    outputs = model.translate_n_best(["bar dar"], beam=2, n_best=2)[0]
    rows = [json.loads(row) for row in Json(("de",))(LINE, outputs).splitlines()]
    for rank, (row, output) in enumerate(zip(rows, outputs, strict=True), 1):
        assert (row["line"], row["rank"], row["text"], row["score"]) == (7, rank, output.text, output.score)
        assert (row["ended"], row["source_cut"], row["tags"]) == (output.ended, False, ["de"])
        pieces = [token["piece"] for token in row["tokens"]]
        assert " ".join(piece for piece in pieces if piece != "</s>") == output.text
        logs = [math.log(token["probability"]) for token in row["tokens"]]
        assert row["confidence"] == pytest.approx(math.exp(sum(logs) / len(logs)))
        assert sum(logs) == pytest.approx(output.log_probability)


def test_json_keeps_any_text_on_one_line_and_has_no_infinity() -> None:
    impossible = Output("ü\n\u2028", -math.inf, -math.inf)
    text = Json()(LINE, [impossible])
    assert text.count("\n") == 1
    row = json.loads(text)
    assert (row["text"], row["score"], row["confidence"], row["tokens"]) == ("ü\n\u2028", None, 0.0, [])


def test_the_first_notes_of_a_kind_are_logged_and_then_counted(caplog: pytest.LogCaptureFixture) -> None:
    with Notes() as notes:
        for number in range(1, 13):
            notes.add("sources cut", f"f:{number}", "too long")
        notes.add("others", "f:99", "odd")
        assert caplog.messages == [*(f"f:{number}: too long" for number in range(1, 11)), "f:99: odd"]
    assert caplog.messages[11:] == ["sources cut: 12 in all, the first 10 of them above"]

"""Streams of lines: the same outputs as the model's own, in order; what is said and what is refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import tiny_model
from transduce.workflows.line_batches import Line
from transduce.workflows.model import Model, Translation, load
from transduce.workflows.translate import Wanted, translate_stream

PLAIN = Wanted()
SOURCES = ["bar", "", "  ", "dar kus", "mit dar bis kos", "nut"]
LONG = " ".join(tiny_model.WORDS[:60])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(tiny_model.write(tmp_path_factory.mktemp("tiny")), "cpu")


def stream(model: Model, batches: Sequence[Sequence[str]], wanted: Wanted = PLAIN) -> tuple[list[str], list[str]]:
    """What was written, batch by batch, and what was said."""
    written: list[str] = []
    said: list[str] = []
    number, numbered = 0, []
    for batch in batches:
        numbered.append([Line(number + place, f"f:{number + place}", text) for place, text in enumerate(batch, 1)])
        number += len(batch)
    translate_stream(model, numbered, written.append, said.append, wanted)
    return written, said


def test_each_batch_is_written_as_the_model_translates_it(model: Model) -> None:
    written, said = stream(model, [SOURCES[:2], SOURCES[2:]])
    expected = model.translate(SOURCES)
    assert len(set(expected)) == 5  # the outputs tell the sources apart, but for the two blank ones
    assert written == ["".join(f"{text}\n" for text in part) for part in (expected[:2], expected[2:])]
    assert expected[1:3] == ["", ""]
    assert said == []


def test_n_best_lines_name_line_rank_and_score(model: Model) -> None:
    written, _ = stream(model, [SOURCES[:2], SOURCES[2:]], Wanted(n_best=3))
    expected = model.translate_n_best(SOURCES, n_best=3)
    places = [
        (number, rank, output) for number, outputs in enumerate(expected, 1) for rank, output in enumerate(outputs, 1)
    ]
    for line, (number, rank, output) in zip("".join(written).splitlines(), places, strict=True):
        *start, score, text = line.split("\t")
        assert (start, text) == ([str(number), str(rank)], output.text)
        assert float(score) == pytest.approx(output.score, abs=1e-5)  # other neighbours in the batch, other rounding
    assert [len(outputs) for outputs in expected] == [3, 1, 1, 3, 3, 3]
    one_best, _ = stream(model, [["bar"]], Wanted(beam=3, n_best=1))
    assert one_best[0].startswith("1\t1\t-")


def test_a_translation_is_one_line_whatever_the_model_says(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def says(lines: Sequence[str], *rest: Any) -> list[list[Translation]]:
        return [[Translation("a\nb\r\nc\u2028d\te", -1.0, -1.0)] for _ in lines]

    monkeypatch.setattr(model, "translate_n_best", says)
    assert stream(model, [["x"]])[0] == ["a b  c\u2028d\te\n"]
    assert stream(model, [["x"]], Wanted(n_best=1))[0] == ["1\t1\t-1.000000\ta b  c\u2028d\te\n"]


def test_a_long_source_is_cut_and_that_is_said(model: Model) -> None:
    beginning = " ".join(tiny_model.WORDS[: tiny_model.MAX_SOURCE - 1])
    written, said = stream(model, [["bar", LONG, "nut"]])
    assert written == ["".join(f"{text}\n" for text in model.translate(["bar", beginning, "nut"]))]
    assert said == [
        "f:2: the source is longer than the 40 tokens that this model takes; only its beginning was translated"
    ]


def test_a_long_source_can_be_refused_and_loses_nothing_before_it(model: Model) -> None:
    written: list[str] = []
    batches = [[Line(1, "f:1", "bar")], [Line(2, "f:2", "lot"), Line(3, "f:3", LONG), Line(4, "f:4", "nut")]]
    with pytest.raises(ValueError, match=r"^f:3: the source is longer than the 40 tokens"):
        translate_stream(model, batches, written.append, print, Wanted(long="refuse"))
    assert written == [f"{text}\n" for text in model.translate(["bar", "lot"])]


def test_progress_counts_every_line(model: Model) -> None:
    done: list[int] = []
    batch = [Line(number, f"f:{number}", text) for number, text in enumerate(SOURCES, 1)]
    translate_stream(model, [batch], lambda text: None, print, progress=done.append)
    assert sum(done) == len(SOURCES)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted(beam=0), "beam must be 1 to 1,000, found 0"),
        (Wanted(n_best=0), "n-best must be 1 to 1,000,000, found 0"),
        (Wanted(beam=2, n_best=3), r"n-best must be at most beam \(2\), found 3"),
    ],
)
def test_settings_that_cannot_be_are_refused(model: Model, wanted: Wanted, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stream(model, [["bar"]], wanted)


def test_the_folder_of_a_run_stands_for_its_model(tmp_path: Path) -> None:
    from transduce.workflows.model_folder import find_model

    run = tmp_path / "runs" / "first"
    run.mkdir(parents=True)
    (run / "run.toml").touch()
    with pytest.raises(ValueError, match="this run has no model yet"):
        find_model(run)
    (run / "model").mkdir()
    assert find_model(run) == run / "model"
    with pytest.raises(ValueError, match=f"no such model folder; did you mean {run}"):
        find_model(tmp_path / "runs" / "frist")
    with pytest.raises(ValueError, match="holds neither a model"):
        find_model(tmp_path)
    with pytest.raises(ValueError, match="is a file"):
        find_model(run / "run.toml")

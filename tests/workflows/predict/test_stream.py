"""Streams of lines: the same outputs as the model's own, in order; what is said and what is refused."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tiny_model
from transduce.decoding.strategies.sampling import Sampling
from transduce.models.model import Model, load
from transduce.tasks.outputs import LineError, Output
from transduce.terminal import messages_on_stderr
from transduce.workflows.predict.line_batches import Line
from transduce.workflows.predict.method import Method
from transduce.workflows.predict.notes import Notes
from transduce.workflows.predict.output_lines import Columns
from transduce.workflows.predict.stream import LineFormat, LineOptions, Stream, best_text, translate_stream

SOURCES = ["bar", "", "  ", "dar kus", "mit dar bis kos", "nut"]
LONG = " ".join(tiny_model.WORDS[:60])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(tiny_model.write(tmp_path_factory.mktemp("tiny")), "cpu")


def searched(model: Model, long: str = "cut", line_format: LineFormat = best_text, **changes: Any) -> LineOptions:
    return LineOptions(Method(model.decoding(**changes)), long=long, line_format=line_format)


def numbered(texts: Sequence[str], first: int = 1) -> list[Line]:
    return [Line(number, f"f:{number}", text) for number, text in enumerate(texts, first)]


def stream(model: Model, batches: Sequence[Sequence[str]], line_options: LineOptions | None = None) -> list[str]:
    """The text written for each batch."""
    written: list[str] = []
    number, lines = 1, []
    for batch in batches:
        lines.append(numbered(batch, number))
        number += len(batch)
    translate_stream(model, lines, written.append, line_options or searched(model))
    return written


def test_each_batch_is_written_as_the_model_translates_it(model: Model) -> None:
    written = stream(model, [SOURCES[:2], SOURCES[2:]])
    expected = model.translate(SOURCES)
    assert len(set(expected)) >= 4  # the outputs tell most sources apart
    assert written == ["".join(f"{text}\n" for text in part) for part in (expected[:2], expected[2:])]
    assert expected[1:3] == ["", ""]


def test_n_best_lines_name_line_rank_and_score(model: Model) -> None:
    written = stream(model, [SOURCES[:2], SOURCES[2:]], searched(model, n_best=3, line_format=Columns(ranked=True)))
    expected = model.translate_n_best(SOURCES, n_best=3)
    places = [
        (number, rank, output) for number, outputs in enumerate(expected, 1) for rank, output in enumerate(outputs, 1)
    ]
    for line, (number, rank, output) in zip("".join(written).splitlines(), places, strict=True):
        *start, score, text = line.split("\t")
        assert (start, text) == ([str(number), str(rank)], output.text)
        assert float(score) == pytest.approx(output.score, abs=1e-5)  # other neighbours in the batch, other rounding
    assert [len(outputs) for outputs in expected] == [3, 1, 1, 3, 3, 3]
    one_best = stream(model, [["bar"]], searched(model, beam=3, line_format=Columns(ranked=True)))
    assert one_best[0].startswith("1\t1\t-")


def test_a_translation_is_one_line_whatever_the_model_says(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def says(method: Method, model: Model, lines: Sequence[str], **rest: Any) -> Iterator[tuple[int, list[Output]]]:
        return ((place, [Output("a\nb\r\nc\u2028d\te", -1.0, -1.0)]) for place in range(len(lines)))

    monkeypatch.setattr(Method, "outputs", says)
    assert stream(model, [["x"]]) == ["a b  c\u2028d\te\n"]
    assert stream(model, [["x"]], searched(model, line_format=Columns(ranked=True))) == [
        "1\t1\t-1.000000\ta b  c\u2028d\te\n"
    ]


def test_a_long_source_is_cut_with_a_warning(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    beginning = " ".join(tiny_model.WORDS[: tiny_model.MAX_SOURCE - 1])
    written = stream(model, [["bar", LONG, "nut"]])
    assert written == ["".join(f"{text}\n" for text in model.translate(["bar", beginning, "nut"]))]
    assert [text for text in caplog.messages if "longest length" not in text] == [
        "f:2: the source is longer than the 40 tokens that this model takes; only its beginning was translated"
    ]


def test_a_long_source_can_be_refused_and_loses_nothing_before_it(model: Model) -> None:
    written: list[str] = []
    batches = [[Line(1, "f:1", "bar")], [Line(2, "f:2", "lot"), Line(3, "f:3", LONG), Line(4, "f:4", "nut")]]
    with pytest.raises(ValueError, match=r"^f:3: the source is longer than the 40 tokens"):
        translate_stream(model, batches, written.append, searched(model, long="refuse"))
    assert written == [f"{text}\n" for text in model.translate(["bar", "lot"])]


def test_the_bar_counts_every_line(
    model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("transduce.terminal.LINE_SECONDS", 0.0)
    with messages_on_stderr():
        translate_stream(model, [numbered(SOURCES)], lambda text: None, searched(model), len(SOURCES))
    assert f"{len(SOURCES)}/{len(SOURCES)} [" in capsys.readouterr().err


def test_outputs_that_are_cut_are_named_at_first_and_then_counted(
    model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    line_options = searched(model, beam=1, max_length=1, min_length=1, no_repeat_ngram=0)
    lines = numbered(["bar dar"] * 14 + [""])
    outputs = [found[0] for _, found in sorted(line_options.method.outputs(model, [line.text for line in lines]))]
    assert [output.ended for output in outputs] == [False] * 14 + [True]
    translate_stream(model, [lines[:5], lines[5:]], lambda text: None, line_options)
    cut = [f"f:{number}: the output was cut at its longest length" for number in range(1, 11)]
    assert caplog.messages == [*cut, "outputs cut at their longest length: 14 in all, the first 10 of them above"]


def test_draws_go_on_from_batch_to_batch(model: Model) -> None:
    def draws(batches: Sequence[Sequence[str]]) -> list[str]:
        """Texts without their scores, whose last digit may differ with the neighbours in a batch."""
        line_options = searched(model, sampling=Sampling(), n_best=2, line_format=Columns(ranked=True))
        return [row.split("\t")[3] for row in "".join(stream(model, batches, line_options)).splitlines()]

    whole = draws([SOURCES * 2])
    assert len(set(whole)) > 10
    assert draws([SOURCES[:1], SOURCES[1:] + SOURCES[:2], SOURCES[2:]]) == whole


def test_prefixes_begin_outputs(model: Model) -> None:
    lines = [
        replace(line, prefix=prefix)
        for line, prefix in zip(numbered(["bar", "", "nut"]), ["lot", "x", ""], strict=True)
    ]
    written: list[str] = []
    translate_stream(model, [lines], written.append, searched(model))
    first, second, third = "".join(written).splitlines()
    assert first.startswith("lot ")
    assert (second, third) == ("", model.translate(["nut"])[0])


def test_a_prefix_that_leaves_no_room_is_named_after_everything_before_it(model: Model) -> None:
    lines = [replace(line, prefix="lot lot lot") for line in numbered(["", "bar", "nut"])]
    lines[0] = replace(lines[0], text="dar", prefix="lot")
    written: list[str] = []
    with pytest.raises(ValueError, match=r"^f:2: the prefix has 3 tokens, but the output may have at most 3, its end"):
        translate_stream(model, [lines], written.append, searched(model, max_length=3))
    assert len(written) == 1 and written[0].startswith("lot ")


def test_an_unknown_tag_is_refused_before_anything_is_read(model: Model) -> None:
    def batches() -> Iterator[list[Line]]:
        raise AssertionError("read")
        yield []

    with pytest.raises(ValueError, match="tag 'de'"):
        translate_stream(model, batches(), print, replace(searched(model), tags=("de",)))


def test_what_stands_beside_hears_every_batch(model: Model) -> None:
    heard: list[tuple[int, str]] = []

    def beside(lines: Sequence[Line], outputs: Sequence[Sequence[Output]]) -> None:
        heard.extend((line.number, found[0].text) for line, found in zip(lines, outputs, strict=True))

    batches = [numbered(SOURCES[:2]), numbered(SOURCES[2:], 3)]
    translate_stream(model, batches, lambda text: None, searched(model), beside=beside)
    assert heard == list(enumerate(model.translate(SOURCES), 1))


def test_the_folder_of_a_run_stands_for_its_model(tmp_path: Path) -> None:
    from transduce.models.find import find_model

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


def test_folders_beside_a_model_are_told_for_what_they_are(tmp_path: Path) -> None:
    from transduce.models.find import find_model

    run = tmp_path / "runs" / "first"
    checkpoint = run / "checkpoints" / "step-00000010"
    checkpoint.mkdir(parents=True)
    for path in (run / "run.toml", checkpoint / "state.json", checkpoint / "manifest.json"):
        path.touch()
    with pytest.raises(ValueError, match=f"step-00000010: is a checkpoint, .* the model is in the run's folder, {run}"):
        find_model(checkpoint)
    with pytest.raises(ValueError, match=f"checkpoints: holds checkpoints, .* the model is in the run's folder, {run}"):
        find_model(run / "checkpoints")
    with pytest.raises(ValueError, match=f"runs: holds runs; name one of them: {run}$"):
        find_model(tmp_path / "runs")
    (run / "model").mkdir()
    for name in ("manifest.json", "model.safetensors"):
        (run / "model" / name).touch()
    with pytest.raises(ValueError, match="did you mean the folder that it is in"):
        find_model(run / "model" / "model.safetensors")


def test_two_prefixes_that_cannot_be_are_refused_by_the_first(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown words are found in all lines before any length is looked at."""
    lines = numbered(["bar", "nut", "kus", "mit"])
    outputs = Stream._outputs

    def refuses(self: Stream, batch: list[Line], progress: object) -> object:
        for place, what in ((3, "an unknown word"), (1, "too long")):
            if place < len(batch):
                raise LineError(place, what)
        return outputs(self, batch, progress)  # type: ignore[arg-type]

    monkeypatch.setattr(Stream, "_outputs", refuses)
    found, refusal = Stream(model, searched(model), Notes()).translate(lines)
    assert len(found) == 1 and str(refusal) == f"{lines[1].where}: too long"


def test_says_where_there_are_fewer_outputs_than_n_best(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    """One token at most: each of the words, or the end at once."""
    options = searched(model, line_format=Columns(ranked=True), max_length=1, n_best=200)
    rows = "".join(stream(model, [["bar", ""]], options)).splitlines()
    count = len(tiny_model.WORDS) + 1
    assert len(rows) == count + 1, "and the blank line"
    note = f"f:1: n-best is 200, but only {count} different outputs can be written within the longest length"
    assert note in caplog.messages and not any("f:2" in message for message in caplog.messages)

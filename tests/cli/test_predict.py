"""`transduce predict`: lines, tables and pipes, with a model of each task."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

import tiny_model
import tiny_tasks
import transduce
from transduce.cli import streams
from transduce.cli.main import main
from transduce.machine.devices import Devices
from transduce.models.model import Model

TEXTS = ["bar", "", "dar kus", "mit dar bis kos", "nut"]
TASKS = ("translation", "language-model", "classification")
KEYS = {"translation": "source", "language-model": "text", "classification": "text"}
ANSWERS = {"translation": "target", "classification": "label"}
TAGS = "--tag is not given; the model knows de, fr\n"
SKIPPED = r"warning: \S+: 1 blank line skipped\n"
PATIENCE = 120  # seconds: importing torch on a busy machine
Run = Callable[..., str]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    tags = ("de", "fr")
    return {
        "translation": tiny_model.write(root / "translation", tags=tags),
        "language-model": tiny_tasks.write_language_model(root / "language-model", context=12, tags=tags),
        "classification": tiny_tasks.write_classifier(root / "classification", tags=tags),
    }


@pytest.fixture(scope="module")
def models(folders: dict[str, Path]) -> dict[str, Model]:
    return {task: transduce.load(folder, "cpu") for task, folder in folders.items()}


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transduce.machine.devices.devices_of_machine", Devices)


@pytest.fixture
def run(folders: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> Run:
    """What the command writes; with `code`, what it says."""

    def predict(task: str, *arguments: str, code: int = 0) -> str:
        assert main(["predict", str(folders[task]), *arguments]) == code
        out, err = capfd.readouterr()
        err = err.replace(TAGS, "")
        assert code or err == "" or re.fullmatch(SKIPPED, err)
        return err if code else out

    return predict


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts a file in the place of standard input."""
    with ExitStack() as stack:
        yield lambda path: monkeypatch.setattr(sys, "stdin", stack.enter_context(open(path)))


def write(path: Path, content: str) -> str:
    path.write_text(content, encoding="utf-8")
    return str(path)


def expected(model: Model, texts: Sequence[str] = TEXTS) -> str:
    return "".join(f"{each.text}\n" for each in model.predict(texts))


@pytest.mark.parametrize("task", TASKS)
def test_a_line_for_each_line(
    run: Run, models: dict[str, Model], task: str, tmp_path: Path, stdin: Callable[[str], None]
) -> None:
    first, last = write(tmp_path / "first.txt", "\n".join(TEXTS[:2]) + "\n"), write(tmp_path / "last", TEXTS[4])
    middle = write(tmp_path / "middle", "\r\n".join(TEXTS[2:4]))
    stdin(middle)
    out = run(task, first, "-", last)
    assert out == expected(models[task])
    assert len(set(out.splitlines())) > 1  # the inputs decide
    stdin(first)
    assert run(task) == expected(models[task], TEXTS[:2])


@pytest.mark.parametrize("task", TASKS)
def test_tables_with_and_without_the_answer(run: Run, models: dict[str, Model], task: str, tmp_path: Path) -> None:
    texts = [text or " " for text in TEXTS]
    key = KEYS[task]
    for answer in {None, ANSWERS.get(task)}:
        columns = [key] if answer is None else [key, answer]
        rows = [[text, "kus"][: len(columns)] for text in texts]
        jsonl = "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows)
        csv = "\n".join([",".join(columns), *(",".join(f'"{cell}"' for cell in row) for row in rows)])
        tsv = "".join("\t".join(row) + "\n" for row in rows)
        assert run(task, write(tmp_path / "t.jsonl", jsonl)) == expected(models[task], texts)
        shown = texts if answer is not None else [text for text in texts if text.strip()]  # a blank line is no row
        assert run(task, write(tmp_path / "t.csv", csv)) == expected(models[task], shown)
        assert run(task, write(tmp_path / "t.tsv", tsv)) == expected(models[task], shown)


def test_an_answer_that_is_missing_or_unknown_is_no_matter(run: Run, tmp_path: Path) -> None:
    rows = '{"text": "bar", "label": "none of the three"}\n{"text": "nut", "label": ""}\n{"text": "dar", "label": 3}\n'
    assert run("classification", write(tmp_path / "t.jsonl", rows)).count("\n") == 3
    assert run("translation", write(tmp_path / "t.tsv", "bar\tmit\nnut\t\n")).count("\n") == 2


@pytest.mark.parametrize("task", TASKS)
def test_records_have_tags(run: Run, models: dict[str, Model], task: str, tmp_path: Path) -> None:
    rows = [{KEYS[task]: text, "tags": [tag]} for text in ("bar", "dar kus", "mit nut") for tag in ("de", "fr")]
    path = write(tmp_path / "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    out = run(task, path)
    assert out == "".join(f"{each.text}\n" for each in models[task].predict(rows))
    assert any(first != second for first, second in zip(out.splitlines()[::2], out.splitlines()[1::2], strict=True))
    unknown = write(tmp_path / "u.jsonl", json.dumps({KEYS[task]: "bar", "tag": "xx"}))
    assert f"{unknown}:1: unknown tag 'xx'; known: de, fr" in run(task, unknown, code=2)


def test_json_has_confidence_and_the_probability_of_each_label(
    run: Run, models: dict[str, Model], tmp_path: Path
) -> None:
    path = write(tmp_path / "f", "\n".join(TEXTS))
    for task in TASKS:
        rows = [json.loads(line) for line in run(task, path, "--json").splitlines()]
        predictions = models[task].predict(TEXTS)
        assert [row["text"] for row in rows] == [each.text for each in predictions]
        assert [row["confidence"] for row in rows] == pytest.approx([each.confidence for each in predictions])
        assert ("probabilities" in rows[0]) == (task == "classification")
    for row in rows:
        assert row["probabilities"].keys() == {*tiny_tasks.LABELS}
        assert sum(row["probabilities"].values()) == pytest.approx(1)
        assert row["confidence"] == max(row["probabilities"].values()) == row["probabilities"][row["text"]]


def test_a_line_break_in_an_output_is_a_space(run: Run, tmp_path: Path) -> None:
    out = run("language-model", write(tmp_path / "t.jsonl", json.dumps({"text": "bar\nnut"})))
    assert out.count("\n") == 1


@pytest.mark.parametrize("name", ["f", "f.jsonl"])
def test_a_record_that_is_refused_is_named_after_everything_before_it(
    folders: dict[str, Path], models: dict[str, Model], tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = ["bar", "nut", "bar " * 20, "nut", "dar " * 30]
    shown = [json.dumps({"text": text}) for text in texts] if name == "f.jsonl" else texts
    path = write(tmp_path / name, "\n".join(shown))
    assert main(["predict", str(folders["language-model"]), path]) == 2
    out, err = capfd.readouterr()
    assert out == expected(models["language-model"], texts[:2])
    assert err.endswith(
        f"error: {path}:3: the prompt has 20 tokens, but this model takes at most 11: shorten the prompt; --bad-lines blank "
        "gives a blank line for it and continues (2 predictions written before it)\n"
    )


def test_a_source_that_is_cut_is_said(
    folders: dict[str, Path], models: dict[str, Model], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "f", "bar\n" + "bar " * 60)
    assert main(["predict", str(folders["translation"]), path]) == 0
    out, err = capfd.readouterr()
    assert out == expected(models["translation"], ["bar", "bar " * 60])
    long = "the source is longer than the 40 tokens that this model takes; its beginning was used"
    assert err == f"{TAGS}warning: {path}:2: {long}\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.jsonl", '{"txt": "bar"}\n', ':1: missing key (no "text"; the keys are "txt")'),
        ("t.jsonl", '{"text": "bar"}\n[\n', ":2: not JSON"),
        ("t.csv", "texts,label\nbar,plant\n", "has no column 'text'; did you mean 'texts'?"),
        ("t.tsv", "bar\tplant\ta\tde\tb\n", ":1: wrong number of columns (expected text"),
        ("f", "b\0r\n", ":1: NUL character"),
        ("t.jsonl.gz", "{}", "is not compressed"),
    ],
)
def test_mistakes_name_file_and_line(run: Run, tmp_path: Path, name: str, content: str, message: str) -> None:
    path = write(tmp_path / name, content)
    err = run("classification", path, code=2)
    assert path in err and message in err and err.count("\n") == 1


def test_columns_of_lines_of_text_are_refused(run: Run, tmp_path: Path) -> None:
    err = run("classification", "--columns", "text=description", write(tmp_path / "docs.txt", "bar\n"), code=2)
    assert "--columns is for .csv and .jsonl files" in err


def test_only_the_model_is_required(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["predict"]) == 2
    assert capfd.readouterr().err == (
        "transduce: error: the following arguments are required: MODEL; see transduce predict --help\n"
    )


def test_a_record_that_cannot_be_used_gives_a_blank_line_if_asked(
    folders: dict[str, Path], models: dict[str, Model], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = ["bar", "bar " * 20, "nut", "dar " * 30, "dar"]
    path = tmp_path / "f"
    path.write_bytes("\n".join(texts).encode() + b"\n\xff\n")
    first, last, end = expected(models["language-model"], ["bar", "nut", "dar"]).splitlines()
    command = ["predict", str(folders["language-model"]), str(path), "--bad-lines", "blank"]
    assert main(command) == 0
    out, err = capfd.readouterr()
    assert out.splitlines() == [first, "", last, "", end, ""]
    assert all(f"warning: {path}:{number}: " in err for number in (2, 4, 6)) and "invalid UTF-8" in err
    assert main([*command, "--json"]) == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [row.get("text") for row in rows] == [first, None, last, None, end, None]
    assert rows[1]["error"].startswith(f"{path}:2: the prompt has 20 tokens")


@pytest.mark.parametrize(("name", "content"), [("t.csv", "text,label\n"), ("t.tsv", "\n"), ("t.jsonl", "\n")])
def test_a_table_without_rows(run: Run, tmp_path: Path, name: str, content: str) -> None:
    path = write(tmp_path / name, content)
    assert f"{path}: has no rows to predict for" in run("classification", path, code=2)


def test_a_name_that_is_neither_a_file_nor_a_folder(run: Run) -> None:
    assert "nothere/: no such file or folder" in run("classification", "nothere/", code=2)


def test_a_terminal_gets_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    streams.write("a\x1b[31m\tred\n")
    assert terminal.getvalue() == "a\\x1b[31m\tred\n"


def test_every_file_is_looked_for_before_the_model(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["predict", "no-model", write(tmp_path / "f", "bar"), "none.jsonl"]) == 2
    assert capfd.readouterr() == ("", "transduce: error: none.jsonl: no such file or folder\n")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_pipe_gets_each_line_back_before_it_sends_the_next(
    folders: dict[str, Path], models: dict[str, Model]
) -> None:
    labels = [each.text for each in models["classification"].predict(["bar", "dar kus"])]
    command = [sys.executable, "-m", "transduce", "predict", str(folders["classification"]), "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=environment, stdin=-1, stdout=-1, stderr=-1) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"bar\n")
        process.stdin.flush()
        assert process.stdout.readline().decode() == f"{labels[0]}\n"
        out, err = process.communicate(b"dar kus\n", timeout=PATIENCE)
    assert (out.decode(), err.decode(), process.returncode) == (f"{labels[1]}\n", TAGS, 0)


@pytest.mark.parametrize("task", ["translation", "classification"])
def test_tags_at_the_end_of_a_table_without_answers(
    task: str, run: Run, models: dict[str, Model], tmp_path: Path
) -> None:
    """The group before them is no answer, and they are no group: the model knows them."""
    texts, tags = TEXTS[:1] + TEXTS[2:], ["de", "fr", "de fr", ""]
    rows = list(zip(texts, tags, strict=True))
    records = [{KEYS[task]: text, "tags": each.split()} for text, each in rows]
    predictions = "".join(f"{each.text}\n" for each in models[task].predict(records))
    bare = write(tmp_path / "bare.tsv", "".join(f"{text}\tbook\t{each}\n" for text, each in rows))
    whole = write(tmp_path / "whole.tsv", "".join(f"{text}\tx\tbook\t{each}\n" for text, each in rows))
    assert run(task, bare) == run(task, whole) == predictions
    confidences = [json.loads(line)["confidence"] for line in run(task, bare, "--json").splitlines()]
    assert confidences == pytest.approx([each.confidence for each in models[task].predict(records)])
    assert confidences != pytest.approx([each.confidence for each in models[task].predict(texts)])


def test_a_file_of_another_task_is_named(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "pairs.jsonl", '{"source": "bar", "target": "nut"}\n')
    assert f"the columns of {path} fit task translation, not classification" in run("classification", path, code=2)

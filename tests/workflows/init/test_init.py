"""`transduce init`: the run file that it writes is one that trains, for files of every kind."""

from pathlib import Path

import pytest

from transduce.workflows.init.run import init
from transduce.workflows.train.run_file import read_run

PAIRS = [f"source {number}\ttarget {number * 7}" for number in range(100)]


def write(folder: Path, name: str, lines: list[str]) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def started(out: Path, *files: Path, task: str | None = None) -> tuple[str, dict[str, object]]:
    """Task and [data] of the run file for some files, as a run reads it."""
    text = init(files, out, task)
    assert out.read_text(encoding="utf-8") == text
    run = read_run(out)
    assert run.data.facts.records > 0
    return run.run.task.name, dict(run.tree["data"])


def test_pairs_in_a_table(tmp_path: Path) -> None:
    task, data = started(tmp_path / "run.toml", write(tmp_path, "pairs.tsv", PAIRS))
    assert task == "translation"
    assert data == {"train": [{"file": "pairs.tsv"}], "split": {"dev": 5, "test": 5}}


def test_aligned_files_and_a_run_file_elsewhere(tmp_path: Path) -> None:
    files = [write(tmp_path / "text", f"a.{side}", [f"{side} {n}" for n in range(50)]) for side in ("en", "de")]
    (tmp_path / "runs").mkdir()
    task, data = started(tmp_path / "runs" / "run.toml", *files)
    assert (task, data["train"]) == ("translation", [{"source": "../text/a.en", "target": "../text/a.de"}])


def test_held_out_files_are_known_by_their_names(tmp_path: Path) -> None:
    files = [write(tmp_path, f"my-{part}.tsv", PAIRS) for part in ("train", "dev", "test")]
    _, data = started(tmp_path / "run.toml", *files)
    assert data == {"train": [{"file": "my-train.tsv"}], "dev": {"file": "my-dev.tsv"}, "test": {"file": "my-test.tsv"}}


def test_columns_tell_the_task_or_get_its_names(tmp_path: Path) -> None:
    reviews = write(tmp_path, "reviews.csv", ["text,label", *(f"a text {n},{'ab'[n % 2]}" for n in range(40))])
    assert started(tmp_path / "a.toml", reviews)[0] == "classification"
    words = write(tmp_path, "words.jsonl", [f'{{"en": "word {n}", "de": "Wort {n}", "tag": "x"}}' for n in range(40)])
    task, data = started(tmp_path / "b.toml", words)
    assert (task, data["train"]) == (
        "translation",
        [{"file": "words.jsonl", "columns": {"source": "en", "target": "de"}}],
    )
    task, data = started(tmp_path / "c.toml", words, task="classification")
    assert data["train"] == [{"file": "words.jsonl", "columns": {"text": "en", "label": "de"}}]


def test_names_that_fit_come_first_and_numbers_of_records_are_no_text(tmp_path: Path) -> None:
    table = write(tmp_path, "table.csv", ["id,source,translation", *(f"{n},word {n},Wort {n}" for n in range(40))])
    _, data = started(tmp_path / "run.toml", table)
    assert data["train"] == [{"file": "table.csv", "columns": {"source": "source", "target": "translation"}}]


def test_a_text_is_for_a_language_model(tmp_path: Path) -> None:
    assert started(tmp_path / "run.toml", write(tmp_path, "plays.txt", ["to be"] * 50))[0] == "language-model"


def test_every_choice_is_a_comment_with_its_reason(tmp_path: Path) -> None:
    text = init([write(tmp_path, "pairs.tsv", PAIRS)], tmp_path / "run.toml")
    assert '# [model]\n# preset = "transformer-mini"\n#     ' in text
    live = text.replace("# [", "[").replace("\n# preset", "\npreset").replace("\n# minutes", "\nminutes")
    (tmp_path / "live.toml").write_text(live, encoding="utf-8")
    assert read_run(tmp_path / "live.toml").run.model.d_model == 128  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("names", "task", "message"),
    [
        (["a.bin"], None, "its name does not tell what is in it"),
        (["missing.tsv"], None, "no such file or folder"),
        (["a-test.tsv"], None, "have the names of held-out sets"),
        (["one.csv"], None, "has the columns x, but task translation needs source and target"),
        (["a.bin"], "poetry", "--task must be one of translation"),
        (["b.tsv"], None, "1 pair; a run needs 3 at least"),
        (["b.tsv", "dev_1.tsv", "dev_2.tsv"], None, "there may be one dev set"),
        (["series.csv"], "forecast", "write the run file by hand"),
    ],
)
def test_mistakes(tmp_path: Path, names: list[str], task: str | None, message: str) -> None:
    for name, line in (
        ("a.bin", "x"),
        ("a-test.tsv", "a\tb"),
        ("one.csv", "x"),
        ("b.tsv", "a\tb"),
        ("series.csv", "p,q\n1,2"),
    ):
        write(tmp_path, name, [line])
    for name in ("dev_1.tsv", "dev_2.tsv"):
        write(tmp_path, name, PAIRS)
    with pytest.raises(ValueError, match=message):
        init([tmp_path / name for name in names], tmp_path / "run.toml", task)


def test_a_run_file_is_never_replaced(tmp_path: Path) -> None:
    pairs, out = write(tmp_path, "pairs.tsv", PAIRS), write(tmp_path, "run.toml", ["mine"])
    with pytest.raises(ValueError, match="exists: give the new run file another name"):
        init([pairs], out)
    assert out.read_text() == "mine\n"

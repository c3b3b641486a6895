"""`transduce evaluate` as a person calls it."""

import io
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import tiny_model
import tiny_tasks
import transduce
from transduce.cli import evaluate_options
from transduce.cli.main import main
from transduce.data import overlap
from transduce.data.keys import text_key
from transduce.evaluation.metrics import USUAL
from transduce.machine.devices import Devices
from transduce.workflows.evaluate.breakdowns import KINDS

SOURCES = ["bar", "", "dar kus", "mit dar bis kos", "nut"]
REFERENCES = ["mit mit", "x", "lot kus", "ler ler", "das"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model.write(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transduce.machine.devices.devices_of_machine", Devices)


@pytest.fixture
def texts(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with sources, references, and outputs of this model and of two other systems; we are in it."""
    monkeypatch.chdir(tmp_path)
    ours = transduce.load(folder, "cpu").translate(SOURCES)
    other = ["mit", "y", "lot", "ler", "das das"]
    files = {"s": SOURCES, "r": REFERENCES, "ours": ours, "other": other, "right": REFERENCES, "short": ours[:2]}
    for name, lines in files.items():
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    rows = zip(SOURCES, REFERENCES, "aabbc", strict=True)
    (tmp_path / "d.tsv").write_text("".join(f"{s or 'kus'}\t{r}\t{g}\n" for s, r, g in rows), encoding="utf-8")
    return tmp_path


def found(capfd: pytest.CaptureFixture[str], *arguments: str) -> dict:  # type: ignore[type-arg]
    assert main(["evaluate", *arguments, "--json"]) == 0
    return json.loads(capfd.readouterr().out)  # type: ignore[no-any-return]


def refused(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["evaluate", *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return err.removeprefix("transduce: error: ").strip()


def test_every_metric_with_its_interval_and_signature(
    folder: str, texts: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", folder, "--source", "s", "--reference", "r", "--reference", "ours"]
    assert main([*arguments, "--output", "out.txt"]) == 0
    rows = {line.split()[0]: re.split("  +", line) for line in capfd.readouterr().out.splitlines()}
    assert rows.keys() == {*(each.name for each in USUAL), "perplexity", "sentences"}
    # the output for the blank source is blank too, so that "ours" has no reference there
    assert rows["exact-match"][1] == "80.00" and rows["exact-match"][-1] == "nrefs:var|refs:any|case:mixed|norm:nfc"
    assert rows["chrf"][-1].startswith("nrefs:var|case:mixed|")
    assert float(rows["perplexity"][1]) > 1
    assert rows["sentences"][1] == "5"
    assert (texts / "out.txt").read_text() == (texts / "ours").read_text()


def test_json_has_the_same(folder: str, texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tree = found(capfd, folder, "--source", "s", "--reference", "ours", "--metrics", "chrf,exact-match")
    assert list(tree["metrics"]) == ["chrf", "exact-match"]
    assert tree["metrics"]["exact-match"]["value"] == 100
    assert tree["metrics"]["exact-match"]["interval"] == [100, 100]
    assert tree["sentences"] == 5
    assert tree["perplexity"] > 1
    alone = found(capfd, folder, "--source", "s", "--reference", "ours", "--metrics", "perplexity")
    assert (alone["metrics"], alone["perplexity"]) == ({}, tree["perplexity"])


def test_alternatives_and_pairs_left_out(folder: str, texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    best = transduce.load(folder, "cpu").translate(["bar"])[0]
    (texts / "d").with_suffix(".tsv").write_text(f"bar\tnot this\nbar\t{best}\n\tnothing\n")
    arguments = [folder, "--data", "d.tsv", "--metrics", "exact-match"]
    assert main(["evaluate", *arguments, "--json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["metrics"]["exact-match"]["value"] == 50
    assert "pairs with an empty column, left out: 1" in err
    tree = found(capfd, *arguments, "--alternatives")
    assert (tree["metrics"]["exact-match"]["value"], tree["sentences"]) == (100, 1)


def test_compared_with_a_model_and_files(folder: str, texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    others = ["--compare", folder, "--compare", "other", "--compare", "ours", "--compare", "right"]
    tree = found(capfd, folder, "--source", "s", "--reference", "r", *others, "--metrics", "chrf,ter")
    by_name = {each["system"]: each["metrics"]["chrf"] for each in tree["comparisons"]}
    assert by_name.keys() == {folder, "other", "ours", "right"}
    assert by_name[folder] == by_name["ours"]
    assert (by_name["ours"]["difference"], by_name["ours"]["randomisation_p"], by_name["ours"]["bootstrap_p"]) == (
        0,
        1,
        1,
    )
    right = by_name["right"]
    assert right["value"] == 100
    assert right["difference"] == pytest.approx(100 - tree["metrics"]["chrf"]["value"])
    assert right["randomisation_p"] == pytest.approx(2 / 2**5, abs=0.02)  # all five differ: one way in 16
    assert tree["draws"] == {"resamples": 1000, "trials": 10_000, "seed": 12345}


def test_an_ensemble_is_one_system(folder: str, texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--source", "s", "--reference", "r", "--metrics", "chrf"]
    alone = found(capfd, folder, *arguments)
    twice = found(capfd, folder, "--ensemble", folder, *arguments, "--report", "page.html")
    assert twice["metrics"] == alone["metrics"]  # the mean of the same probabilities
    assert twice["perplexity"] == pytest.approx(alone["perplexity"])
    assert f"{folder} + {folder}" in (texts / "page.html").read_text(encoding="utf-8")


def test_outputs_without_any_model(texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--outputs", "ours", "--compare", "other", "--reference", "r"]
    tree = found(capfd, *arguments)
    assert tree["metrics"].keys() == {each.name for each in USUAL}
    assert "perplexity" not in tree
    assert main(["evaluate", *arguments, "--worst", "2", "--source", "s"]) == 0
    out = capfd.readouterr().out
    for words in (
        "A  ours\nB  other\n",
        "p (randomisation)",
        "worst sentences, by chrf",
        "most different sentences of A and B",
    ):
        assert words in out


def test_outputs_from_standard_input(
    texts: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_standard_input(name: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((texts / name).read_bytes())))

    on_standard_input("ours")
    tree = found(capfd, "--outputs", "-", "--compare", "other", "--reference", "r")
    assert tree["metrics"] == found(capfd, "--outputs", "ours", "--reference", "r")["metrics"]
    on_standard_input("short")
    assert main(["evaluate", "--outputs", "-", "--reference", "r"]) == 2
    assert "standard input has 2 lines, but r has 5 items" in capfd.readouterr().err


def test_breakdowns_on_request(texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (texts / "train.tsv").write_text("bar\tmit mit\ndar kus\tlot\n")
    tree = found(capfd, "--outputs", "ours", "--data", "d.tsv", "--by", "group", "--metrics", "chrf")
    assert [(each["by"], [part["name"] for part in each["parts"]]) for each in tree["breakdowns"]] == [
        ("group", ["a", "b", "c"])
    ]
    arguments = ["--outputs", "ours", "--data", "d.tsv", "--by", "all", "--length-edges", "3,7", "--train", "train.tsv"]
    tree = found(capfd, *arguments)
    titles = [each["title"] for each in tree["breakdowns"]]
    assert titles == [
        "length of the source in characters",
        "group",
        "occurrences in training of the rarest word in the source",
        "occurrences in training of the rarest word in the reference",
    ]
    assert [part["name"] for part in tree["breakdowns"][0]["parts"]] == ["up to 3", "4 to 7", "over 7"]
    assert evaluate_options.KINDS == KINDS


def test_the_run_s_own_test_pairs(folder: str, texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "has no test set of its own: give --data FILE" in refused(capfd, folder)
    run = texts / "runs" / "r"
    shutil.copytree(folder, run / "model")
    (run / "run.toml").touch()
    (run / "test.jsonl").write_text('{"source": "bar", "target": "mit", "group": "g"}\n')
    assert main(["evaluate", "runs/r", "--json", "--calibration"]) == 0
    out, err = capfd.readouterr()
    assert "evaluating on runs/r/test.jsonl" in err
    tree = json.loads(out)
    assert tree["sentences"] == 1
    assert tree["calibration"]["tokens"] == 2


def test_a_test_set_that_was_trained_on_is_said(folder: str, texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = texts / "runs" / "r"
    shutil.copytree(folder, run / "model")
    (run / "run.toml").touch()
    overlap.write(run, np.array([text_key(text) for text in ("BAR", "nut", "else")], np.uint64))
    assert main(["evaluate", "runs/r", "--source", "s", "--reference", "r"]) == 0
    assert "runs/r was trained on 2 of the 5 different sources of s" in capfd.readouterr().err
    assert main(["evaluate", folder, "--source", "s", "--reference", "r", "--compare", "runs/r"]) == 0
    assert "runs/r was trained on 2 of the 5" in capfd.readouterr().err
    overlap.write(run, np.array([text_key("else")], np.uint64))
    assert main(["evaluate", "runs/r", "--source", "s", "--reference", "r", "--by", "length,tag"]) == 0
    err = capfd.readouterr().err
    assert "was trained on" not in err and "--by length" not in err
    assert "--by tag: the test set has no tags, or the same everywhere" in err


def test_a_report_is_written_and_nothing_more_is_printed(
    folder: str, texts: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", folder, "--data", "d.tsv", "--compare", "other", "--metrics", "chrf"]
    assert main(arguments) == 0
    plain = capfd.readouterr().out
    assert main([*arguments, "--report", "page.html"]) == 0
    assert capfd.readouterr().out == plain
    page = (texts / "page.html").read_text(encoding="utf-8")
    for words in ("Most different: A and B", "Calibration", "By group", "lot kus"):
        assert words in page


def test_the_card_of_a_model_stays_as_it_is_and_a_long_one_is_cut_in_the_report(
    folder: str, texts: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copytree(folder, texts / "m"))
    (model / "README.md").write_bytes(b"# mine \xff\n" + b"many words " * 1_000_000)
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    assert main(["evaluate", "m", "--data", "d.tsv", "--metrics", "chrf", "--report", "page.html"]) == 0
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    assert "# mine \ufffd\nmany words" in (texts / "page.html").read_text(encoding="utf-8")
    assert (texts / "page.html").stat().st_size < 2_000_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--outputs", "ours"], "--outputs needs a test set: give --reference FILE"),
        (["--reference", "r"], "name what to evaluate: a MODEL"),
        ([], "name what to evaluate: a MODEL"),
        (["m", "--outputs", "ours", "--reference", "r"], "give --source and --reference, or --data"),
        (["m", "--outputs", "ours", "--data", "d.tsv"], "give either a MODEL or --outputs FILE"),
        (["--outputs", "-", "--compare", "-", "--reference", "r"], "- is standard input, which can be read only once"),
        (["--outputs", "short", "--reference", "r"], "short has 2 lines, but r has 5 items"),
        (["--outputs", "ours", "--compare", "short", "--data", "d.tsv"], "short has 2 lines, but d.tsv has 5 items"),
        (["--outputs", "ours", "--compare", "nowhere", "--reference", "r"], "nowhere: no such file of outputs"),
        (["--outputs", "ours", "--reference", "r", "--metrics", "chr"], "unknown metric 'chr'; did you mean 'chrf'?"),
        (["--outputs", "ours", "--reference", "r", "--metrics", "perplexity"], "perplexity is of a model"),
        (["m", "--metrics", "perplexity", "--compare", "other"], "--compare needs a metric of outputs"),
        (["--outputs", "ours", "--reference", "r", "--calibration"], "--calibration is of one model's confidence"),
        (["--outputs", "ours", "--reference", "r", "--ensemble", "m"], "--ensemble goes with a MODEL"),
        (["--outputs", "ours", "--reference", "r", "--by", "lenght"], "found 'lenght', did you mean length?"),
        (["--outputs", "ours", "--reference", "r", "--by", "length", "--length-edges", "5,x"], "takes numbers of"),
        (
            ["--outputs", "ours", "--reference", "r", "--by", "length", "--length-edges", "5,2"],
            "--length-edges must rise",
        ),
        (
            ["--outputs", "ours", "--reference", "r", "--by", "length", "--length-edges", "5,99999999999999999999"],
            "numbers of at most 9 digits",
        ),
        (["--outputs", "ours", "--reference", "r", "--compare", "."], "--compare . is a model, which needs sources"),
        (["--outputs", "ours", "--reference", "r", "--train", "s"], "--train goes with --by rare-words or --report"),
        (["--outputs", "ours", "--reference", "r", "--worst", "-1"], "--worst must not be negative"),
        (["--outputs", "ours", "--reference", "r", "--report", "ours"], "--report ours is a file that is read"),
        (["--outputs", "ours", "--reference", "r", "--report", "no/page.html"], "there is no folder no"),
        (["--outputs", "ours", "--reference", "r", "--output", "."], "is a folder; name a file"),
        (["--outputs", "ours", "--reference", "r", "--columns", "source=a"], "--columns goes with --data or --train"),
        (["--outputs", "ours", "--data", "d.tsv", "--columns", "src=a"], "--columns takes NAME=COLUMN"),
        (["--outputs", "ours", "--data", "d.tsv", "--columns", "source=a,source=b"], "each once"),
        (["--outputs", "none", "--reference", "r"], "none: no such file"),
        (["--outputs", "ours", "--reference", "r", "--beam", "4"], "--beam is for models, and only files of outputs"),
        (["--outputs", "ours", "--reference", "r", "--sample"], "--sample is for models"),
        (["--outputs", "ours", "--reference", "r", "--precision", "bf16"], "--precision is for models"),
        (["--outputs", "ours", "--compare", "other", "--reference", "r", "--tag", "de"], "--tag is for models"),
    ],
)
def test_mistakes_are_named(texts: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert message in refused(capfd, *arguments)


def test_a_run_s_own_test_pairs_are_never_overwritten(texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("run/model").mkdir(parents=True)
    Path("run/test.jsonl").write_text("{}")
    for model in ("run", "run/model"):
        assert "is a file that is read" in refused(capfd, model, "--output", "run/test.jsonl")


def test_unequal_counts_are_named(folder: str, texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "s has 5, short has 2" in refused(capfd, folder, "--source", "s", "--reference", "short")


def test_any_way_of_translating_can_be_judged(folder: str, texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What evaluate writes is what translate writes with the same options."""
    for options in (["--sample", "--seed", "5"], ["--mbr", "5"], ["--beam", "3", "--max-length", "4"]):
        assert main(["translate", folder, "s", *options]) == 0
        expected = capfd.readouterr().out
        found(capfd, folder, "--source", "s", "--reference", "r", "--output", "out", *options)
        assert Path("out").read_text(encoding="utf-8") == expected
    assert refused(capfd, folder, "--source", "s", "--reference", "r", "--top-k", "3") == (
        "--top-k goes with --sample or --mbr N"
    )


def test_tags_of_every_source(tmp_path: Path, texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tagged = str(tiny_model.write(tmp_path / "tagged", tags=("de", "fr")))
    values = [
        found(capfd, tagged, "--source", "s", "--reference", "r", "--metrics", "perplexity", *options)["perplexity"]
        for options in ([], ["--tag", "de"], ["--tag", "fr"])
    ]
    assert len(set(values)) == 3
    rows = zip(SOURCES, REFERENCES, strict=True)
    lines = "".join(json.dumps({"source": s or "kus", "target": r, "tag": "de"}) + "\n" for s, r in rows)
    Path("tags.jsonl").write_text(lines, encoding="utf-8")
    one, two = (
        found(capfd, tagged, "--data", "tags.jsonl", "--metrics", "perplexity", *options)["perplexity"]
        for options in ([], ["--tag", "fr"])
    )
    assert one != two
    plain = str(tiny_model.write(tmp_path / "plain"))
    assert main(["evaluate", tagged, "--data", "tags.jsonl", "--compare", plain, "--metrics", "chrf"]) == 0
    assert f"--compare {plain}: the model knows no tags" in capfd.readouterr().err
    assert "unknown tag 'de'" in refused(capfd, plain, "--data", "tags.jsonl")
    french = str(tiny_model.write(tmp_path / "french", tags=("fr",)))
    compared = ["--data", "tags.jsonl", "--compare", french, "--output", "out"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("transduce.workflows.evaluate.systems.evaluate", None)  # it is not come to
        assert f"--compare {french}: unknown tag 'de'" in refused(capfd, tagged, *compared)
    assert "unknown tag 'xx'; known: de, fr" in refused(
        capfd, tagged, "--source", "s", "--reference", "r", "--tag", "xx"
    )


def test_a_place_that_cannot_be_written_to_is_said_at_once(
    texts: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != texts.resolve())
    said = refused(capfd, "--outputs", "ours", "--reference", "r", "--report", "page.html")
    assert said == f"--report page.html: {texts.resolve()} cannot be written to"
    (texts / "elsewhere").mkdir()
    (texts / "link.html").symlink_to(texts / "elsewhere" / "page.html")
    assert main(["evaluate", "--outputs", "ours", "--reference", "r", "--report", "link.html"]) == 0


def test_a_tag_forgotten_is_said(tmp_path: Path, texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tagged = str(tiny_model.write(tmp_path / "tagged", tags=("de", "fr")))
    for options, said in (([], True), (["--tag", "de"], False)):
        assert main(["evaluate", tagged, "--source", "s", "--reference", "r", "--metrics", "perplexity", *options]) == 0
        assert ("--tag is not given; the model knows de, fr" in capfd.readouterr().err) == said


def test_a_model_computes_with_as_many_threads_as_cores_are_free(
    folder: str, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr("transduce.machine.devices.devices_of_machine", Devices)
    monkeypatch.setattr("transduce.machine.hardware.choose_threads", lambda: asked.append(True))
    assert main(["evaluate", folder, "--source", "s", "--reference", "r", "--metrics", "chrf"]) == 0
    assert main(["evaluate", "--outputs", "ours", "--reference", "r", "--metrics", "chrf"]) == 0
    assert len(asked) == 1  # where there is no model, nothing computes


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_tasks.write_language_model(tmp_path_factory.mktemp("language-model"), context=12))


@pytest.mark.parametrize("options", ["--beam 2", "--coverage-penalty 0.5", "--sample", "--max-length 5"])
def test_options_of_decoding_where_nothing_is_decoded(
    options: str, folder: str, language_model: str, texts: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (texts / "d.txt").write_text("bar nut\n", encoding="utf-8")
    option = options.partition(" ")[0]
    message = refused(capfd, language_model, "--data", "d.txt", *options.split())
    assert message.startswith(f"{option} is for tasks whose records have a right answer; language-model has none")
    message = refused(capfd, folder, "--data", "d.tsv", "--metrics", "perplexity", *options.split())
    assert message == f"{option} needs a metric of outputs: perplexity alone has nothing predicted"


def test_outputs_of_a_classifier_are_judged_by_its_metrics(texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    labels = ["good", "bad", "good"]
    rows = [{"text": text, "label": label} for text, label in zip(["bar", "kus nut", "bar bis"], labels, strict=True)]
    (texts / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (texts / "d.csv").write_text("body,class\n" + "".join(f"{row['text']},{row['label']}\n" for row in rows))
    (texts / "predicted").write_text("good\ngood\ngood\n", encoding="utf-8")
    train = ["--by", "rare-words", "--train", "d.jsonl"]
    tree = found(capfd, "--outputs", "predicted", "--data", "d.jsonl", "--worst", "3", *train)
    assert tree["metrics"]["accuracy"]["value"] == pytest.approx(200 / 3) and "chrf" not in tree["metrics"]
    assert [table["title"] for table in tree["breakdowns"]] == [
        "occurrences in training of the rarest word in the text"
    ]
    assert [each["number"] for each in tree["worst"]["sentences"]] == [2]  # the others are right
    tree = found(capfd, "--outputs", "predicted", "--data", "d.csv", "--columns", "text=body,label=class")
    assert tree["metrics"].keys() == {"accuracy", "macro-f1"}


def test_models_for_different_tasks(folder: str, language_model: str, capfd: pytest.CaptureFixture[str]) -> None:
    message = (
        f"{folder} is a model for translation, and {language_model} one for language-model: give models for one task"
    )
    for option in ("--compare", "--ensemble"):
        assert refused(capfd, folder, "--data", "d.tsv", option, language_model) == message


def test_columns_of_another_task(folder: str, texts: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (texts / "d.jsonl").write_text('{"text": "bar", "label": "good"}\n', encoding="utf-8")
    message = refused(capfd, folder, "--data", "d.jsonl")
    assert message.endswith("the columns of d.jsonl fit task classification, not translation")

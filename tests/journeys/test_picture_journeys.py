"""From files to predictions by the commands, for pictures and for series; runs that resume bit for bit."""

import json
import re
from contextlib import nullcontext
from pathlib import Path

import pytest

import transduce
from picture_toy import PARTS, picture, waves, write_picture_run, write_series_run
from transduce.cli.main import main
from transduce.networks.table import NETWORKS
from transduce.tasks.forecast import Forecast
from transduce.tasks.image_classification import ImageClassification
from transduce.training.interrupt import StopRequest
from transduce.workflows.train.run import Trained, prepare_run, train
from transduce.workflows.train.run_file import open_run, read_run


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run for pictures and one for series, and a name with a blank in its path."""
    folder = tmp_path_factory.mktemp("a folder")
    for run in (write_picture_run(folder), write_series_run(folder)):
        transduce.train(run, root=folder, parts=PARTS)
    return folder


@pytest.fixture
def own_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line knows the parts of the tables alone."""
    for name, part in PARTS.items():
        monkeypatch.setitem(NETWORKS, name, part)


class StopAfter(StopRequest):
    """Asks the loop to stop when it has been looked at so often: once for each update, and more in validations."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def __bool__(self) -> bool:
        self.looks -= 1
        return self.looks < 0


@pytest.mark.parametrize("name", ["colours", "waves"])
def test_a_run_that_resumes_ends_bit_for_bit(root: Path, name: str) -> None:
    def sitting(resume: bool, looks: int) -> Trained:
        own = open_run(root / f"{name}.toml", {}, f"{name}-again", PARTS)
        return train(own, resume, root, stopping=lambda: nullcontext(StopAfter(looks)))

    first = sitting(resume=False, looks=13)
    assert not first.finished and 0 < first.state.step < 30
    assert sitting(resume=True, looks=10_000).finished
    again, whole = (root / f"runs/{folder}/model/model.safetensors" for folder in (f"{name}-again", name))
    assert again.read_bytes() == whole.read_bytes()


@pytest.mark.usefixtures("own_networks")
def test_pictures_on_the_command_line(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(root / "runs/colours")
    for number, colour in enumerate(("red", "green", "blue")):
        picture(colour, 50 + number, (20, 9)).save(tmp_path / f"{number}.png")
    assert main(["predict", run, str(tmp_path / "1.png"), str(tmp_path)]) == 0
    assert capsys.readouterr().out == "green\nred\ngreen\nblue\n"
    assert main(["predict", run, str(tmp_path / "1.png"), "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["image"] == str(tmp_path / "1.png") and tree["text"] == "green" and tree["confidence"] > 0.5
    assert sum(tree["probabilities"].values()) == pytest.approx(1)
    (tmp_path / "names.csv").write_text("image\n2.png\n0.png\n")
    (tmp_path / "names.txt").write_text(f"{tmp_path}/2.png\n{tmp_path}/0.png\n")
    for name in ("names.csv", "names.txt"):
        assert main(["predict", run, str(tmp_path / name)]) == 0
        assert capsys.readouterr().out == "blue\nred\n"


@pytest.mark.usefixtures("own_networks")
def test_a_picture_that_cannot_be_read_is_named(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(root / "runs/colours")
    picture("red", 1).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:90])
    assert main(["predict", run, str(tmp_path)]) == 2
    output = capsys.readouterr()
    assert output.out == "red\n" and f"error: {tmp_path}/b.png: damaged picture: " in output.err
    assert "--bad-lines blank gives a blank line for it and continues (1 prediction written before it)" in output.err
    picture("blue", 1).save(tmp_path / "c.png")
    assert main(["predict", run, str(tmp_path), "--bad-lines", "blank"]) == 0
    output = capsys.readouterr()
    assert output.out == "red\n\nblue\n" and f"warning: {tmp_path}/b.png: damaged picture: " in output.err
    assert main(["predict", run, str(tmp_path), "--bad-lines", "blank", "--json"]) == 0
    tree = json.loads(capsys.readouterr().out.splitlines()[1])
    assert tree["image"] == f"{tmp_path}/b.png" and tree.keys() == {"image", "error"}
    (tmp_path / "names.txt").write_text("nothing.png\n")
    assert main(["predict", run, str(tmp_path / "names.txt")]) == 2
    assert "names.txt:1: nothing.png: no such picture; --bad-lines" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    (tmp_path / "mk.py").write_text("import os\n")
    for name, words in (
        ("none.png", "none.png: no such file or folder"),
        ("empty", "no picture is in this folder"),
        ("mk.py", "mk.py: expected a picture (.png, "),
    ):
        assert main(["predict", run, str(tmp_path / name)]) == 2
        assert words in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"line 2: .*b\.png: damaged picture"):
        transduce.predict(run, [picture("red", 1), tmp_path / "b.png"], parts={})
    with pytest.raises(ValueError, match="record 1 must be a Picture or a dict by column, found int"):
        transduce.predict(run, [3])


@pytest.mark.usefixtures("own_networks")
def test_a_folder_of_pictures_that_moves_is_prepared_again(tmp_path: Path) -> None:
    """The records name the files, which the validation and the evaluation show and read."""
    run = write_picture_run(tmp_path)
    before = prepare_run(read_run(run), tmp_path)
    (tmp_path / "pictures").rename(tmp_path / "moved")
    run.write_text(run.read_text().replace('"pictures"', '"moved"'))
    after = prepare_run(read_run(run), tmp_path)
    assert before.folder != after.folder and not after.reused
    assert all("/moved/" in record.values["image"] for record in after.records("test"))


def test_windows_that_share_steps_are_not_split_one_by_one(tmp_path: Path) -> None:
    run = write_series_run(tmp_path)
    run.write_text(run.read_text().replace(', by = "time"', "").replace('"tiny-series"', '"series-gru"'))
    with pytest.raises(ValueError, match=r'waves\.csv:2: a window .* use split\.by = "time"'):
        prepare_run(read_run(run), tmp_path)


def test_a_name_without_a_file(tmp_path: Path) -> None:
    run = tmp_path / "x.toml"
    for name, words in (
        ("nowhere", "nowhere: no such file or folder; the name is relative to the folder of the run file"),
        ("one.png", r"unknown extension '.png'.*; or name a folder that has a folder of pictures for each label"),
    ):
        picture("red", 1).save(tmp_path / "one.png")
        run.write_text(
            f'task = "image-classification"\n[data]\ntrain = [{{ file = "{name}" }}]\nsplit = {{ dev = 1 }}\n'
        )
        with pytest.raises(ValueError, match=words):
            prepare_run(read_run(run), tmp_path)


@pytest.mark.usefixtures("own_networks")
def test_evaluate_info_and_report(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, page = str(root / "runs/colours"), tmp_path / "page.html"
    assert main(["evaluate", run, "--calibration", "--report", str(page)]) == 0
    output = capsys.readouterr()
    assert "accuracy" in output.out and "calibration: expected" in output.out and "trained on" not in output.err
    assert "Confusion" in page.read_text()
    assert main(["evaluate", run, "--data", str(root / "pictures")]) == 0
    assert "was trained on 24 of the 36 different images" in capsys.readouterr().err
    assert main(["info", run]) == 0
    text = capsys.readouterr().out
    assert "8 x 8 pixels, RGB" in text and "image-classification" in text
    trained = transduce.evaluate(run, [{"image": picture("red", 1), "label": "red"}])
    assert trained.values["accuracy"] == 100


@pytest.mark.usefixtures("own_networks")
def test_series_on_the_command_line(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, page = str(root / "runs/waves"), tmp_path / "page.html"
    rows = [f"{row},{group}" for group in "ab" for row in waves(12)]
    (tmp_path / "new.csv").write_text("\n".join(["level,slope,group", *rows]) + "\n")
    assert main(["predict", run, str(tmp_path / "new.csv")]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second and len(first.split()) == 3
    level = float(first.split(",")[0])
    assert abs(level - float(waves(13)[12].split(",")[0])) < 1
    assert main(["predict", run, str(tmp_path / "new.csv"), "--json"]) == 0
    tree = json.loads(capsys.readouterr().out.splitlines()[0])
    assert tree.keys() == {"text", "values"} and len(tree["values"]) == 3
    assert main(["evaluate", run, "--report", str(page), "--worst", "2"]) == 0
    assert "mae" in capsys.readouterr().out and "Calibration" not in page.read_text()
    assert main(["evaluate", run, "--calibration"]) == 2
    assert "there is no calibration" in capsys.readouterr().err
    for gap in ("12,", "1,2,3,4,5"):
        rows = ["level,slope,group", gap, *rows[-12:]]
        (tmp_path / "gap.csv").write_text("\n".join(rows) + "\n")
        assert main(["predict", run, str(tmp_path / "gap.csv")]) == 0
        assert capsys.readouterr().out == f"{first}\n"
    (tmp_path / "gap.csv").write_text("\n".join([*rows, "12,,b", *rows[-3:]]) + "\n")
    assert main(["predict", run, str(tmp_path / "gap.csv")]) == 2
    assert "gap.csv:15: not a finite number (slope is '')" in capsys.readouterr().err
    (tmp_path / "short.csv").write_text("\n".join(["level,slope", *waves(7)]) + "\n")
    assert main(["predict", run, str(tmp_path / "short.csv")]) == 2
    assert (
        "short.csv:2: series too short (the series has 7 steps in a row, a window needs 8)" in capsys.readouterr().err
    )


@pytest.mark.usefixtures("own_networks")
def test_run_files_say_what_is_wrong(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (root / "colours.toml").read_text()
    for old, new, words in (
        ("size = 8", "size = 0", "task.size must be 1 to 2,048, found 0"),
        ("shift = 1", "shift = -1", "augment.shift must be 0 to 1,000"),
        ("shift = 1", "shift = 8", "[task] augment.shift must be at most 7 with size = 8, found 8"),
        ("size = 8", "channels = 2", "channels"),
        (
            'kind = "tiny-pictures"',
            'kind = "encoder-only"',
            "task image-classification needs an alexnet, efficientnet, vit or tiny-pictures network, found encoder-only",
        ),
        ("[model]", "[decoding]\nbeam = 3\n[model]", "[decoding] is for tasks that generate text"),
    ):
        (root / "wrong.toml").write_text(text.replace(old, new, 1))
        assert main(["train", str(root / "wrong.toml")]) == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(("page", "task"), [("pictures", ImageClassification), ("forecasting", Forecast)])
def test_the_run_files_of_the_pages(tmp_path: Path, page: str, task: type) -> None:
    text = (Path(__file__).parents[2] / "docs" / f"{page}.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "run.toml").write_text(block, encoding="utf-8")
    assert isinstance(read_run(tmp_path / "run.toml").run.task, task)

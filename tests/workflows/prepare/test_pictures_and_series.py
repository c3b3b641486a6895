"""Prepare for pictures and series: formats, faults, splits; nothing is lost without a count."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from picture_toy import COLOURS, picture, waves, write_idx, write_pictures
from preparing import prepare_data
from transduce.data.config import Columns, Corpus, DataConfig, Split
from transduce.data.records import RecordType
from transduce.tasks.augmentation import Augmentation
from transduce.tasks.classification import Classification
from transduce.tasks.forecast import Forecast
from transduce.tasks.image_classification import ImageClassification
from transduce.text.config import TokenizerConfig
from transduce.workflows.prepare.run import Prepared

PICTURES = ImageClassification(size=8)
GREY = ImageClassification(size=8, channels=1)


def run(task: RecordType, folder: Path, *train: Corpus, **data: object) -> Prepared:
    config = DataConfig(train, **data)  # type: ignore[arg-type]
    return prepare_data(task, config, TokenizerConfig(), 1, folder, folder / "prepared")


def dropped(prepared: Prepared, origin: str = "train") -> dict[str, int]:
    return {reason: entry["count"] for reason, entry in prepared.report["origins"][origin]["dropped"].items()}


def stored(prepared: Prepared, part: str, column: str) -> list[np.ndarray]:
    store = getattr(prepared, part)
    return store.rows(column, np.arange(len(store)))


# --- a folder of pictures


def test_a_folder_with_a_folder_for_each_class(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train")
    (tmp_path / "train/red/old").mkdir()
    picture("red", 77).save(tmp_path / "train/red/old/a.jpg")
    prepared = run(PICTURES, tmp_path, Corpus(file=Path("train")), split=Split(6, 6))
    counts = {part: prepared.report["parts"][part]["records"] for part in ("train", "dev", "test")}
    assert counts == {"train": 25, "dev": 6, "test": 6} and not dropped(prepared)
    assert prepared.processors.labels("label").names == tuple(COLOURS)
    for row, label in zip(stored(prepared, "train", "image"), stored(prepared, "train", "label"), strict=True):
        colour = np.array(COLOURS[tuple(COLOURS)[label[0]]])
        assert row.dtype == np.uint8 and np.abs(row.reshape(64, 3).mean(0) - colour).max() < 15
    lines = prepared.summary()
    assert lines[0] == "train: 25 pictures" and lines[3].startswith("image: 8 x 8 pixels, RGB, mean 0.")


def test_the_pixels_in_the_store_are_those_of_the_picture(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    for label in ("a", "b"):
        (tmp_path / "train" / label).mkdir(parents=True)
    Image.fromarray(array).save(tmp_path / "train/a/1.png")
    Image.fromarray(255 - array).save(tmp_path / "train/b/1.png")
    first, second = stored(run(PICTURES, tmp_path, Corpus(file=Path("train"))), "train", "image")
    assert (first.reshape(8, 8, 3) == array).all() and (second.reshape(8, 8, 3) == 255 - array).all()


def test_other_files_of_a_folder_are_counted(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train")
    hidden = ("red/.hidden.png", ".git/x.png", "__MACOSX/red/x.png", "red/.ipynb_checkpoints/x.png")
    for name in ("notes.txt", "red/Thumbs.db", *hidden):
        (tmp_path / "train" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "train" / name).write_text("x")
    prepared = run(PICTURES, tmp_path, Corpus(file=Path("train")))
    assert dropped(prepared) == {"not in the folder of a class": 1, "not the name of a picture": 1}
    assert any("not in the folder of a class, 1 file (" in line for line in prepared.summary())
    assert len(PICTURES.columns["image"].values_in(tmp_path / "train") or ()) == 36


def test_an_empty_class_is_an_error_after_an_earlier_preparation_too(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train", each=3)
    run(PICTURES, tmp_path, Corpus(file=Path("train")))
    (tmp_path / "train/hexagon").mkdir()
    with pytest.raises(ValueError, match=r"train/hexagon: no picture .*put pictures in it, or delete the folder"):
        run(PICTURES, tmp_path, Corpus(file=Path("train")))


def test_equal_pictures_with_different_labels_are_reported_and_stay(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train", each=3)
    assert not run(PICTURES, tmp_path, Corpus(file=Path("train"))).report["warnings"]
    for name in ("blue/x.png", "red/y.png", "green/z.png"):
        picture("red", 5).save(tmp_path / "train" / name)
    prepared = run(PICTURES, tmp_path, Corpus(file=Path("train")))
    (warning,) = prepared.report["warnings"]
    assert warning.startswith("1 picture occurs with different labels, such as ")
    assert "blue/x.png (blue) and " in warning
    assert prepared.report["parts"]["train"]["records"] == 12


def test_equal_texts_with_different_labels_are_reported(tmp_path: Path) -> None:
    rows = [("one", "a"), ("two", "b"), ("One", "b"), ("two", "b"), ("three", "a")]
    (tmp_path / "t.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    config = DataConfig((Corpus(file=Path("t.csv")),))
    prepared = prepare_data(
        Classification(), config, TokenizerConfig(kind="characters"), 1, tmp_path, tmp_path / "prepared"
    )
    (warning,) = prepared.report["warnings"]
    assert (
        "1 text occurs with different labels" in warning and "t.csv:2 (a) and " in warning and "t.csv:4 (b)" in warning
    )


def test_equal_pictures_are_in_one_part_and_once_in_train(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train")
    write_pictures(tmp_path / "test", each=3)  # the first pictures of train
    picture("red", 2000).save(tmp_path / "train/red/again.png")  # the same as red/000.png, which is in test
    picture("red", 2011).save(tmp_path / "train/red/twice.png")  # the same as red/011.png
    prepared = run(PICTURES, tmp_path, Corpus(file=Path("train")), test=Corpus(file=Path("test")), dev=None)
    assert dropped(prepared) == {"image occurs in test": 10, "duplicate": 1}
    assert prepared.report["parts"]["train"]["records"] == 27


def break_picture(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def test_a_damaged_picture_stops_or_is_counted(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train")
    break_picture(tmp_path / "train/red/003.png")
    (tmp_path / "train/blue/003.png").write_text("no picture")
    with pytest.raises(
        ValueError, match=r"^[^()]*train/blue/003\.png: not a picture \(.*\); replace the picture, or set data"
    ):
        run(PICTURES, tmp_path, Corpus(file=Path("train")))
    prepared = run(PICTURES, tmp_path, Corpus(file=Path("train")), bad_lines="drop", split=Split(dev=4))
    assert dropped(prepared) == {"not a picture": 1, "damaged picture": 1}
    assert sum(prepared.report["parts"][part]["records"] for part in ("train", "dev")) == 34
    (line,) = [line for line in prepared.summary() if "damaged picture," in line]
    assert "red/003.png" in line


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("red/a.png",), "has one class only, 'red'"),
        ((), "holds no folder; a folder of pictures has one for each class"),
        (("a.png",), "holds no folder"),
        (("red/a.png", "blue/"), r"blue: no picture is in this folder of a class"),
        (
            ("red/a.png", "blue/notes.txt"),
            r"blue: no picture is in this folder of a class but 1 other file such as notes.txt",
        ),
    ],
)
def test_folders_that_are_no_classes(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    (tmp_path / "train").mkdir()
    for name in names:
        place = tmp_path / "train" / name
        (place if name.endswith("/") else place.parent).mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            picture("red", 1).save(place)
        elif not name.endswith("/"):
            place.write_text("x")
    with pytest.raises(ValueError, match=words):
        run(PICTURES, tmp_path, Corpus(file=Path("train")))


def test_links_and_names(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train")
    picture("red", 1).save(tmp_path / "out.png")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "train/red/leaves.png").symlink_to(tmp_path / "out.png")
    (tmp_path / "train/red/more.png").symlink_to(tmp_path / "train/blue", target_is_directory=True)
    (tmp_path / "train/red/round.png").symlink_to("round.png")
    (tmp_path / "train/red/inside.png").symlink_to("001.png")  # a duplicate
    for number, name in enumerate(("a\nb.png", "ü ñ.png", "a#1.png", "-x.png", "'\".png")):
        picture("red", 500 + number).save(tmp_path / "train/red" / name)
    picture("red", 1).save(os.fsencode(tmp_path / "train/red") + b"/\xff.png", "PNG")
    with pytest.raises(ValueError, match=r"picture outside of the folder|link to a folder|no UTF-8"):
        run(PICTURES, tmp_path, Corpus(file=Path("train")))
    prepared = run(PICTURES, tmp_path, Corpus(file=Path("train")), bad_lines="drop")
    assert dropped(prepared) == {
        "name that is no UTF-8": 1, "picture outside of the folder": 1, "link to a folder": 1, "duplicate": 1, "no such picture": 1
    }  # fmt: skip
    assert prepared.report["parts"]["train"]["records"] == 36 + 5
    (tmp_path / "train/green2").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="green2: the link leads out of"):
        run(PICTURES, tmp_path, Corpus(file=Path("train")), bad_lines="drop")


def test_notes_of_pictures_that_are_changed(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train")
    frames = [picture("red", seed) for seed in (1, 2)]
    frames[0].save(tmp_path / "train/red/two.webp", save_all=True, append_images=frames[1:], lossless=True)
    prepared = run(PICTURES, tmp_path, Corpus(file=Path("train")))
    noted = prepared.report["origins"]["train"]["noted"]
    assert noted["first frame of an animation used"]["examples"][0]["where"].endswith("two.webp")


def test_what_the_prepared_folder_depends_on(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train")
    first = run(PICTURES, tmp_path, Corpus(file=Path("train")))
    assert run(replace(PICTURES, augment=Augmentation(flip=True)), tmp_path, Corpus(file=Path("train"))).reused
    os.utime(tmp_path / "train/red/001.png", (1, 1))
    assert run(PICTURES, tmp_path, Corpus(file=Path("train"))).reused
    picture("red", 99).save(tmp_path / "train/red/001.png")
    assert run(PICTURES, tmp_path, Corpus(file=Path("train"))).folder != first.folder
    assert run(replace(PICTURES, size=4), tmp_path, Corpus(file=Path("train"))).folder != first.folder


# --- tables of names


def write_table(folder: Path, *names: tuple[str, str], suffix: str = ".csv") -> Corpus:
    rows = [f"{name},{label}" for name, label in (("image", "label"), *names)]
    (folder / f"table{suffix}").write_text("\n".join(rows) + "\n")
    return Corpus(file=folder / f"table{suffix}")


def test_a_table_names_pictures_from_its_own_folder(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data/pictures", each=4)
    names = [(f"pictures/{colour}/{number:03}.png", colour) for colour in COLOURS for number in range(4)]
    prepared = run(PICTURES, tmp_path, write_table(tmp_path / "data", *names), split=Split(dev=2))
    assert prepared.report["parts"]["train"]["records"] == 10
    value = prepared.records("dev")[0].values["image"]
    assert Path(value).is_absolute() and Path(value).is_file()
    corpus = replace(write_table(tmp_path / "data", *names), columns=Columns({"image": "label", "label": "image"}))
    with pytest.raises(ValueError, match=r"table\.csv:2: no such picture .*/blue; names are relative"):
        run(PICTURES, tmp_path, corpus)
    picture("red", 5).save(tmp_path / "data/pictures/red/000.png")  # the table stays, a picture changes
    assert run(PICTURES, tmp_path, write_table(tmp_path / "data", *names), split=Split(dev=2)).folder != prepared.folder


def test_names_in_a_table_that_cannot_be_used(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data", each=4)
    picture("red", 1).save(tmp_path / "out.png")
    names = [(f"{colour}/{number:03}.png", colour) for colour in COLOURS for number in range(4)]
    more = [("../out.png", "red"), ("none.png", "red"), ("red", "red"), ("", "red")]
    break_picture(tmp_path / "data/red/000.png")
    corpus = write_table(tmp_path / "data", *names, *more)
    with pytest.raises(ValueError, match=r"table\.csv:14: picture outside of the folder \(\.\./out\.png leads out of"):
        run(PICTURES, tmp_path, corpus)
    prepared = run(PICTURES, tmp_path, corpus, bad_lines="drop")
    assert dropped(prepared) == {
        "picture outside of the folder": 1, "no such picture": 2, "empty image": 1, "damaged picture": 1
    }  # fmt: skip
    (line,) = [line for line in prepared.summary() if "damaged picture," in line]
    assert "table.csv:10" in line and "red/000.png" in line


def test_tags_stand_before_texts(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train")
    with pytest.raises(ValueError, match="tags stand before a text, and image is none"):
        run(PICTURES, tmp_path, Corpus(file=Path("train"), tag="de"))


# --- IDX files


def test_idx_files_of_pictures_and_labels(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    images, labels = draw.integers(0, 256, (20, 8, 8)).astype(np.uint8), np.arange(20, dtype=np.uint8) % 3
    write_idx(tmp_path / "images-idx3-ubyte.gz", images)
    write_idx(tmp_path / "labels-idx1-ubyte", labels)
    (tmp_path / "labels.txt").write_text("".join(f"kind {label}\n" for label in labels))
    corpus = Corpus(files={"image": Path("images-idx3-ubyte.gz"), "label": Path("labels-idx1-ubyte")})
    prepared = run(GREY, tmp_path, corpus, split=Split(test=4))
    pixels = np.concatenate([stored(prepared, part, "image") for part in ("train", "test")])
    assert sorted(map(bytes, pixels)) == sorted(map(bytes, images.reshape(20, 64)))
    assert prepared.processors.labels("label").names == ("0", "1", "2")
    named = Corpus(files={"image": Path("images-idx3-ubyte.gz"), "label": Path("labels.txt")})
    assert run(GREY, tmp_path, named).processors.labels("label").names == ("kind 0", "kind 1", "kind 2")
    write_idx(tmp_path / "labels-idx1-ubyte", labels[:-1])
    with pytest.raises(ValueError, match=r"images-idx3-ubyte\.gz has 20, .*labels-idx1-ubyte has 19"):
        run(GREY, tmp_path, corpus)
    (tmp_path / "labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x14")
    with pytest.raises(ValueError, match=r"labels-idx1-ubyte: its header announces 20 = 20 bytes, found only 0"):
        run(GREY, tmp_path, corpus)


# --- series

SERIES = Forecast(("level", "slope"), history=4, horizon=2)


def write_steps(path: Path, *rows: str, head: str = "level,slope") -> Corpus:
    path.write_text("\n".join([head, *rows]) + "\n")
    return Corpus(file=path)


def test_windows_are_consecutive_steps(tmp_path: Path) -> None:
    prepared = run(SERIES, tmp_path, write_steps(tmp_path / "a.csv", *waves(30)))
    assert prepared.report["parts"]["train"]["records"] == 25
    values = prepared.processors["history"]
    assert values is prepared.processors["future"]
    table = np.array([list(map(float, row.split(","))) for row in waves(30)])
    for place, (history, future) in enumerate(
        zip(stored(prepared, "train", "history"), stored(prepared, "train", "future"), strict=True)
    ):
        assert history.dtype == np.float32
        window = values.restored(np.concatenate([history, future]).reshape(6, 2))  # type: ignore[attr-defined]
        assert np.allclose(window, table[place : place + 6], atol=1e-4)


def test_no_step_is_in_two_parts(tmp_path: Path) -> None:
    rows = [f"{step},{step + 1000 * (group == 'b')},{group}" for step in range(40) for group in "ab"]
    corpus = write_steps(tmp_path / "a.csv", *rows, head="level,slope,group")
    prepared = run(SERIES, tmp_path, corpus, split=Split(dev=5, test=3, by="time"))
    values, steps = prepared.processors["history"], {}
    for part in ("train", "dev", "test"):
        windows = [*stored(prepared, part, "history"), *stored(prepared, part, "future")]
        numbers = np.concatenate([values.restored(each.reshape(-1, 2)) for each in windows])  # type: ignore[attr-defined]
        steps[part] = {(round(level), round(slope)) for level, slope in numbers.tolist()}
    assert not steps["train"] & steps["dev"] and not steps["train"] & steps["test"] and not steps["dev"] & steps["test"]
    assert max(steps["train"])[0] < min(steps["dev"])[0] and max(steps["dev"])[0] < min(steps["test"])[0] == 32
    assert len(prepared.records("dev")) == 10 and len(prepared.records("test")) == 6
    assert dropped(prepared) == {"reaches into a later part": 2 * (5 + 5)}
    assert sum(each["records"] for each in prepared.report["parts"].values()) + 20 == 35 * 2


def test_a_step_that_is_missing_breaks_its_series(tmp_path: Path) -> None:
    rows = [f"{step},{step}" for step in range(30)]
    rows[10] = "ten,10"
    with pytest.raises(ValueError, match=r"a\.csv:12: not a finite number \(level is 'ten'\)"):
        run(SERIES, tmp_path, write_steps(tmp_path / "a.csv", *rows))
    rows[20] = "20"
    prepared = run(SERIES, tmp_path, write_steps(tmp_path / "a.csv", *rows), bad_lines="drop")
    assert dropped(prepared) == {"not a finite number": 1, "wrong number of columns": 1}
    assert prepared.report["parts"]["train"]["records"] == (10 - 5) + (9 - 5) + (9 - 5)


@pytest.mark.parametrize("number", ["nan", "inf", "", "1_000", "1,5"])
def test_what_is_no_number(tmp_path: Path, number: str) -> None:
    rows = [f'{step},"{number if step == 3 else step}"' for step in range(20)]
    with pytest.raises(ValueError, match=r"a\.csv:5: not a finite number"):
        run(SERIES, tmp_path, write_steps(tmp_path / "a.csv", *rows))


def test_a_number_that_is_too_large_names_its_line(tmp_path: Path) -> None:
    rows = waves(30)
    rows[10] = "1e200,1"
    words = r"a\.csv:12: number too large \(level 1e200 is beyond 1e\+100; correct it, or divide the column"
    with pytest.raises(ValueError, match=words):
        run(SERIES, tmp_path, write_steps(tmp_path / "a.csv", *rows))
    assert run(SERIES, tmp_path, write_steps(tmp_path / "a.csv", *rows), bad_lines="drop").report["parts"]["train"]


def test_faults_of_series(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"a\.csv:2: series too short \(the series has 5 steps in a row, a window needs 6\)"
    ):
        run(SERIES, tmp_path, write_steps(tmp_path / "a.csv", *waves(5)))
    with pytest.raises(ValueError, match=r"has no column 'slope'"):
        run(SERIES, tmp_path, write_steps(tmp_path / "a.csv", "1", head="level"))
    with pytest.raises(ValueError, match=r"series come from a \.csv or \.jsonl file"):
        run(SERIES, tmp_path, Corpus(file=tmp_path / "a.txt"))
    corpus = replace(write_steps(tmp_path / "a.csv", *waves(20)), columns=Columns({"history": "level"}))
    with pytest.raises(ValueError, match=r"columns cannot name history: task\.variables names the columns of series"):
        run(SERIES, tmp_path, corpus)
    write_pictures(tmp_path / "train")
    with pytest.raises(ValueError, match=r'split\.by = "time" is for windows of series'):
        run(PICTURES, tmp_path, Corpus(file=Path("train")), split=Split(dev=2, by="time"))


def test_steps_of_json(tmp_path: Path) -> None:
    lines = [f'{{"level": {step}, "slope": {step / 2}, "group": "a"}}' for step in range(20)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    prepared = run(SERIES, tmp_path, Corpus(file=Path("a.jsonl")), split=Split(dev=2, by="time"))
    assert prepared.report["parts"]["dev"]["records"] == 2 and prepared.records("dev")[0].group == "a"


def test_numbers_that_are_large_and_differ_little(tmp_path: Path) -> None:
    rows = [f"{1_000_000_000 + step % 7},5" for step in range(40)]
    prepared = run(SERIES, tmp_path, write_steps(tmp_path / "a.csv", *rows))
    numbers = np.concatenate(stored(prepared, "train", "history")).reshape(-1, 2)
    assert np.abs(numbers[:, 0]).max() < 2 and len(np.unique(numbers[:, 0])) == 7 and (numbers[:, 1] == 0).all()


CONSTANT, PERIODIC = ["5,1"] * 60, [f"{step % 7},1" for step in range(60)]


@pytest.mark.parametrize("rows", [CONSTANT, PERIODIC])
def test_a_series_that_repeats_itself_loses_no_window(tmp_path: Path, rows: list[str]) -> None:
    corpus = write_steps(tmp_path / "a.csv", *rows)
    prepared = run(SERIES, tmp_path, corpus, split=Split(dev=4, test=3, by="time"))
    assert {name: part["records"] for name, part in prepared.report["parts"].items()} == {
        "train": 55 - 7 - 2 * 5, "dev": 4, "test": 3
    }  # fmt: skip
    assert dropped(prepared) == {"reaches into a later part": 2 * 5}
    files = {name: write_steps(tmp_path / f"{name}.csv", *rows[:20]) for name in ("dev", "test")}
    prepared = run(SERIES, tmp_path, corpus, **files)
    assert [part["records"] for part in prepared.report["parts"].values()] == [55, 15, 15]
    assert not dropped(prepared) and not dropped(prepared, "dev")
    assert "every history of the dev files occurs in the train files too" in prepared.report["warnings"][0]
    assert "no window is left out" in prepared.report["warnings"][0]


def test_a_series_too_short_for_its_parts_names_what_helps(tmp_path: Path) -> None:
    corpus = write_steps(tmp_path / "a.csv", *waves(13))
    words = (
        r"1 is held out as dev, .* removed \(reaches into a later part\); give a longer series, hold out fewer windows"
    )
    with pytest.raises(ValueError, match=words):
        run(SERIES, tmp_path, corpus, split=Split(dev=1, test=1, by="time"))

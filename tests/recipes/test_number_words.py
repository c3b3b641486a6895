"""The number recipe's files: no number in two parts, every language for each, words that are right."""

import csv
import doctest
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from recipe_scripts import RECIPES, load_script

SCRIPT = RECIPES / "number-words" / "get_data.py"
pytest.importorskip("num2words")


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    return load_script(SCRIPT)


@pytest.fixture
def small(recipe: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few numbers, so that a test takes no time."""
    monkeypatch.setattr(recipe, "DRAWN", {3: (10, 5, 50), 4: (20, 10, 100)})


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_examples_in_the_docstrings(recipe: ModuleType) -> None:
    found = doctest.testmod(recipe)
    assert found.attempted and not found.failed


def test_the_files(recipe: ModuleType, small: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.main(["--out", str(tmp_path / "data")]) == 0
    said = capsys.readouterr().out
    assert re.search(r"num2words \d+\.\d+", said)
    found = {name: rows_of(tmp_path / "data" / f"{name}.csv") for name in ("train", "dev", "test")}
    numbers = {name: {row["source"] for row in rows} for name, rows in found.items()}
    assert {name: len(each) for name, each in numbers.items()} == {"train": 250, "dev": 15, "test": 30}
    assert not numbers["train"] & numbers["dev"] and not numbers["train"] & numbers["test"]
    assert not numbers["dev"] & numbers["test"]
    for name, rows in found.items():
        assert f"{len(numbers[name])} numbers in 5 languages, {len(rows)} pairs" in said
        assert {(row["source"], row["tag"]) for row in rows} == {
            (number, language) for number in numbers[name] for language in ("de", "en", "es", "fr", "it")
        }
        assert all(row["group"] == row["tag"] for row in rows)
        assert len({row["source"] for row in rows[:20]}) > 5  # not in the order of numbers or languages
        assert len({row["tag"] for row in rows[:20]}) > 2
    words = {(row["source"], row["tag"]): row["target"] for row in found["train"]}
    assert [words["21", tag] for tag in ("de", "en", "es", "fr", "it")] == [
        "einundzwanzig", "twenty-one", "veintiuno", "vingt et un", "ventuno",
    ]  # fmt: skip

    before = {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()}
    assert recipe.main(["--out", str(tmp_path / "data")]) == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()} == before


def test_the_split_of_the_real_ranges(recipe: ModuleType) -> None:
    parts = recipe.split()
    assert set(range(100)) <= set(parts["train"])
    every = [number for numbers in parts.values() for number in numbers]
    assert len(set(every)) == len(every) and max(every) <= 999_999
    assert {digits: sum(len(str(n)) == digits for n in parts["test"]) for digits in range(1, 7)} == {
        1: 0, 2: 0, **{digits: counts[0] for digits, counts in recipe.DRAWN.items()},
    }  # fmt: skip


def test_other_languages(recipe: ModuleType, small: None, tmp_path: Path) -> None:
    assert recipe.main(["--languages", "fi, pl", "--out", str(tmp_path)]) == 0
    rows = rows_of(tmp_path / "dev.csv")
    assert {row["tag"] for row in rows} == {"fi", "pl"}
    assert all("\n" not in row["target"] for row in rows)


@pytest.mark.parametrize(
    ("languages", "message"),
    [("de,xx", "num2words has no language 'xx'; it has am, "), ("de,de", "de is given twice"), ("", "no language ''")],
)
def test_languages_that_are_none(
    recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], languages: str, message: str
) -> None:
    assert recipe.main(["--languages", languages, "--out", str(tmp_path / "data")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("get_data.py: error: --languages: ") and message in said
    assert not (tmp_path / "data").exists()


def test_errors_are_one_line(
    recipe: ModuleType, small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert recipe.main(["--out", str(tmp_path / "file" / "data")]) == 2
    assert capsys.readouterr().err.startswith("get_data.py: error: ")
    monkeypatch.setitem(sys.modules, "num2words", None)
    assert recipe.main(["--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("install it with: pip install num2words\n")

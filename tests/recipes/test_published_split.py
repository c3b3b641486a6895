"""The split that published error rates are on, from its two files."""

import re
from pathlib import Path
from types import ModuleType

import pytest
from recipe_scripts import RECIPES, load_script

FOLDER = RECIPES / "pronounce-en"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    module = load_script(FOLDER / "get_published_split.py")
    monkeypatch.setattr(module, "DEV_WORDS", 2)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "g014b2b.train").write_text("A\tAH\nA\tEY\nWE\tW IY\nBE\tB IY\nO'ER\tAO R\n")
    (tmp_path / "g014b2b.test").write_text("ME\tM IY\nHE\tHH IY\nME\tM IH\n")
    return tmp_path


def test_words_in_small_letters_with_all_their_pronunciations(script: ModuleType, folder: Path) -> None:
    assert script.main([str(folder), "--out", str(folder / "data")]) == 0
    found = {name: (folder / "data" / f"{name}.tsv").read_text() for name in ("train", "dev", "test")}
    assert found["test"] == "me\tM IY\nme\tM IH\nhe\tHH IY\n"
    trained = sorted((found["train"] + found["dev"]).splitlines())
    assert trained == ["a\tAH", "a\tEY", "be\tB IY", "o'er\tAO R", "we\tW IY"]
    words = [{line.split("\t")[0] for line in found[name].splitlines()} for name in ("train", "dev")]
    assert [len(part) for part in words] == [2, 2] and not words[0] & words[1]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("g014b2b.train", "A\tAH\nWE W IY\n", r"g014b2b.train:2: expected a word, a tab and phonemes, found 'WE W IY'"),
        ("g014b2b.train", "A\t\n", r"g014b2b.train:1: expected a word"),
        ("g014b2b.train", "A\tAH\n", r"has 1 usable words, expected more than 2"),
        ("g014b2b.test", "BE\tB IY\n", r"1 words are in both files, such as be;"),
        ("g014b2b.test", None, r"No such file or directory"),
    ],
)
def test_files_that_are_not_that_split(
    script: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | None, words: str
) -> None:
    path = folder / name
    path.unlink() if content is None else path.write_text(content)
    assert script.main([str(folder), "--out", str(folder / "data")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("get_published_split.py: error: ") and said.count("\n") == 1
    assert re.search(words, said)

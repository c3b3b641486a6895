"""The sections recipe: what it reads of apt's index, that no source and no text is in two parts, and how it counts.

No network: apt-get is played by a script.
"""

import doctest
import importlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from recipe_scripts import RECIPES, importable, load_script

RECIPE = RECIPES / "debian-sections"


@pytest.fixture(scope="module", autouse=True)
def recipe_folder() -> Iterator[None]:
    with importable(RECIPE):
        yield


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    return load_script(RECIPE / "get_data.py")


@pytest.fixture(scope="module")
def index() -> ModuleType:
    return importlib.import_module("package_index")


@pytest.fixture(scope="module")
def baseline() -> ModuleType:
    return load_script(RECIPE / "bag_of_words.py")


def test_the_examples_in_the_docstrings(recipe: ModuleType, baseline: ModuleType) -> None:
    for module in (recipe, baseline):
        examples = doctest.testmod(module)
        assert examples.attempted and not examples.failed


# --- from the index to rows

PACKAGES = """\
Package: curl
Source: curl-source (7.88)
Section: contrib/web
Description: command line tool
Description-md5: 01

Package: no-section
Description-md5: 02

Package: undescribed
Section: net
Description-md5: 99
"""
TRANSLATION = """\
Package: curl
Description-md5: 01
Description-en: command line tool
 It knows
 FTP.
 .
 And HTTP: yes.

"""


def test_packages(index: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "Packages").write_text(PACKAGES)
    (tmp_path / "Translation-en").write_text(TRANSLATION)
    assert list(index.packages(tmp_path)) == [
        ("curl", "contrib/web", "curl-source", ["command line tool", " It knows", " FTP.", " .", " And HTTP: yes."]),
        ("undescribed", "net", "undescribed", None),
    ]


def test_a_file_that_is_not_utf8(index: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "Packages").write_bytes(b"Package: \xff\n")
    with pytest.raises(ValueError, match="Packages: is not UTF-8"):
        list(index.stanzas(tmp_path / "Packages"))


def test_each_text_once_and_no_rare_section(recipe: ModuleType) -> None:
    rows = [recipe.Row(*each) for each in [
        ("a", "net", "s1"), ("b", "net", "s1"), ("a", "net", "s2"), ("a", "web", "s3"), ("c", "zope", "s4"),
    ]]  # fmt: skip
    dropped: Counter[str] = Counter()
    assert recipe.usable(rows, dropped, rare=2) == rows[:2]
    assert dropped == {
        "text again, in same section": 1,
        "text again, in another section": 1,
        "section of fewer than 2: zope": 1,
    }


def rows_of(recipe: ModuleType, groups: int, each: int = 3) -> list[tuple[str, ...]]:
    return [
        recipe.Row(f"text {n} of {group}", "net", f"source-{group}") for group in range(groups) for n in range(each)
    ]


def test_no_source_is_in_two_parts(recipe: ModuleType) -> None:
    rows = rows_of(recipe, 40)
    parts = recipe.split(rows, held_out=10)
    assert {name: len(part) for name, part in parts.items()} == {"train": 96, "dev": 12, "test": 12}
    assert sorted(row for part in parts.values() for row in part) == sorted(rows)
    groups = [{row.group for row in part} for part in parts.values()]
    assert sum(map(len, groups)) == len(set().union(*groups)) == 40
    assert recipe.split(rows[::-1], held_out=10) == parts


def test_new_sources_move_only_those_next_to_the_cuts(recipe: ModuleType) -> None:
    old, new = (recipe.split(rows_of(recipe, groups), held_out=30) for groups in (100, 102))
    assert len({row.group for row in old["test"]} - {row.group for row in new["test"]}) <= 2


def test_too_few_rows(recipe: ModuleType) -> None:
    with pytest.raises(ValueError, match="dev has 2 rows, expected 10; is the package index complete"):
        recipe.split(rows_of(recipe, 12, 1), held_out=10)


# --- from apt to the files, without a network

PROGRAM = """\
#!{python}
import pathlib, sys
indexes, arguments = pathlib.Path({indexes!r}), sys.argv[1:]
if "update" in arguments:
    print("W: Some index files failed to download.", file=sys.stderr)
elif "indextargets" in arguments:
    for kind, file in (("Packages", "Packages"), ("Translations", "Translation-en")):
        print(f"{{kind}}\\tToy 12 toy/main {{file}}\\t{{indexes}}/{{file}}")
        print(f"{{kind}}\\tToy 12 toy-updates/main {{file}}\\t{{indexes}}/absent")
"""


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: ModuleType) -> Path:
    """A folder of indexes, which a program called apt-get serves."""
    indexes, programs = tmp_path / "indexes", tmp_path / "bin"
    indexes.mkdir()
    programs.mkdir()
    names = [(f"p{n}", ("net", "non-free/net", "web")[n % 3], str(n)) for n in range(60)]
    packages = [f"Package: {name}\nSection: {section}\nDescription-md5: {md5}\n" for name, section, md5 in names]
    texts = [
        f"Package: {name}\nDescription-md5: {md5}\nDescription-en: program {md5}\n It is.\n" for name, _, md5 in names
    ]
    (indexes / "Packages").write_text("\n".join(packages))
    (indexes / "Translation-en").write_text("\n".join(texts))
    for name in ("apt-get", "dpkg-deb"):
        (programs / name).write_text(PROGRAM.format(python=sys.executable, indexes=str(indexes)))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(recipe.split, "__defaults__", (10,))
    return tmp_path


def test_the_files(recipe: ModuleType, system: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = system / "data"
    assert recipe.main(["--out", str(out)]) == 0
    printed = capsys.readouterr().out
    parts = {
        name: [json.loads(line) for line in (out / f"{name}.jsonl").read_text().splitlines()]
        for name in ("train", "dev", "test")
    }
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 40, "dev": 10, "test": 10}
    rows = [row for part in parts.values() for row in part]
    assert {"text": "program 1\nIt is.", "label": "net", "group": "p1"} in rows
    assert Counter(row["label"] for row in rows) == {"net": 40, "web": 20}
    listed = (out / "SOURCES.txt").read_text()
    assert "Toy 12 toy/main Packages\n  SHA-256 " in listed and listed.endswith(printed)

    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert recipe.main(["--out", str(out)]) == 0
    assert "already downloaded" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_mirrors_that_cannot_be_reached(recipe: ModuleType, system: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (system / "indexes" / "Translation-en").unlink()
    assert recipe.main(["--out", str(system / "data")]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("get_data.py: error: apt's mirrors gave no Translation-en; is the network reachable")
    assert message.endswith("Some index files failed to download.")


def test_a_system_without_apt(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert recipe.main(["--out", str(tmp_path / "data")]) == 2
    assert "this system has no apt-get and no dpkg-deb" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


# --- the baseline


def test_macro_f1(baseline: ModuleType) -> None:
    labels, predictions = ["a", "a", "a", "b", "c"], ["a", "a", "b", "b", "d"]
    f1 = {"a": 2 * 2 / (2 + 3), "b": 2 * 1 / (2 + 1), "c": 0}
    assert baseline.macro_f1(labels, predictions) == pytest.approx(sum(f1.values()) / 3)
    assert baseline.accuracy(labels, predictions) == 3 / 5


def test_the_baseline_learns(baseline: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    assert baseline.main(["--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("train.jsonl: does not exist; write it with: python get_data.py\n")
    texts = {"web": "a server of pages", "perl": "a module for perl programs"}
    rows = [
        {"text": f"{text} {n}", "label": label, "group": str(n)} for n in range(20) for label, text in texts.items()
    ]
    for name in ("train", "dev", "test"):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert baseline.main(["--data", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "always web: test accuracy 50.00 %, macro-F1 33.33 %" in printed
    assert "words: test accuracy 100.00 %" in printed and "characters: test accuracy 100.00 %" in printed
    predictions = (tmp_path / "bag_of_words.txt").read_text().splitlines()
    assert predictions == [row["label"] for row in rows]
    labels = ["web", "perl", "perl", "net"]
    expected = metrics.f1_score(labels, predictions[:4], average="macro", labels=sorted(set(labels)), zero_division=0)
    assert baseline.macro_f1(labels, predictions[:4]) == pytest.approx(expected)


def test_without_scikit_learn(
    baseline: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert baseline.main(["--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("install it with: pip install scikit-learn\n")

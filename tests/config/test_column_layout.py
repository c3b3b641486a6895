"""Mappings whose keys are named when a file is read, and facts about settings."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import pytest

from transduce import config
from transduce.config import Fact, Keys, Rest

COLUMNS = {"columns": ("source", "target")}


@dataclass(frozen=True)
class Corpus:
    file: Annotated[Path | None, "one file with all columns"] = None
    files: Annotated[Mapping[str, Path], "text file, one value a line", Rest("columns")] = field(default_factory=dict)
    columns: Annotated[Mapping[str, str], "its name in the file", Keys("columns")] = field(default_factory=dict)
    weight: Annotated[float, "how often it is drawn", Fact(above=0.0, at_most=1000.0, resume=True)] = 1.0

    def __post_init__(self) -> None:
        config.check(self)
        if self.files and self.file:
            raise ValueError(f"{next(iter(self.files))} and file are both given")


@dataclass(frozen=True)
class Steps:
    budget: Annotated[int | None, "updates", Fact(at_least=1, below=10**8, resume=True)] = None
    share: Annotated[float, "of the steps", Fact(at_least=0.0, below=1.0, automatic=True)] = 0.5
    beam: Annotated[int, "hypotheses", Fact(at_least=1, at_most=1000)] = 4

    def __post_init__(self) -> None:
        config.check(self)


@dataclass(frozen=True)
class Run:
    train: Annotated[tuple[Corpus, ...], "corpora", Fact(prepared=True)]
    dev: Annotated[Corpus | None, "to validate on", Fact(measure=True, prepared=True)] = None
    steps: Annotated[Steps, "the budget"] = Steps()


def build(toml: str, *sets: str, names: Mapping[str, tuple[str, ...]] = COLUMNS) -> Run:
    return config.build(Run, config.override(tomllib.loads(toml), sets), "run.toml", names=names)


def refusal(toml: str, *sets: str) -> str:
    with pytest.raises(ValueError) as caught:
        build(toml, *sets)
    return str(caught.value)


ALIGNED = 'train = [{ target = "a.de", source = "a.en", weight = 2 }]\n'
TABLE = 'train = [{ file = "a.csv", columns = { target = "de" } }]\n'


def test_the_other_keys_of_a_table_and_those_of_a_subtable_are_named_when_it_is_read() -> None:
    (corpus,) = build(ALIGNED).train
    assert corpus.files == {"source": Path("a.en"), "target": Path("a.de")} and corpus.weight == 2
    assert list(corpus.files) == ["source", "target"]  # in the order of the names, whatever that of the file
    (corpus,) = build(TABLE).train
    assert corpus.columns == {"target": "de"} and corpus.files == {}
    (corpus,) = build('train = [{ text = "a.txt" }]', names={"columns": ("text",)}).train
    assert corpus.files == {"text": Path("a.txt")}
    assert build(ALIGNED, names={}) == build(ALIGNED)


@pytest.mark.parametrize("toml", [ALIGNED, TABLE, ALIGNED + 'dev = { source = "b", target = "c" }'])
def test_what_is_written_comes_back(toml: str) -> None:
    run = build(toml)
    assert build(config.dumps(config.tree_of(run))) == run
    assert "{}" not in config.dumps(config.tree_of(run))


def test_the_keys_that_are_not_given_come_from_the_base() -> None:
    base = build(ALIGNED + 'dev = { source = "b", target = "c" }')
    run = config.build(Run, {"dev": {"source": "d"}}, "run.toml", base, names=COLUMNS)
    assert run.dev is not None and run.dev.files == {"source": Path("d"), "target": Path("c")}


def test_unknown_names_get_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[[train]]\nsource = "a"\ntarged = "b"\n', encoding="utf-8")
    with pytest.raises(ValueError) as caught:
        config.build(Run, config.read(path), str(path), names=COLUMNS)
    assert str(caught.value) == f"{path}:3: unknown key 'train[0].targed'; did you mean 'train[0].target'?"
    assert refusal('train = [{ file = "a", columns = { soruce = "x" } }]') == (
        "run.toml: unknown key 'train[0].columns.soruce'; did you mean 'train[0].columns.source'?"
    )
    assert refusal('train = [{ lyrics = "a" }]') == (
        "run.toml: unknown key 'train[0].lyrics'; known keys here: file, columns, weight, source, target"
    )
    assert refusal('train = [{ files = { source = "a" } }]') == (
        "run.toml: unknown key 'train[0].files'; did you mean 'train[0].file'?"
    )
    assert refusal("train = [{ source = 1 }]") == ("run.toml: train[0].source must be a path, found 1 (whole number)")
    assert refusal('train = [{ columns = "x" }]') == ('run.toml: train[0].columns must be a table, found "x" (text)')
    assert refusal('train = [{ source = "a", file = "b" }]') == ("run.toml: train[0].source and file are both given")


def test_names_are_described_where_they_are_known() -> None:
    keys = {each.key: each for each in config.describe(Run, COLUMNS)}
    assert keys["train[].source"] == config.KeyDescription(
        "train[].source", "a path", "none", "text file, one value a line"
    )
    assert {"train[].target", "train[].columns.source", "dev.columns.target"} <= keys.keys()
    assert not any("files" in key for key in keys)
    assert "train[].source" not in {each.key for each in config.describe(Run)}


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("budget = 0", "steps.budget must be at least 1 and below 100,000,000, found 0"),
        ("budget = 100_000_000", "steps.budget must be at least 1 and below 100,000,000, found 100000000"),
        ("share = 1.0", "steps.share must be at least 0 and below 1, found 1.0"),
        ("beam = 1001", "steps.beam must be 1 to 1,000, found 1001"),
    ],
)
def test_a_value_outside_its_range_is_refused(toml: str, message: str) -> None:
    assert refusal(f"train = []\nsteps = {{ {toml} }}") == f"run.toml: {message}"


def test_ranges_hold_for_values_made_in_python() -> None:
    with pytest.raises(ValueError, match=r"^weight must be above 0 and at most 1000, found 0\.0$"):
        Corpus(weight=0.0)
    with pytest.raises(ValueError, match=r"^weight must be above 0"):
        Corpus(weight=math.nan)
    assert Steps(budget=None).budget is None


def test_keys_are_found_by_their_facts() -> None:
    assert config.keys_where(Run, lambda fact: fact.resume) == ("train[].weight", "dev.weight", "steps.budget")
    assert config.keys_where(Run, lambda fact: fact.measure) == ("dev",)
    prepared = config.keys_where(Run, lambda fact: fact.prepared)
    assert prepared == ("train", "dev")
    assert config.is_in("dev.weight", prepared) and not config.is_in("devil", prepared)

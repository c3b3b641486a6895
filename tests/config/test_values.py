"""Config values after a file has been read: given keys, values by key, changes, differences."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest

from transduce import config
from transduce.config import Given, Rest


@dataclass(frozen=True)
class Linear:
    warmup: Annotated[int, "steps"] = 400


@dataclass(frozen=True)
class Cosine:
    warmup: Annotated[int, "steps"] = 400
    final: Annotated[float, "factor"] = 0.0


@dataclass(frozen=True)
class Corpus:
    files: Annotated[Mapping[str, str], "of each column", Rest("columns")] = field(default_factory=dict)
    weight: Annotated[float, "how often"] = 1.0

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise ValueError(f"weight must be above 0, found {self.weight}")


@dataclass(frozen=True)
class Run:
    train: Annotated[tuple[Corpus, ...], "corpora"]
    betas: Annotated[tuple[float, float], "decays"] = (0.9, 0.98)
    schedule: Annotated[Linear | Cosine, "the rate", {"linear": Linear, "cosine": Cosine}] = Linear()
    average: Annotated[float | None, "decay"] = None


RUN = Run((Corpus({"source": "a"}), Corpus({"source": "b"}, 2.0)), schedule=Cosine(final=0.1))


def test_a_table_is_given_where_one_of_its_keys_is() -> None:
    given = config.given({"model": {"norm": {"eps": 1e-3}}, "train": [{"file": "a"}], "x": {}, "y": []})
    assert given == Given(frozenset({"model.norm.eps", "train.0.file", "x", "y"}))
    assert "model" in given and "model.norm" in given and "train.0" in given and "x" in given
    assert "model.norm.eps.more" not in given and "mode" not in given and "train.1" not in given
    assert given.any(["seed", "train"]) and not given.any(["seed"])


def test_every_setting_has_a_dotted_key() -> None:
    assert config.values_of(RUN) == {
        "train.0.source": "a",
        "train.0.weight": 1.0,
        "train.1.source": "b",
        "train.1.weight": 2.0,
        "betas": [0.9, 0.98],
        "schedule.kind": "cosine",
        "schedule.warmup": 400,
        "schedule.final": 0.1,
        "average": None,
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.1.weight", 2.0),
        ("train.1.source", "b"),
        ("train.1", {"source": "b", "weight": 2.0}),
        ("schedule", {"kind": "cosine", "warmup": 400, "final": 0.1}),
        ("schedule.kind", "cosine"),
        ("schedule.final", 0.1),
        ("average", None),
        ("train.2.weight", None),
        ("schedule.peak", None),
        ("betas", [0.9, 0.98]),
    ],
)
def test_settings_are_found_by_their_key(key: str, value: Any) -> None:
    assert config.value_at(RUN, key) == value


def test_a_value_with_changes() -> None:
    changed = config.with_values(
        RUN, {"schedule.warmup": 7, "train.0.weight": 3, "average": 0.5, "train.1.source": "c"}
    )
    assert changed == Run(
        (Corpus({"source": "a"}, 3.0), Corpus({"source": "c"}, 2.0)), schedule=Cosine(7, 0.1), average=0.5
    )
    assert config.with_values(RUN, {"schedule": "linear"}).schedule == Linear()
    assert config.with_values(RUN, {"schedule": "linear", "schedule.warmup": 3}).schedule == Linear(3)
    assert config.with_values(changed, {"average": None}).average is None
    assert config.with_values(RUN, config.values_of(RUN)) == RUN


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.0.weight": 0}, "--set: train[0].weight must be above 0, found 0.0"),
        ({"schedule.peak": 1}, "--set: unknown key 'schedule.peak'; known keys here: warmup, final"),
        ({"train.2.weight": 1}, "--set: train must be a list of tables, found { 2 = { weight = 1 } } (table)"),
        ({"average": "much"}, '--set: average must be a number or "none", found "much" (text)'),
    ],
)
def test_changes_are_checked_as_those_of_a_file(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        config.with_values(RUN, changes)
    assert str(caught.value) == message


def test_differences_by_key() -> None:
    other = config.with_values(RUN, {"schedule": "linear", "average": 0.9})
    found = config.differences(config.values_of(RUN), config.values_of(other))
    assert [str(each) for each in found] == [
        "schedule.kind = 'cosine', now 'linear'",
        "average = None, now 0.9",
        "schedule.final = 0.1, now None",
    ]
    assert not config.differences(config.values_of(RUN), config.values_of(RUN))

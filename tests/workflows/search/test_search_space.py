"""What a search may change, and what it proposes."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce import config
from transduce.workflows.search.proposals import propose
from transduce.workflows.search.space import Choices, Dimension, Range, combinations, parse

KINDS = {"training.batch-tokens": "a whole number", "model.dropout": "a number"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("training.learning-rate=1e-4..3e-3", Range("training.learning-rate", 1e-4, 3e-3)),
        ("training.batch-tokens=512..4096", Range("training.batch-tokens", 512, 4096, whole=True)),
        ("model.dropout=0..1", Range("model.dropout", 0.0, 1.0)),
        ("model.x = -1 .. 1", Range("model.x", -1.0, 1.0)),
        ("model.dropout=0.0,0.1, 0.3", Choices("model.dropout", (0.0, 0.1, 0.3))),
        ("training.schedule=linear,cosine", Choices("training.schedule", ("linear", "cosine"))),
        ('a={ kind = "linear", warmup = 5 }, "cosine"', Choices("a", ({"kind": "linear", "warmup": 5}, "cosine"))),
        ("start-from=../a,../b", Choices("start-from", ("../a", "../b"))),
    ],
)
def test_ranges_and_choices(text: str, found: Dimension) -> None:
    assert parse(text, KINDS) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model.dropout", r"expected KEY=LOW\.\.HIGH or KEY=A,B,\.\.\., found 'model.dropout'"),
        ("=1..2", "expected KEY="),
        ("model.dropout=", "expected KEY="),
        ("model.dropout=0.3..0.1", r"the range of model.dropout is reversed; write 0\.1\.\.0\.3"),
        ("model.dropout=0.1..0.1", "holds one value only, 0.1"),
        ("model.dropout=0.1", "model.dropout has one value only"),
        ("model.dropout=0.1,0.1", "model.dropout names a value twice"),
        ("model.dropout=..1", "two numbers, found ''"),
        ("model.dropout=a..b", "two numbers, found 'a'"),
        ("model.dropout=0..inf", "two numbers, found 'inf'"),
        ("model.dropout=false..true", "two numbers, found 'false'"),
        ("training.batch-tokens=1e3..4e3", r"takes whole numbers, found 1e3\.\.4e3"),
        ("a={ kind = , cosine", "the values of a are not TOML"),
    ],
)
def test_bad_dimensions(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text, KINDS)


def test_a_range_over_factors_is_drawn_by_factors() -> None:
    assert Range("a", 1e-4, 1e-3).by_factors and not Range("a", 1e-4, 9e-4).by_factors
    assert not Range("a", 0.0, 1.0).by_factors


def test_combinations_are_counted() -> None:
    assert combinations([Choices("a", (1, 2)), Range("b", 3, 5, whole=True)]) == 6
    assert combinations([Choices("a", (1, 2)), Range("b", 0.0, 1.0)]) == math.inf


@given(
    value=st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text("a\"' -1"))
)
@settings(max_examples=50)
def test_an_assignment_gives_the_value_back(value: Any) -> None:
    found = config.override({}, [config.assignment("table.key", value)])["table"]["key"]
    assert found == value and type(found) is type(value)


# --- Proposals

SPACE: list[Dimension] = [
    Range("rate", 1e-4, 1e-1),
    Range("size", 3, 30, whole=True),
    Choices("kind", ("a", "b", {"c": 1})),
]


def worth(values: dict[str, Any]) -> float:
    """Greatest at rate 1e-2, kind b."""
    return -abs(math.log10(values["rate"]) + 2) - (0 if values["kind"] == "b" else 1)


@given(seed=st.integers(0, 2**63 - 1), higher=st.booleans())
@settings(max_examples=10)
def test_proposals_lie_in_the_space_and_repeat_exactly(seed: int, higher: bool) -> None:
    tried: list[tuple[dict[str, Any], float | None]] = []
    for number in range(7):
        values = propose(SPACE, tried, higher, seed + number)
        assert values == propose(SPACE, tried, higher, seed + number)
        assert all(each.holds(values[each.key]) for each in SPACE)
        assert isinstance(values["size"], int)
        tried.append((values, None if number == 3 else worth(values)))


@pytest.mark.parametrize("sign", [1, -1])
def test_proposals_come_near_the_best(sign: int) -> None:
    """Of 30 that are chosen by what came before, the later half is better than the half drawn early, either way up."""
    tried: list[tuple[dict[str, Any], float | None]] = []
    for number in range(30):
        values = propose(SPACE, tried, sign == 1, number)
        tried.append((values, sign * worth(values)))
    found = [sign * (value or 0.0) for _, value in tried]
    assert sum(found[15:]) > sum(found[:15])
    assert max(found) > -0.3


def test_nothing_is_proposed_twice_while_something_else_is_left() -> None:
    space: list[Dimension] = [Choices("a", (1, 2, 3)), Choices("b", (True, False))]
    tried: list[tuple[dict[str, Any], float | None]] = []
    for number in range(6):
        tried.append((propose(space, tried, True, number), 1.0))
    assert len({(values["a"], values["b"]) for values, _ in tried}) == 6
    assert propose(space, tried, True, 6)["a"] in (1, 2, 3)


def test_a_runs_own_value_is_the_one_listed() -> None:
    dimension = parse("training.r-drop=0,1,3", KINDS)
    assert isinstance(dimension, Choices) and dimension.holds(0.0) and not dimension.holds(2.0)
    assert repr(dimension.listed(0.0)) == "0"
    tried = [({dimension.key: dimension.listed(0.0)}, 1.0)]
    assert propose([dimension], tried, False, 1)[dimension.key] in (1, 3)
    assert Range("a", 0.0, 1.0).listed(0.5) == 0.5

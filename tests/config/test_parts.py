"""Parts of a caller's own in a config: which are read, written and refused."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol

import pytest

from transduce import config
from transduce.config import Parts


class Norm(Protocol):
    def module(self, width: int) -> str: ...


class Schedule(Protocol):
    name: str

    @property
    def warmup(self) -> int: ...


@dataclass(frozen=True)
class Encoding:
    """A field of this type takes subclasses."""


@dataclass(frozen=True)
class LayerNorm:
    eps: float = 1e-5

    def module(self, width: int) -> str:
        return f"layer {width}"


@dataclass(frozen=True)
class Linear:
    name = "linear"
    warmup: int = 3


@dataclass(frozen=True)
class Run:
    norm: Annotated[Norm, "the norm", {"layer-norm": LayerNorm}] = LayerNorm()
    norms: Annotated[tuple[Norm, ...], "more of them", {"layer-norm": LayerNorm}] = ()
    encoding: Annotated[Encoding, "positions", {"plain": Encoding}] = Encoding()
    schedule: Annotated[Schedule, "the rate", {"linear": Linear}] = Linear()


@dataclass(frozen=True)
class Mine:
    eps: float = 0.5
    names: tuple[str, ...] = ("a",)
    inner: Annotated[Norm, "another norm", {"layer-norm": LayerNorm}] = LayerNorm()

    def module(self, width: int) -> str:
        return f"mine {width}"


@dataclass(frozen=True)
class Far(Encoding):
    pass


PARTS: Parts = {"mine": Mine, "far": Far}


def build(tree: dict[str, Any], parts: Parts = PARTS) -> Run:
    return config.build(Run, tree, "run.toml", parts=parts)


def refusal(tree: dict[str, Any], parts: Parts = PARTS) -> str:
    with pytest.raises(ValueError) as caught:
        build(tree, parts)
    return str(caught.value)


def test_a_field_takes_an_own_part_by_name_and_by_table() -> None:
    assert build({"norm": "mine", "encoding": "far"}) == Run(norm=Mine(), encoding=Far())
    run = build({"norm": {"kind": "mine", "eps": 2, "inner": "mine"}, "norms": ["layer-norm", "mine"]})
    assert run == Run(norm=Mine(eps=2.0, inner=Mine()), norms=(LayerNorm(), Mine()))


@pytest.mark.parametrize("run", [Run(norm=Mine(inner=Mine())), Run(norms=(Mine(0.1),), encoding=Far()), Run()])
def test_what_is_written_builds_an_equal_value(run: Run) -> None:
    assert build(config.tree_of(run, PARTS)) == run


def test_settings_are_read_and_changed_by_key() -> None:
    run = build({"norm": "mine"})
    assert config.value_at(run, "norm.kind", PARTS) == "mine"
    assert config.values_of(run, PARTS)["norm.inner.kind"] == "layer-norm"
    assert config.with_values(run, {"norm.eps": 4}, PARTS).norm == Mine(eps=4.0)


def test_without_parts_it_is_refused() -> None:
    with pytest.raises(config.UnknownPart) as caught:
        build({"norm": "mine"}, {})
    assert str(caught.value) == 'run.toml: norm must be one of "layer-norm", found "mine" (text)'
    assert caught.value.kind == "mine"
    with pytest.raises(ValueError, match="norm: Mine cannot be saved"):
        config.tree_of(Run(norm=Mine()))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"norm": "far"}, 'run.toml: norm cannot be the part "far": Far has no module(width)'),
        ({"encoding": "mine"}, 'run.toml: encoding cannot be the part "mine": Mine is no subclass of Encoding'),
        ({"schedule": "mine"}, 'run.toml: schedule cannot be the part "mine": Mine has no name'),
        (
            {"norm": "mien"},
            'run.toml: norm must be one of "layer-norm", "mine", found "mien" (text); did you mean \'mine\'?',
        ),
        ({"norm": {"kind": "mine", "esp": 1}}, "run.toml: unknown key 'norm.esp'; did you mean 'norm.eps'?"),
    ],
)
def test_a_part_that_does_not_fit_is_named_with_its_field(tree: dict[str, Any], message: str) -> None:
    assert refusal(tree) == message


def test_a_method_with_other_arguments_does_not_fit() -> None:
    @dataclass(frozen=True)
    class NoWidth:
        def module(self) -> str:
            return ""

    expected = 'run.toml: norm cannot be the part "no-width": NoWidth.module must take (width), found ()'
    assert refusal({"norm": "no-width"}, {"no-width": NoWidth}) == expected


def test_a_protocol_does_not_lend_its_own_methods() -> None:
    @dataclass(frozen=True)
    class Empty(Norm):
        pass

    assert "Empty has no module(width)" in refusal({"norm": "empty"}, {"empty": Empty})


def test_parts_that_no_setting_can_hold_are_refused() -> None:
    @dataclass
    class Thawed:
        pass

    @dataclass(frozen=True)
    class Required:
        eps: float

    @dataclass(frozen=True)
    class Odd:
        values: dict[str, int] = field(default_factory=dict)

    @dataclass(frozen=True)
    class Kind:
        kind: str = ""

    messages = {
        "layer-norm": (Mine, 'parts: "layer-norm" is a built-in part of norm; choose another name'),
        "My norm": (Mine, "parts: a name is lower-case letters, digits and hyphens, such as \"my-norm\", found 'My norm'"),
        "thawed": (Thawed, 'parts["thawed"] must be a class with @dataclass(frozen=True), found Thawed'),
        "required": (Required, 'parts["required"]: Required.eps needs a default'),
        "odd": (Odd, 'parts["odd"]: Odd.values is dict[str, int], which TOML cannot hold'),
        "kind": (Kind, 'parts["kind"]: Kind has a field "kind"'),
    }  # fmt: skip
    for name, (part, message) in messages.items():
        with pytest.raises(ValueError) as caught:
            config.build(Run, {}, "run.toml", parts={name: part})  # type: ignore[dict-item]
        assert str(caught.value).startswith(message)


def test_a_part_may_hold_what_any_config_holds() -> None:
    @dataclass(frozen=True)
    class Whole:
        path: Path | None = None
        pair: tuple[int, float] = (1, 2.0)
        inner: Mine = Mine()

        def module(self, width: int) -> str:
            return ""

    parts = {"whole": Whole, "mine": Mine}
    run = build({"norm": {"kind": "whole", "path": "a", "inner": {"eps": 3}}}, parts)
    assert run.norm == Whole(Path("a"), inner=Mine(eps=3.0))
    assert build(config.tree_of(run, parts), parts) == run

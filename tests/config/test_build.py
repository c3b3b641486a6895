"""Strict TOML: what is written comes back equal, and every mistake is named by file and key."""

import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce import config


@dataclass(frozen=True)
class LayerNorm:
    eps: Annotated[float, "added to the variance"] = 1e-5
    bias: Annotated[bool, "with a bias"] = True


@dataclass(frozen=True)
class RMSNorm:
    eps: Annotated[float, "added to the mean square"] = 1e-6


NORMS: dict[str, type] = {"layer-norm": LayerNorm, "rms-norm": RMSNorm}


@dataclass(frozen=True)
class Corpus:
    source: Annotated[Path, "one sentence a line"]
    weight: Annotated[float, "how often it is drawn"] = 1.0


@dataclass(frozen=True)
class Split:
    dev: Annotated[int, "pairs"]
    by: Annotated[Literal["source", "group"], "what stays together"] = "source"
    limit: Annotated[int | None, "at most"] = None


@dataclass(frozen=True)
class Training:
    steps: Annotated[int | None, "updates"] = 1000
    betas: Annotated[tuple[float, float], "decay of the moments"] = (0.9, 0.98)
    batch_tokens: Annotated[int | None, "target tokens in a batch"] = None

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"steps must be at least 1, found {self.steps}")
        if self.batch_tokens is not None and self.steps is None:
            raise ValueError("needs steps with batch-tokens")


@dataclass(frozen=True)
class Run:
    task: Annotated[Literal["translation", "language-model"], "what to learn"]
    name: Annotated[str | None, "free text"] = None
    seed: Annotated[int, "of all randomness"] = 1
    quick: Annotated[bool, "less of everything"] = False
    train: Annotated[tuple[Corpus, ...], "corpora"] = ()
    split: Annotated[Split | None, "where there is no dev corpus"] = field(default_factory=lambda: Split(10, limit=7))
    training: Annotated[Training, "the optimisation"] = Training(steps=50)
    norm: Annotated[LayerNorm | RMSNorm, "before each part", NORMS] = LayerNorm(eps=1e-3)
    final_norm: Annotated[LayerNorm | RMSNorm | None, "at the end", NORMS] = RMSNorm()
    norms: Annotated[tuple[LayerNorm | RMSNorm, ...], "one per layer", NORMS] = ()


def build(toml: str, *sets: str, base: Run | None = None) -> Run:
    return config.build(Run, config.override(tomllib.loads(toml), sets), "run.toml", base)


def refusal(toml: str, *sets: str) -> str:
    with pytest.raises(ValueError) as caught:
        build(toml, *sets)
    return str(caught.value)


numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]))
paths = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(Path)
norms = st.builds(LayerNorm, numbers, st.booleans()) | st.builds(RMSNorm, numbers)
some = st.integers(-(2**63), 2**63 - 1)
trainings = st.builds(Training, st.none() | st.integers(1, 99), st.tuples(numbers, numbers), st.none()) | st.builds(
    Training, st.integers(1, 99), st.tuples(numbers, numbers), some
)
runs = st.builds(
    Run,
    task=st.sampled_from(["translation", "language-model"]),
    name=st.none() | texts,
    seed=some,
    quick=st.booleans(),
    train=st.lists(st.builds(Corpus, paths, numbers), max_size=3).map(tuple),
    split=st.none() | st.builds(Split, some, st.sampled_from(["source", "group"]), st.none() | some),
    training=trainings,
    norm=norms,
    final_norm=st.none() | norms,
    norms=st.lists(norms, max_size=3).map(tuple),
)


@settings(max_examples=60)
@given(runs, runs)
def test_what_is_written_comes_back_equal(run: Run, other: Run) -> None:
    tree = config.tree_of(run)
    text = config.dumps(tree)
    assert tomllib.loads(text) == tree
    assert config.build(Run, tomllib.loads(text), "x") == run
    assert config.build(Run, {}, "x", base=other) == other


@settings(max_examples=100)
@given(runs, st.data())
def test_a_key_that_is_set_changes_only_itself(run: Run, data: st.DataObject) -> None:
    tree = config.tree_of(run)
    before = config.dumps(tree)
    seed = data.draw(some)
    changed = config.override(tree, [f"seed={seed}", "training.steps=3"])
    assert changed == {**tree, "seed": seed, "training": {**tree["training"], "steps": 3}}
    assert config.dumps(tree) == before


def test_keys_that_are_not_written_come_from_the_base_then_from_the_default() -> None:
    base = Run("translation", seed=5, training=Training(steps=9, betas=(0.1, 0.2)))
    run = build('training = { steps = 7 }\nnorm = { bias = false }\nsplit = { by = "group" }', base=base)
    assert run == Run(
        "translation",
        seed=5,
        training=Training(7, (0.1, 0.2)),
        norm=LayerNorm(1e-3, False),
        split=Split(10, "group", 7),
    )


@pytest.mark.parametrize(
    ("toml", "norm"),
    [
        ('norm = "layer-norm"', LayerNorm()),  # a bare name: all the part's own defaults
        ('norm = { kind = "rms-norm", eps = 2 }', RMSNorm(2.0)),
        ("norm = { bias = false }", LayerNorm(1e-3, False)),  # without a kind: the default part, changed
        ("norm.eps = 1", LayerNorm(1.0)),
    ],
)
def test_a_part_is_a_name_or_a_table(toml: str, norm: LayerNorm | RMSNorm) -> None:
    assert build(f'task = "translation"\n{toml}').norm == norm


def test_none_is_written_where_leaving_it_out_would_bring_a_default_back() -> None:
    run = build('task = "translation"\nfinal-norm = "none"\nsplit = "none"\ntraining.steps = "none"')
    assert (run.final_norm, run.split, run.training.steps) == (None, None, None)
    assert build('task = "translation"\nname = "none"').name == "none"  # text stays text


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("trainig.steps = 1", "unknown key 'trainig'; did you mean 'training'?"),
        ("training.stpes = 1", "unknown key 'training.stpes'; did you mean 'training.steps'?"),
        ("training.batch_tokens = 1", "unknown key 'training.batch_tokens'; did you mean 'training.batch-tokens'?"),
        ("training.seed = 1", "unknown key 'training.seed'; did you mean 'seed'?"),
        ("steps = 1", "unknown key 'steps'; did you mean 'training.steps'?"),
        ("split.xyz = 1", "unknown key 'split.xyz'; known keys here: dev, by, limit"),
        (
            'train = [{ source = "a" }, { sorce = "b" }]',
            "unknown key 'train[1].sorce'; did you mean 'train[1].source'?",
        ),
        (
            'norm = { kind = "rms-norm", bias = 1 }',
            "norm.bias is a key of layer-norm, but norm is rms-norm; known keys here: eps",
        ),
        ('training.steps = "many"', 'training.steps must be a whole number or "none", found "many" (text)'),
        ("training.steps = 1.5", 'training.steps must be a whole number or "none", found 1.5 (number)'),
        ("training.steps = true", 'training.steps must be a whole number or "none", found true (true or false)'),
        ("seed = 1e3", "seed must be a whole number, found 1000.0 (number); write 1000"),
        ("quick = 1", "quick must be true or false, found 1 (whole number)"),
        ("name = 3", "name must be text, found 3 (whole number)"),
        ("name = 2024-01-31", "name must be text, found 2024-01-31 (date)"),
        ("training = 3", "training must be a table, found 3 (whole number)"),
        ("train = 3", "train must be a list of tables, found 3 (whole number)"),
        ("train = [3]", "train[0] must be a table, found 3 (whole number)"),
        ("train = [{}]", "train[0].source is missing; expected a path (one sentence a line)"),
        ('train = [{ source = "" }]', 'train[0].source must be a path, found "" (text)'),
        ('train = [{ source = "a", weight = nan }]', "train[0].weight must be a finite number, found nan (number)"),
        ("norm.eps = -inf", "norm.eps must be a finite number, found -inf (number)"),
        ("training.betas = [0.9]", "training.betas must be a list of 2 numbers, found [0.9] (list)"),
        (
            'training.batch-tokens = "x"',
            'training.batch-tokens must be a whole number or "none", found "x" (text)',
        ),
        (
            'split.by = "sorce"',
            'split.by must be one of "source", "group", found "sorce" (text); did you mean \'source\'?',
        ),
        (
            'norm = "layernorm"',
            'norm must be one of "layer-norm", "rms-norm", found "layernorm" (text); did you mean \'layer-norm\'?',
        ),
        ('norms = ["rms-norm", { eps = 1 }]', 'norms[1] needs a kind, one of "layer-norm", "rms-norm"'),
        ("training.steps = 0", "training.steps must be at least 1, found 0"),
        ('training = { steps = "none", batch-tokens = 5 }', "[training] needs steps with batch-tokens"),
    ],
)
def test_mistakes_name_the_file_the_key_and_the_remedy(toml: str, message: str) -> None:
    assert refusal(f'task = "translation"\n{toml}') == f"run.toml: {message}"


def test_a_required_key_says_what_belongs_there() -> None:
    assert refusal("") == 'run.toml: task is missing; expected one of "translation", "language-model" (what to learn)'


def test_a_tree_from_within_a_file_keeps_its_full_keys() -> None:
    with pytest.raises(ValueError, match=r"^run.toml: model.steps must be at least 1, found 0$"):
        config.build(Training, {"steps": 0}, "run.toml", key="model")
    with pytest.raises(ValueError, match=r"'model.stesp'; did you mean 'model.steps'"):
        config.build(Training, {"stesp": 0}, "run.toml", key="model")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 1e-3),
        ("true", True),
        ('"3"', "3"),
        ("[1, 2]", [1, 2]),
        ("{ a = 1 }", {"a": 1}),
        ("translation", "translation"),
        ("corpus/train.en", "corpus/train.en"),
        ("a = b", "a = b"),
        ("ünï", "ünï"),
        ("", ""),
    ],
)
def test_values_on_the_command_line_are_toml_or_bare_words(text: str, value: Any) -> None:
    assert config.override({"a": {"c": 1}}, [f"a.b={text}"]) == {"a": {"c": 1, "b": value}}


def test_items_of_lists_and_keys_of_parts_can_be_set() -> None:
    toml = 'task = "translation"\ntrain = [{ source = "a" }, { source = "b" }]\nnorm = "rms-norm"'
    run = build(toml, "train.1.weight=2", "norm.eps=1e-2")
    assert run.train == (Corpus(Path("a")), Corpus(Path("b"), 2.0))
    assert run.norm == RMSNorm(1e-2)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("seed", "expected KEY=VALUE with a dotted key, such as training.steps=1000, found 'seed'"),
        ("=1", "expected KEY=VALUE with a dotted key, such as training.steps=1000, found '=1'"),
        ("a..b=1", "expected KEY=VALUE with a dotted key, such as training.steps=1000, found 'a..b=1'"),
        ("train=[1,", "the value of train is not TOML: "),
        ("name=\udcff", "the value of name holds unprintable characters: '\\udcff'"),
        ("name=1\nseed=2", "the value of name holds unprintable characters: '1\\nseed=2'"),
        ("seed.x=2", "seed.x cannot be set, as seed is not a table"),
        ("train.2.weight=1", "train.2.weight must name an item of the list by its number, 0 to 0, found '2'"),
        ("seed=many", 'seed must be a whole number, found "many" (text)'),
        ("seeed=1", "unknown key 'seeed'; did you mean 'seed'?"),
        ("trainign.steps=5", "unknown key 'trainign'; did you mean 'training'?"),
        ("train.0.weight=x", 'train[0].weight must be a number, found "x" (text)'),
        ('train=[{ source = "a", weight = "x" }]', 'train[0].weight must be a number, found "x" (text)'),
        ("training.steps=0", "training.steps must be at least 1, found 0"),
        ("norm.eps=x", 'norm.eps must be a number, found "x" (text)'),
    ],
)
def test_mistakes_on_the_command_line_are_not_blamed_on_the_file(assignment: str, message: str) -> None:
    toml = 'task = "translation"\nseed = 1\ntrain = [{ source = "a" }]\nnorm = "rms-norm"'
    assert refusal(toml, assignment).startswith(f"--set: {message}")
    assert refusal(toml + '\nquick = "x"', "seed=2").startswith("run.toml: quick ")


def test_parts_without_a_name_and_values_outside_toml_are_not_written() -> None:
    class OwnNorm(LayerNorm):
        pass

    with pytest.raises(ValueError, match=r"^norm: .*OwnNorm cannot be saved.*layer-norm, rms-norm"):
        config.tree_of(Run("translation", norm=OwnNorm()))
    with pytest.raises(ValueError, match="weight: nan cannot be written"):
        config.tree_of(Corpus(Path("a"), math.nan))


def test_every_key_is_described() -> None:
    keys = {item.key: item for item in config.describe(Run)}
    assert keys["task"].default == "required"
    assert keys["training.steps"] == config.KeyDescription(
        "training.steps", 'a whole number or "none"', "50", "updates"
    )  # the default of this run, not of the class
    assert keys["train[].weight"].text == "how often it is drawn"
    assert keys["norm"].default == '{ kind = "layer-norm", eps = 0.001, bias = true }'
    assert keys["norm.bias"].text == "(layer-norm) with a bias"
    assert keys["split.limit"].default == "7"
    assert "norms[].eps" in keys

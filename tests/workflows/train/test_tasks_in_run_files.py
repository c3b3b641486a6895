"""Run files of several tasks and networks: the task is read first, and names columns and network."""

from dataclasses import replace
from pathlib import Path

import pytest

from transduce import config
from transduce.config.fields import fields_of
from transduce.data.config import DataConfig
from transduce.networks.config import DecoderOnlyConfig, EncoderDecoderConfig, EncoderOnlyConfig
from transduce.networks.presets import DECODER_ONLY_PRESETS, ENCODER_ONLY_PRESETS, PRESETS
from transduce.networks.recurrent import RecurrentConfig
from transduce.networks.table import NetworkConfig
from transduce.tasks.language_model import LanguageModel
from transduce.tasks.table import TASKS
from transduce.tasks.translation import Translation
from transduce.text.config import ColumnTokenizer, TokenizerConfig
from transduce.workflows.train.run_file import RunConfig, describe_run_file, read_run, read_run_toml, run_toml

TASK_NAMES = ", ".join(f'"{name}"' for name in TASKS)
DATA = '[data]\ntrain = [{ file = "a.tsv" }]\n'
LM = '[task]\nkind = "language-model"\ncontext = 64\n'


def run(folder: Path, text: str, *sets: str) -> RunConfig:
    (folder / "run.toml").write_text(text, encoding="utf-8")
    return read_run(folder / "run.toml", sets).run


def refusal(folder: Path, text: str, *sets: str) -> str:
    with pytest.raises(ValueError) as caught:
        run(folder, text, *sets)
    return str(caught.value).removeprefix(f"{folder}/")


def test_the_task_names_the_network(tmp_path: Path) -> None:
    small = "transformer-small"
    assert run(tmp_path, DATA).task == Translation()
    assert run(tmp_path, 'task = "translation"\n' + DATA).model == PRESETS[small]()
    assert run(tmp_path, 'task = "classification"\n' + DATA).model == ENCODER_ONLY_PRESETS[small]()
    plays = run(tmp_path, DATA + LM + "[model]\nlayers = 7\n")
    assert plays.task == LanguageModel(context=64)
    assert plays.model == replace(DECODER_ONLY_PRESETS[small](), layers=7)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ('task = "language-model"\nmodel = "decoder-only"', DECODER_ONLY_PRESETS["transformer-small"]()),
        ('task = "classification"\nmodel = { preset = "transformer-tiny", kind = "encoder-only", layers = 1 }',
         replace(ENCODER_ONLY_PRESETS["transformer-tiny"](), layers=1)),
        ('model = { preset = "transformer-tiny", d-model = 32 }', replace(PRESETS["transformer-tiny"](), d_model=32)),
    ],
)  # fmt: skip
def test_a_network_may_be_named_by_its_kind_and_preset(tmp_path: Path, model: str, expected: NetworkConfig) -> None:
    assert run(tmp_path, f"{model}\n{DATA}").model == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            DATA + LM + "[model]\nencoder-layers = 2\n",
            "run.toml:7: model.encoder-layers is a key of encoder-decoder, recurrent and convolutional networks; "
            "this run's task, language-model, uses "
            "decoder-only",
        ),
        (
            DATA + "[model]\nheads = 2\nlayers = 3\n",
            "run.toml:5: model.layers is a key of decoder-only, encoder-only, vit, series-gru and series-transformer networks; "
            "this run's task, translation, uses encoder-decoder",
        ),
        (
            DATA + '[model]\nkind = "encoder-only"\ntie-output = true\n',
            "run.toml:5: model.tie-output is a key of encoder-decoder, decoder-only, recurrent and convolutional networks; "
            "model.kind is encoder-only",
        ),
        (
            DATA + '[task]\nkind = "translation"\ncontext = 3\n',
            "run.toml:5: task.context is a key of language-model, but task is translation; known keys here: none",
        ),
        (
            'task = "language-model"\n[data]\ntrain = [\n{ source = "a.txt" }]\n',
            "run.toml:3: source in data.train is a column of translation; this run's task, language-model, has text",
        ),
        (
            DATA + '[task]\nkind = "language-modle"\n',
            f'run.toml:4: task must be one of {TASK_NAMES}, found "language-modle" (text); '
            "did you mean 'language-model'?",
        ),
        (
            DATA + '[model]\nkind = "decoder"\n',
            'run.toml:4: model must be one of "encoder-decoder", "decoder-only", "encoder-only", "recurrent", "convolutional", '
            '"alexnet", "efficientnet", "vit", "series-gru", "series-transformer", found "decoder" (text); did you mean '
            "'decoder-only'?",
        ),
        (
            DATA + '[model]\npreset = "transformer-smal"\n',
            f"run.toml:4: model.preset must be one of {', '.join(PRESETS)}, found 'transformer-smal'; did you mean "
            "'transformer-small'?",
        ),
        (
            'task = "classification"\n' + DATA + '[model]\nkind = "decoder-only"\n',
            "run.toml:5: model.kind: task classification needs an encoder-only network, found decoder-only",
        ),
        (
            'model = "encoder-only"\n' + DATA,
            "run.toml:1: model: task translation needs an encoder-decoder, recurrent or convolutional network, found",
        ),
        (
            DATA + LM + "[decoding]\ncoverage-penalty = 0.2\n",
            "run.toml:7: decoding.coverage-penalty is for tasks with a source; task language-model has none: leave it out",
        ),
        (
            DATA + LM + "[decoding]\nbeam = 2\nmax-ratio = 2.0\n",
            "run.toml:8: decoding.max-ratio is for tasks with a source; task language-model has none: leave it out",
        ),
        (DATA + "[model]\nprest = 3\n", "run.toml:4: unknown key 'model.prest'; did you mean 'model.preset'?"),
        (DATA + "[model]\nwidth = 3\n", "run.toml:4: unknown key 'model.width'; did you mean 'model.head-width'?"),
        ("model = 3\n" + DATA, "run.toml:1: model must be one of"),
        (
            DATA + '[model]\npreset = "alexnet-mini"\n',
            "run.toml:3: model: task translation needs an encoder-decoder, recurrent or convolutional network, found alexnet",
        ),
        (
            DATA + '[model]\npreset = "vit-mini"\nencoder-layers = 2\n',
            "run.toml:5: model.encoder-layers is a key of encoder-decoder, recurrent and convolutional networks; model.preset is "
            "vit-mini",
        ),
    ],
)
def test_mistakes_name_task_and_network(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, text).startswith(message)


def test_a_mechanism_that_no_layer_can_have(tmp_path: Path) -> None:
    message = refusal(tmp_path, DATA + '[model.encoder]\nattention = "prefix"\n')
    assert message.startswith("run.toml:4: model.encoder.attention must be one of ")
    assert message.endswith(
        "prefix is in the catalogue (`transduce attention prefix`), but no layer of a model can have it"
    )
    message = refusal(tmp_path, DATA + '[model.encoder]\nattention = "my-own"\n')
    assert message.endswith('if it is a part of your own, give it: parts={"my-own": ...} in Python')


def test_a_preset_gives_the_kind_that_alone_has_it(tmp_path: Path) -> None:
    assert isinstance(run(tmp_path, DATA + '[model]\npreset = "recurrent-tiny"\n').model, RecurrentConfig)
    assert isinstance(run(tmp_path, DATA + '[model]\npreset = "transformer-tiny"\n').model, EncoderDecoderConfig)


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("translation", EncoderDecoderConfig()),
        ("language-model", DecoderOnlyConfig()),
        ("classification", EncoderOnlyConfig(heads=2)),
        ("translation", PRESETS["transformer-tiny"]()),
    ],
)
def test_run_toml_makes_the_same_run(tmp_path: Path, task: str, model: NetworkConfig) -> None:
    before = replace(run(tmp_path, f'task = "{task}"\n{DATA}'), model=model)
    (tmp_path / "run.toml").write_text(run_toml(before), encoding="utf-8")
    assert read_run_toml(tmp_path / "run.toml") == before == read_run(tmp_path / "run.toml").run


def test_a_text_column_of_any_task_may_have_a_tokenizer_of_its_own(tmp_path: Path) -> None:
    settings = DATA + LM + "[tokenizer]\nshared = false\n"
    own = run(tmp_path, settings + 'text = { kind = "bpe", vocabulary = 300 }\n', "tokenizer.text.vocabulary=310")
    assert own.tokenizer.side("text") == ColumnTokenizer("bpe", 310)
    with pytest.raises(
        ValueError, match=r"tokenizer\.source names no text column of task language-model, which has text"
    ):
        replace(own, tokenizer=TokenizerConfig(shared=False, columns={"source": ColumnTokenizer()}))


def test_a_label_column_has_no_tokenizer(tmp_path: Path) -> None:
    text = 'task = "classification"\n' + DATA + '[tokenizer]\nshared = false\nlabel = { kind = "words" }\n'
    assert "unknown key 'tokenizer.label'; known keys here: " in refusal(tmp_path, text)


def test_the_keys_of_all_tasks_and_networks_are_listed() -> None:
    keys = {each.key: each for each in describe_run_file()}
    assert keys["task"].type == f"one of {TASK_NAMES}"
    assert keys["task.context"].text.startswith("(language-model) tokens of a packed row")
    assert keys["model.layers"].text == "(decoder-only, encoder-only, vit, series-gru, series-transformer) layers"
    assert keys["model.d-model"].text == (
        "(encoder-decoder, decoder-only, encoder-only, recurrent, convolutional, vit, series-gru, series-transformer) width of "
        "the model"
    )
    assert keys["model.preset"].type.startswith("one of transformer-base, ")
    assert list(keys).index("model.preset") < list(keys).index("model.d-model")
    assert {"tokenizer.text", "tokenizer.source.kind", "tokenizer.target.vocabulary"} <= keys.keys()
    assert not {"tokenizer.columns", "tokenizer.label"} & keys.keys()
    assert {"data.train[].text", "data.train[].source", "data.train[].columns.label"} <= keys.keys()


def classes(cls: type) -> set[type]:
    """A config class and those of its tables, lists and parts."""
    found = {cls}
    for _, hint in fields_of(cls).values():
        inner = hint.items(1)[0] if hint.is_list else hint
        for each in (*(inner.table or {}).values(), *([inner.type] if inner.is_table else [])):
            found |= classes(each)
    return found


def test_every_range_is_checked() -> None:
    """A fact about a range has no effect unless its class checks it."""
    ranges = [
        (cls, key, hint.fact)
        for cls in sorted(classes(RunConfig), key=str)
        for key, (_, hint) in fields_of(cls).items()
        if hint.fact.range
    ]
    assert len(ranges) > 40
    for cls, key, fact in ranges:
        limit = next(each for each in (fact.at_least, fact.above, fact.at_most, fact.below) if each is not None)
        train = {"train": [{"file": "a.tsv"}]}
        required = {RunConfig: {"data": train}, DataConfig: train}
        tree = {key: limit - 1, **required.get(cls, {})}
        with pytest.raises(ValueError, match=f"run.toml: {key} must be {fact.range}, found"):
            config.build(cls, tree, "run.toml")

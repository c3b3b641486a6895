"""Recurrent and convolutional networks do what a Transformer does: train, resume, save, load, translate, score, align."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import transduce
from toy import train, write_toy
from transduce.cli.main import main
from transduce.data.loader import Rows
from transduce.models.card import describe
from transduce.models.model import Model
from transduce.networks.convolutional import Convolutional, ConvolutionalConfig
from transduce.networks.presets import recurrent_mini, recurrent_tiny
from transduce.networks.probes import source_saliency
from transduce.networks.recurrent import WIRINGS, Recurrent, RecurrentConfig
from transduce.networks.recurrent_attention import ATTENTIONS
from transduce.tasks.classification import Classification
from transduce.tasks.translation import TRANSLATION
from transduce.workflows.align.run import Reading, align
from transduce.workflows.info.run import ModelInfo, info
from transduce.workflows.inspect.run import inspect
from transduce.workflows.train.choices import choose
from transduce.workflows.train.run_file import read_run
from transduce.workflows.train.run_network import require_usable

RECURRENT = 'kind = "recurrent"\npreset = "recurrent-tiny"\n'
CONVOLUTIONAL = 'kind = "convolutional"\npreset = "convolutional-tiny"\n'
LEARNING = ("training.batch-tokens=256", "training.learning-rate=5e-3", "training.optimiser=adam")


def write_run(folder: Path, model: str, pairs: int = 300) -> Path:
    """The toy task of toy.py with another network."""
    path = write_toy(folder, pairs)
    before, rest = path.read_text(encoding="utf-8").split("[model]")
    path.write_text(f"{before}[model]\n{model}\n[training]{rest.split('[training]')[1]}", encoding="utf-8")
    return path


def learnt(root: Path, model: str) -> Path:
    """The run folder of a network that has learnt to reverse words."""
    run = write_run(root, f"{model}dropout = 0.0", pairs=800)
    settings = (*LEARNING, "training.steps=200", "training.validate-every=200")
    return train(run, settings, root=root).folder


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return learnt(tmp_path_factory.mktemp("recurrent"), RECURRENT)


@pytest.fixture(scope="module")
def convolutional(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return learnt(tmp_path_factory.mktemp("convolutional"), CONVOLUTIONAL)


@pytest.fixture(params=["recurrent", "convolutional"])
def folder(request: pytest.FixtureRequest) -> Path:
    run: Path = request.getfixturevalue(request.param)
    return run


@pytest.fixture
def model(folder: Path) -> Model:
    return transduce.load(folder)


def test_it_learns_and_translates(folder: Path, model: Model) -> None:
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["exact-match"] > 80
    assert model.translate(["bad", "", "feed"], beam=4) == ["d a b", "", "d e e f"]
    assert model.translate(["bad"], beam=1) == ["d a b"]
    n_best = model.translate_n_best(["bad"], n_best=3)[0]
    assert len({each.text for each in n_best}) == 3
    assert model.translate(["bad"], prefixes=["g"])[0].startswith("g")
    right, wrong = model.score([("bad", "d a b"), ("bad", "b a d")])
    assert right.log_probability > wrong.log_probability + 3
    assert right.log_probability == pytest.approx(n_best[0].log_probability, abs=1e-4)
    assert model.translate(["bad"] * 3, sampling={"temperature": 0.1}) == ["d a b"] * 3


def test_outputs_of_a_network_with_few_places_end_in_time(tmp_path: Path) -> None:
    """An untrained network writes up to its limit, here max-extra; its places are fewer."""
    run = write_run(tmp_path, f"{CONVOLUTIONAL}places = 9\nd-model = 8\n")
    settings = ("training.steps=2", "training.validate-every=1", "data.clean.max-length=8", "decoding.max-extra=20")
    generation = transduce.load(train(run, settings, root=tmp_path).folder).generation
    assert generation.max_source == generation.max_length == 9


def test_ensembles_mix_kinds(recurrent: Path, convolutional: Path) -> None:
    both = transduce.load([recurrent, convolutional])
    assert both.translate(["bad"], coverage_penalty=0.1) == ["d a b"]


def test_attention_aligns_the_letters(recurrent: Path, convolutional: Path) -> None:
    """The source is one word, so links say little; the weights themselves must follow the reversed letters."""
    model = transduce.load(recurrent)
    batch = TRANSLATION.batch(rows(model, ["bcdg"], ["g d c b"]), model.processors, seed=1)
    with torch.no_grad():
        weights = model.network.source_weights(batch.source, batch.lengths, batch.target_in)[0, 0]
    assert weights[:4, :4].sum() > 2, "most of the weight is on letters"
    for path, layers in ((recurrent, 1), (convolutional, 2)):
        model = transduce.load(path)
        assert align(model, [("bad", "d a b")], reading=Reading(layer=layers))[0][0][0] == 0
        with pytest.raises(ValueError, match=f"layer must be 1 to {layers}, .* found 3"):
            align(model, [("bad", "d a b")], reading=Reading(layer=3))


def rows(model: Model, source: list[str], target: list[str]) -> Any:

    columns = {
        name: [np.array(ids) for ids in model.processors.tokenizer(name).encode_batch(texts)]
        for name, texts in (("source", source), ("target", target))
    }
    return Rows(0, 0, columns, np.arange(len(source)))


def test_inspect_is_for_transformers(model: Model) -> None:
    kind = type(model.network).__name__.lower()
    message = rf"inspect shows the heads of every layer.*this is a {kind} network; transduce align shows its attention"
    with pytest.raises(ValueError, match=message):
        inspect(model, "bad")
    ids = torch.tensor([[4, 5]])
    with pytest.raises(
        ValueError, match=f"saliencies need a Transformer encoder-decoder, found a {type(model.network).__name__}"
    ):
        source_saliency(model.network, ids, ids, ids)


def test_commands(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(folder)]) == 0
    assert "target embeddings = output" in capfd.readouterr().out
    data = str(folder.parent.parent / "dev.tsv")
    assert main(["evaluate", str(folder), "--data", data, "--metrics", "exact-match"]) == 0
    assert "exact-match" in capfd.readouterr().out
    assert main(["inspect", str(folder), "bad"]) == 2
    assert "inspect shows the heads" in capfd.readouterr().err


def test_the_card_and_info_name_the_network(recurrent: Path, convolutional: Path) -> None:
    card = (recurrent / "model/README.md").read_text()
    assert (
        "A recurrent network for translation: 1+1 layers, 64 wide, lstm cells, attention additive, wiring luong" in card
    )
    assert describe(transduce.load(convolutional).config) == "2+2 layers, 64 wide, kernels 3 wide"
    found = info(str(recurrent))
    assert isinstance(found, ModelInfo) and found.architecture == "recurrent"
    assert set(found.parameters.parts) == {"encoder", "decoder", "source embeddings", "target embeddings = output"}
    (preset,) = info("recurrent-small")
    assert preset.kind == "recurrent" and preset.network["wiring"] == '{ kind = "luong", input-feeding = false }'


MONOTONIC = f'{RECURRENT}d-model = 16\nattention = "monotonic"\nwiring = "bahdanau"\ncell = "gru"\ndropout = 0.2'
FEEDING = f"{RECURRENT}d-model = 16\nwiring = {{ kind = 'luong', input-feeding = true }}\nattention = 'local-p'"


@pytest.mark.parametrize(
    ("network", "precision"),
    [(MONOTONIC, "float32"), (FEEDING, "bf16"), (f"{CONVOLUTIONAL}d-model = 16\ndropout = 0.2", "bf16")],
    ids=["monotonic", "input-feeding", "convolutional"],
)
def test_a_run_that_resumes_ends_bit_for_bit(tmp_path: Path, network: str, precision: str) -> None:
    weights, settings = [], [f"training.precision={precision}", "training.r-drop=1.0", "training.validate-every=2"]
    for root, sittings in ((tmp_path / "once", (4,)), (tmp_path / "twice", (2, 4))):
        run = write_run(root, network)
        for number, steps in enumerate(sittings):
            own = [*settings, f"training.steps={steps}", "training.schedule=constant", "training.metric=loss"]
            trained = train(run, own, resume=number > 0, root=root)
        weights.append((trained.folder / "model/model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    model = transduce.load(trained.folder, precision=precision)
    assert isinstance(model.network, Recurrent | Convolutional) and len(model.translate(["bad"])) == 1


def test_a_run_starts_from_one_of_its_kind(tmp_path: Path, recurrent: Path) -> None:
    path = write_run(tmp_path, "dropout = 0.1")
    lines = (
        path.read_text().split("[tokenizer]")[0] + "[model]\ndropout = 0.1\n[training]\nsteps = 2\nvalidate-every = 2\n"
    )
    path.write_text(f'start-from = "{recurrent}"\n{lines}metric = "exact-match"\n')
    tuned = transduce.load(train(path, ["training.learning-rate=1e-9"], root=tmp_path).folder)
    assert isinstance(tuned.network, Recurrent) and tuned.config.network.dropout == 0.1
    assert tuned.translate(["bad"]) == ["d a b"]
    path.write_text(path.read_text().replace("dropout = 0.1", 'kind = "convolutional"'))
    with pytest.raises(ValueError, match=r"model.kind = 'convolutional' does not go with start-from"):
        read_run(path)
    text = 'task = "language-model"\n' + path.read_text().replace('kind = "convolutional"', "").replace(
        "dev.tsv", "dev.tsv"
    )
    path.write_text(text)
    with pytest.raises(
        ValueError, match=r"is a recurrent network, whose layers have no place in the decoder-only network"
    ):
        read_run(path)


def test_mistakes_name_task_network_and_key(tmp_path: Path) -> None:
    for model, message in (
        ('kind = "recurrent"\nheads = 4', r"model.heads is a key of .* networks; model.kind is recurrent"),
        ('kind = "recurrent"\npreset = "transformer-small"', r"model.preset must be one of recurrent-base, .* found"),
        ('kind = "recurrent"\nattention = "multi"', r'model.attention must be one of "additive", "general"'),
        (
            'kind = "recurrent"\nwiring = { kind = "bahdanau", input-feeding = true }',
            "model.wiring.input-feeding is a key of luong, but model.wiring is bahdanau",
        ),
        ('kind = "recurrent"\nd-model = 33', "d-model must be even with bidirectional = true"),
        ('kind = "convolutional"\nkernel = 2', "kernel must be odd"),
    ):
        with pytest.raises(ValueError, match=message):
            read_run(write_run(tmp_path, model))
    with pytest.raises(ValueError, match="task classification needs an encoder-only network, found recurrent"):
        require_usable(Classification(), recurrent_tiny())


def test_settings_are_chosen_by_the_size_of_the_data(tmp_path: Path) -> None:
    chosen = choose(read_run(write_run(tmp_path, 'kind = "recurrent"')))
    assert chosen.run.model == replace(recurrent_mini(), dropout=0.1)
    reasons = {choice.key: choice.reason for choice in chosen.choices}
    assert "a larger network would overfit" in reasons["model.preset"] and "model.positions" not in reasons


PAGE = (Path(__file__).parents[3] / "docs/networks.md").read_text(encoding="utf-8")


def test_the_page_names_what_there_is(tmp_path: Path) -> None:
    """Its run files are read; its tables have every attention and wiring."""
    blocks = re.findall(r"```toml\n\[model\]\n(.*?)```", PAGE, re.DOTALL)
    kinds = [type(read_run(write_run(tmp_path, block)).run.model) for block in blocks]
    assert kinds == [RecurrentConfig, ConvolutionalConfig]
    for key, table in (("attention", ATTENTIONS), ("wiring", WIRINGS)):
        rows = PAGE.split(f"| `{key}` |")[1].split("\n\n")[0].splitlines()[2:]
        values = [value for row in rows for value in re.findall(r'`("[a-z-]+"|\{.*?\})`', row.split("|")[1])]
        parts = [
            getattr(read_run(write_run(tmp_path, f'kind = "recurrent"\n{key} = {value}')).run.model, key)
            for value in values
        ]
        assert {type(part) for part in parts} == set(table.values())
        assert parts[-1] == type(parts[-1])(), "values in the table are the defaults"

"""Parts of the caller's own train, are saved under their names, and load: nothing of the package knows them."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import transduce
from toy import write_toy
from transduce.attention.positions import PositionEncoding, Positions
from transduce.config import Fact
from transduce.data.batching import Costs, Lengths
from transduce.data.columns import Column, Label, Text
from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.data.records import EncodedRow, Record
from transduce.networks.config import DecoderOnlyConfig, EncoderOnlyConfig
from transduce.networks.heads import VocabularyHead
from transduce.networks.transformer import EncoderOnly
from transduce.tasks.classification import LabelPrediction
from transduce.tasks.language_model import LanguageModel
from transduce.tasks.task import Model
from transduce.tasks.tokens import padded
from transduce.training.losses import Loss
from transduce.training.optimisers import OptimiserGroup
from transduce.workflows.train.run_file import read_run

SHORT = {"training.steps": 4, "training.validate-every": 2, "training.metric": "loss", "training.average-last": 1}


class ScaleNormModule(nn.Module):
    def __init__(self, eps: float) -> None:
        super().__init__()
        self.gain, self.eps = nn.Parameter(torch.ones(())), eps

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * x / (x.norm(dim=-1, keepdim=True) + self.eps)


@dataclass(frozen=True)
class ScaleNorm:
    """x / |x|, with one gain (Nguyen and Salazar 2019, 1910.05895)."""

    eps: Annotated[float, "added to the length"] = 1e-5

    def module(self, width: int) -> nn.Module:
        return ScaleNormModule(self.eps)


@dataclass(frozen=True)
class Nearby(PositionEncoding):
    """The scores of distant tokens are lowered, at one rate for all heads."""

    rate: Annotated[float, "of each step"] = 0.5

    def bias(self, heads: int, queries: Positions, keys: Positions, dtype: torch.dtype) -> Tensor:
        distance = (queries.index.unsqueeze(-1) - keys.index.unsqueeze(-2)).abs()
        return (-self.rate * distance.view(-1, 1, *distance.shape[-2:])).expand(-1, heads, -1, -1).to(dtype)


@dataclass(frozen=True)
class Signs:
    """Steps of the rate's own size, along the signs of the gradients."""

    momentum: float = 0.0

    def build(self, parameters: Mapping[str, Tensor], matrices: object) -> OptimiserGroup:
        return OptimiserGroup(torch.optim.Rprop(list(parameters.items()), lr=1e-3))


@dataclass(frozen=True)
class Steps:
    """Half the rate after every `every` updates."""

    every: int = 3
    warmup: int = 0

    def at(self, step: int, total: int | None) -> float:
        return 0.5 ** (step // self.every)


@dataclass(frozen=True)
class TwiceEncoder(EncoderOnlyConfig):
    """An encoder whose text passes through the same layers twice."""

    times: Annotated[int, "passes through the layers"] = 2

    def build(self, vocabulary: int, head: nn.Module | None = None) -> EncoderOnly:
        network = super().build(vocabulary, head)
        network.encoder.layers.extend(list(network.encoder.layers) * (self.times - 1))
        return network


@dataclass(frozen=True)
class Bag:
    tokens: Tensor
    lengths: Tensor
    classes: Tensor

    def to(self, device: torch.device | str) -> "Bag":
        return Bag(self.tokens.to(device), self.lengths.to(device), self.classes.to(device))


class BagNetwork(nn.Module):
    """The mean embedding of a text's tokens, then a linear map."""

    def __init__(self, vocabulary: int, width: int, classes: int) -> None:
        super().__init__()
        self.embeddings, self.classes = nn.Embedding(vocabulary, width), nn.Linear(width, classes)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        own = torch.arange(tokens.shape[1]) < lengths[:, None]
        return self.classes((self.embeddings(tokens) * own[..., None]).sum(1) / lengths[:, None])


@dataclass(frozen=True)
class BagOfTokens:
    """Comments to moods, by a network of the task's own."""

    width: Annotated[int, "of the embeddings"] = 8

    name: ClassVar[str] = "bag-of-tokens"
    unit: ClassVar[str] = "comment"
    key: ClassVar[str] = "comment"
    answer: ClassVar[str | None] = "mood"
    default_network: ClassVar[str] = "encoder-only"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    command: ClassVar[str] = "predict"
    generates: ClassVar[bool] = False

    @property
    def columns(self) -> Mapping[str, Column]:
        return {"comment": Text(), "mood": Label()}

    def rows(self, records: Iterator[EncodedRow], processors: Processors) -> Iterator[EncodedRow]:
        return records

    def cost(self, lengths: Mapping[str, Lengths]) -> Costs:
        return Costs(main=lengths["comment"] + 1, other=lengths["comment"] + 1)

    def network(self, config: Any, processors: Processors) -> nn.Module:
        return BagNetwork(processors["comment"].size, self.width, processors["mood"].size)

    def batch(self, rows: Rows, processors: Processors, seed: int) -> Bag:
        classes = torch.tensor([int(each[0]) for each in rows.columns["mood"]])
        return self._bag(rows.columns["comment"], classes, processors)

    def _bag(self, rows: Sequence[Any], classes: Tensor, processors: Processors) -> Bag:
        end = processors.tokenizer("comment").end
        tokens = torch.from_numpy(padded(rows, (), (end,), end))
        return Bag(tokens, torch.tensor([len(row) + 1 for row in rows]), classes)

    def loss(self, network: Any, batch: Bag, smoothing: float) -> Loss:
        logits = network(batch.tokens, batch.lengths)
        nll = F.cross_entropy(logits.detach(), batch.classes, reduction="sum")
        total = F.cross_entropy(logits, batch.classes, reduction="sum", label_smoothing=smoothing)
        return Loss(total, len(batch.classes), {"nll": nll})

    def logits_and_targets(self, network: Any, batch: Bag) -> Iterator[tuple[Tensor, Tensor]]:
        yield network(batch.tokens, batch.lengths), batch.classes

    def figures(self, nll: float, units_per_byte: float) -> dict[str, float]:
        return {}

    @torch.no_grad()
    def predict(self, model: Model, records: Sequence[Record], settings: Any) -> Iterator[LabelPrediction]:
        names = model.processors.labels("mood").names
        rows = model.processors["comment"].encode_batch([record.values["comment"] for record in records])
        bag = self._bag(rows, torch.empty(0), model.processors)
        for row in model.network(bag.tokens, bag.lengths).softmax(-1):
            best = int(row.argmax())
            yield LabelPrediction(names[best], float(row[best]), tuple(zip(names, row.tolist(), strict=True)))


PARTS: dict[str, type] = {
    "scale-norm": ScaleNorm,
    "nearby": Nearby,
    "signs": Signs,
    "steps": Steps,
    "twice-encoder": TwiceEncoder,
    "bag-of-tokens": BagOfTokens,
}


def write_moods(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    texts = [f"{start}{middle}{end}" for start in "abcdefgh" for middle in "xyz" for end in "aeiou"]
    (folder / "moods.tsv").write_text("".join(f"{text}\t{'glad' if 'x' in text else 'sad'}\n" for text in texts))
    (folder / "moods.toml").write_text(
        'data = { train = [{ file = "moods.tsv" }], split = { dev = 20 } }\n'
        'tokenizer = { kind = "characters", vocabulary = 300 }\n'
        'model = { d-model = 16, heads = 2, feed-forward = 24, layers = 1 }\ntask = "classification"\n'
    )
    return folder / "moods.toml"


def validation_losses(run_folder: Path) -> list[float]:
    events = map(json.loads, (run_folder / "metrics.jsonl").read_text().splitlines())
    return [event["loss"] for event in events if event["kind"] == "validation"]


def test_an_own_norm_and_own_positions_train_and_load(tmp_path: Path) -> None:
    run = write_toy(tmp_path)
    text = run.read_text().replace("d-model = 16", 'd-model = 16\nnorm = { kind = "scale-norm", eps = 0.01 }')
    run.write_text(text.replace("decoder-layers = 1", 'decoder-layers = 1\npositions = "nearby"'))
    trained = transduce.train(run, settings=SHORT, root=tmp_path, parts=PARTS)
    model = transduce.load(trained.folder, parts=PARTS)
    assert model.config.network.norm == ScaleNorm(0.01) and model.config.network.positions == Nearby()
    norms = [each for each in model.network.modules() if isinstance(each, ScaleNormModule)]
    assert len(norms) == 7 and all(norm.gain != 1 for norm in norms)
    dev = tmp_path / "dev.tsv"
    perplexity = transduce.evaluate(model, dev, metrics=["chrf"]).values["perplexity"]
    assert math.log(perplexity) <= min(validation_losses(trained.folder)) + 1e-4  # calibrated on the same records
    assert transduce.evaluate(trained.folder, dev, metrics=["chrf"], parts=PARTS).values["perplexity"] == perplexity
    outputs = [each.text for each in transduce.predict(model, ["abc", "ge"])]
    assert [each.text for each in transduce.predict(trained.folder, ["abc", "ge"], parts=PARTS)] == outputs


def test_the_folder_holds_names_and_values_and_says_what_it_lacks(tmp_path: Path) -> None:
    run = write_toy(tmp_path)
    settings = {**SHORT, "model.norm": {"kind": "scale-norm", "eps": 0.01}, "training.schedule": "steps"}
    transduce.prepare(run, settings=settings, root=tmp_path, parts=PARTS)
    folder = transduce.train(run, settings=settings, root=tmp_path, parts=PARTS).folder
    assert '[network.norm]\nkind = "scale-norm"\neps = 0.01\n' in (folder / "model/config.toml").read_text()
    assert 'schedule]\nkind = "steps"\nevery = 3\n' in (folder / "run.toml").read_text()
    with pytest.raises(ValueError) as caught:
        transduce.load(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder}/model/config.toml:")
    assert 'network.norm must be one of "layer-norm", "rms-norm", found "scale-norm" (text)' in message
    assert message.endswith('if it is a part of your own, give it: transduce.load(folder, parts={"scale-norm": ...})')
    with pytest.raises(ValueError, match=r"settings: model.norm .*; if it is .*, give it: parts=\{"):
        transduce.train(run, settings=settings, root=tmp_path, resume=True)


def test_a_run_with_own_parts_resumes_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    settings = {
        **SHORT, "model.norm": "scale-norm", "training.optimiser": "signs", "training.schedule": "steps",
    }  # fmt: skip
    weights = []
    for folder, sittings in ((tmp_path / "once", (4,)), (tmp_path / "twice", (2, 4))):
        run = write_toy(folder)
        for number, steps in enumerate(sittings):
            trained = transduce.train(
                run, settings={**settings, "training.steps": steps}, root=folder, parts=PARTS, resume=number > 0
            )
        weights.append((trained.folder / "model/model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_an_own_task_trains_and_loads(tmp_path: Path) -> None:
    run = write_moods(tmp_path)
    settings = {**SHORT, "task": {"kind": "bag-of-tokens", "width": 6}, "training.optimiser": "adam",
                "training.learning-rate": 0.1, "training.metric": "accuracy"}  # fmt: skip
    trained = transduce.train(run, settings={**settings, "training.steps": 30}, root=tmp_path, parts=PARTS)
    model = transduce.load(trained.folder, parts=PARTS)
    assert model.task == BagOfTokens(6) and isinstance(model.network, BagNetwork)
    predictions = transduce.predict(model, ["axa", "bzu", {"comment": "hyo"}])
    assert [each.text for each in predictions] == ["glad", "sad", "sad"]
    assert transduce.predict(trained.folder, ["axa", "bzu", "hyo"], parts=PARTS) == predictions
    answers = [{"comment": "axa", "mood": "glad"}, {"comment": "bzu", "mood": "glad"}]
    assert transduce.evaluate(model, answers).values["accuracy"] == 50.0
    with pytest.raises(ValueError, match=r'task must be one of .*parts=\{"bag-of-tokens": \.\.\.\}\)'):
        transduce.load(trained.folder)


def test_an_own_network_trains_loads_and_is_a_start(tmp_path: Path) -> None:
    run = write_moods(tmp_path)
    settings = {**SHORT, "model.kind": "twice-encoder", "model.times": 3}
    trained = transduce.train(run, settings=settings, root=tmp_path, parts=PARTS)
    network = transduce.load(trained.folder, parts=PARTS).config.network
    assert isinstance(network, TwiceEncoder) and (network.times, network.d_model) == (3, 16)
    (tmp_path / "tuned.toml").write_text(
        'data = { train = [{ file = "moods.tsv" }], split = { dev = 20 } }\ntask = "classification"\n'
        f'start-from = "{trained.folder}"\n'
    )
    tuned = transduce.train(tmp_path / "tuned.toml", settings=SHORT, root=tmp_path, parts=PARTS)
    assert transduce.load(tuned.folder, parts=PARTS).config.network.times == 3
    with pytest.raises(
        ValueError, match=r"model.preset does not go with twice-encoder networks, which have no presets"
    ):
        transduce.train(run, settings={**settings, "model.preset": "x"}, name="b", root=tmp_path, parts=PARTS)


class CountingNormModule(nn.Module):
    """A norm that counts its calls in training, and computes a table when it is built."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("table", torch.arange(1.0, width + 1), persistent=False)
        self.plain = torch.ones(width)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.calls += 1
            self.mean.lerp_(x.detach().mean(dim=(0, 1)), 0.1)
        return (x - self.mean) * self.table.sqrt() * self.plain.to(x.dtype)


@dataclass(frozen=True)
class CountingNorm:
    def module(self, width: int) -> nn.Module:
        return CountingNormModule(width)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_buffers_are_saved_and_resumed(tmp_path: Path, precision: str) -> None:
    parts = {"counting": CountingNorm}
    settings = {**SHORT, "model.norm": "counting", "model.dropout": 0.1, "training.precision": precision}
    models = []
    for folder, sittings in ((tmp_path / "once", (4,)), (tmp_path / "twice", (2, 4))):
        run = write_moods(folder)
        for number, steps in enumerate(sittings):
            settings |= {"training.steps": steps, "training.learning-rate": 1e-3, "training.schedule": "constant"}
            trained = transduce.train(run, settings=settings, root=folder, parts=parts, resume=number > 0)
        models.append(transduce.load(trained.folder, parts=parts))
        assert transduce.predict(models[-1], ["axa"])[0].text in ("glad", "sad")
    first, second = (model.network.encoder.norm for model in models)
    assert first.calls == second.calls > 0 and first.mean.abs().sum() > 0 and first.table.tolist()[:2] == [1.0, 2.0]
    for one, other in zip(
        models[0].network.state_dict().values(), models[1].network.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)


@dataclass(frozen=True)
class MyLanguageModel(LanguageModel):
    name: ClassVar[str] = "my-lm"


class Recurrent(nn.Module):
    """A language model that does not decode."""

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.embedding, self.gru = nn.Embedding(vocabulary, width), nn.GRU(width, width, batch_first=True)
        self.head = VocabularyHead(width, vocabulary)

    def forward(self, tokens: Tensor, documents: Tensor | None = None) -> Tensor:
        return self.gru(self.embedding(tokens))[0]


@dataclass(frozen=True)
class RecurrentConfig(DecoderOnlyConfig):
    def build(self, vocabulary: int) -> nn.Module:  # type: ignore[override]
        return Recurrent(self.d_model, vocabulary)


def test_a_language_model_of_ones_own_that_does_not_decode_trains_and_is_a_start(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("".join(f"{n} and {n + 1}\n" for n in range(200)))
    (tmp_path / "texts.toml").write_text('data = { train = [{ file = "texts.txt" }], split = { dev = 20 } }\n')
    parts = {"gru": RecurrentConfig, "my-lm": MyLanguageModel}
    settings = {**SHORT, "task": "my-lm", "model": {"kind": "gru", "d-model": 16, "heads": 2, "feed-forward": 24}}
    first = transduce.train(tmp_path / "texts.toml", settings=settings, root=tmp_path, parts=parts).folder
    tuned = {**SHORT, "task": "my-lm", "start-from": str(first.resolve()), "training.learning-rate": 1e-12}
    second = transduce.train(tmp_path / "texts.toml", settings=tuned, name="b", root=tmp_path, parts=parts).folder
    one, other = (transduce.load(each, parts=parts).network.gru.weight_hh_l0 for each in (first, second))
    torch.testing.assert_close(one, other, atol=1e-6, rtol=0.0)


@dataclass(frozen=True)
class Patient:
    """A constant rate that may change when a run resumes."""

    level: Annotated[float, "of the peak", Fact(resume=True)] = 1.0
    warmup: int = 0

    def at(self, step: int, total: int | None) -> float:
        return self.level


def test_a_field_of_ones_own_says_whether_it_may_change(tmp_path: Path) -> None:
    run, settings = write_moods(tmp_path), {**SHORT, "training.schedule": {"kind": "patient", "level": 0.5}}
    transduce.train(run, settings=settings, root=tmp_path, parts={"patient": Patient})
    settings |= {"training.steps": 6, "training.schedule": {"kind": "patient", "level": 0.1}}
    assert transduce.train(run, settings=settings, root=tmp_path, parts={"patient": Patient}, resume=True).finished
    settings["training.schedule"] = {"kind": "patient", "warmup": 3}
    with pytest.raises(ValueError, match=r"began with .*warmup = 0, now it is 3.*training\.schedule\.level"):
        transduce.train(run, settings=settings, root=tmp_path, parts={"patient": Patient}, resume=True)


def test_a_command_says_that_own_parts_come_from_python(tmp_path: Path) -> None:
    run = write_moods(tmp_path)
    with pytest.raises(ValueError, match=r'model.norm must be .*give it: parts=\{"scale-norm": \.\.\.\} in Python'):
        read_run(run, ["model.norm=scale-norm"])


def test_a_part_in_the_wrong_place_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    run = write_toy(tmp_path)
    for settings, message in (
        ({"model.norm": "steps"}, r'^settings: model.norm cannot be the part "steps": Steps has no module\(width\)$'),
        ({"task": "nearby"}, r'^settings: task cannot be the part "nearby": Nearby has no name$'),
        ({"model": "nearby"}, r'^settings: model cannot be the part "nearby": Nearby is no subclass of EncoderDecoder'),
    ):
        with pytest.raises(ValueError, match=message):
            transduce.train(run, settings=settings, root=tmp_path, parts=PARTS)
    with pytest.raises(
        ValueError, match=r'^parts: "rotary" is a built-in part of model.positions; choose another name$'
    ):
        transduce.train(run, root=tmp_path, parts={"rotary": Nearby})
    assert not (tmp_path / "runs").exists()

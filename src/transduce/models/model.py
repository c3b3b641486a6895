"""A trained model in use: predictions for records, and the forms of it that single tasks have."""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from transduce import config
from transduce.config import NO_PARTS, Parts
from transduce.data.columns import Labels
from transduce.data.processors import Processors
from transduce.data.records import Record
from transduce.decoding.config import OF_SOURCES, Decoding, Generation
from transduce.decoding.protocol import Decodable, require_evaluation_mode
from transduce.decoding.scores import check_probabilities
from transduce.decoding.strategies.sampling import Sampling
from transduce.machine.devices import choose_device
from transduce.machine.fork import compute_with_one_thread_in_children
from transduce.models.folder import ModelConfig, load_folder
from transduce.networks.source_to_target import SourceToTargetConfig
from transduce.networks.stepping import decodable
from transduce.tasks import language_model, references, translation
from transduce.tasks.inputs import as_list, as_record, texts_of
from transduce.tasks.language_model import LanguageModel
from transduce.tasks.outputs import Output, Scored, in_order
from transduce.tasks.task import Prediction, Task
from transduce.tasks.translation import Translation
from transduce.text.tokenizer import Tokenizer

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}

T = TypeVar("T")

compute_with_one_thread_in_children()


@dataclass
class Model:
    """The result of `transduce.load`.

    config: task and network, as config.toml of the model folder has them. network: the torch module. processors: those
    of the task's columns, `model.processors["text"]`. generation: how it decodes unless told otherwise.
    """

    config: ModelConfig
    network: nn.Module
    processors: Processors
    generation: Generation
    device: str = "cpu"
    folder: Path | None = None

    @property
    def task(self) -> Task:
        return self.config.task

    @property
    def networks(self) -> Sequence[nn.Module]:
        """Its network; those of an ensemble."""
        return (self.network,)

    @property
    def name(self) -> str:
        """For messages: the folder it was read from."""
        return "the model" if self.folder is None else str(self.folder)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {self.task.name}>"

    def __str__(self) -> str:
        """The model in one line: task, network, size, vocabularies, folder."""
        weights = sum(parameter.numel() for parameter in self.network.parameters())
        network = type(self.network).__name__
        return f"{self.task.name} model: {network}, {weights:,} parameters; {self._sizes()}; from {self.name}"

    def _sizes(self) -> str:
        if all(isinstance(each, Tokenizer | Labels) for each in self.processors.values()):
            return "vocabularies: " + ", ".join(f"{name} {each.size:,}" for name, each in self.processors.items())
        return ", ".join(f"{column}: {self.processors.description(column)}" for column in self.processors)

    def predict(self, records: Iterable[Any], **settings: Any) -> list[Prediction]:
        """The best prediction for each record, in order.

        A record is a dict by column, {"text": "..."} (with {"tags": ["de"]} for a model that knows tags), or the value of the
        task's key column alone: a text, the name of a picture's file or a picture of Pillow, the numbers of a series.
        settings: those of `decoding`, for tasks that generate text. ValueError for n_best above 1.
        """
        _require_one_best("predict", settings, "leave n_best out")
        rows = [as_record(self.task, record, number) for number, record in enumerate(as_list(records), 1)]
        return list(self.task.predict(self, rows, self.decoding(**settings)))

    def translate(
        self,
        lines: Iterable[str],
        *,
        tags: Sequence[Sequence[str]] | None = None,
        prefixes: Sequence[str] | None = None,
        **settings: Any,
    ) -> list[str]:
        """The best output for each line, in order; a blank line gives a blank line, one that is too long a warning.

        The other arguments are those of `translate_n_best`. ValueError for n_best above 1, which that method is for.

        >>> model.translate(["One line."], beam=8, tags=[("de",)])
        """
        _require_one_best("translate", settings, "call translate_n_best, which returns a list of outputs for each line")
        results = self.translate_n_best(lines, tags=tags, prefixes=prefixes, **settings)
        for number, outputs in enumerate(results, 1):
            if outputs[0].source_cut:
                limit = self.generation.max_source
                warnings.warn(f"line {number} has more than {limit} tokens: its beginning was translated", stacklevel=2)
        return [outputs[0].text for outputs in results]

    def translate_n_best(
        self,
        lines: Iterable[str],
        *,
        tags: Sequence[Sequence[str]] | None = None,
        prefixes: Sequence[str] | None = None,
        first_place: int = 0,
        **settings: Any,
    ) -> list[list[Output]]:
        """The `n_best` outputs of each line, best first. A blank line gives one blank output.

        settings: those of `decoding`: beam=8, n_best=3.
        tags: the tags of each line, for a model that was trained with tags: [("de",), ("fr", "formal")].
        prefixes: a text for each line that its output begins with; "" for none. The output continues the prefix's
            last token, which may be within its last word.
        first_place: number of lines with text before these in the same stream, on which random draws depend.

        ValueError for an unknown tag, and LineError for a prefix that leaves its output no room.
        """
        self.require(Translation)
        texts, decoding = texts_of(lines), self.decoding(**settings)
        return list(in_order(translation.outputs(self, texts, decoding, tags, prefixes, first_place)))

    def generate(
        self, prompts: Iterable[str] = ("",), *, tags: Sequence[Sequence[str]] | None = None, **settings: Any
    ) -> list[str]:
        """The prompts with their continuations, by a language model; `settings` are those of `decoding`, `tags` those of
        each prompt. ValueError for n_best above 1.

        >>> model.generate(["To be, or"], sampling=Sampling(temperature=0.8), max_length=100)
        """
        _require_one_best("generate", settings, "leave n_best out, and repeat a prompt for several continuations")
        context, prompts = self.require(LanguageModel).context, texts_of(prompts)
        outputs = language_model.continuations(self, prompts, self.decoding(**settings), context, tags)
        return [best.text for best, *_ in in_order(outputs)]

    def score(
        self,
        pairs: Iterable[Sequence[str]],
        batch_tokens: int = 4096,
        tags: Sequence[Sequence[str]] | None = None,
    ) -> list[Scored]:
        """Log-probabilities of given targets, in order. Sources that are too long are cut as in `translate`.

        ValueError for a target that is too long to score.
        """
        self.require(Translation)
        return list(in_order(translation.score(self, [texts_of(pair) for pair in pairs], batch_tokens, tags)))

    def batches(self, records: Sequence[Record], batch_tokens: int = 4096) -> Iterator[Any]:
        """The records with their right answers as batches of the task, as validation has them. A text that is longer than
        the model takes is cut.

        ValueError for an answer that is too long to score.
        """
        return references.batches(self.task, self, records, batch_tokens)

    @torch.no_grad()
    def likelihood(self, records: Sequence[Record]) -> tuple[float, int]:
        """The negative log-likelihood of the records' answers in nats, summed, and the number of units (tokens, rows).

        ValueError for a network in training mode, and for one whose logits are NaN or infinite.
        """
        require_evaluation_mode(self.network)
        total, weight = 0.0, 0
        for batch in self.batches(records):
            loss = self.task.loss(self.network, batch, 0.0)
            check_probabilities(loss.shown["nll"])
            total, weight = total + float(loss.shown["nll"]), weight + loss.weight
        return total, weight

    def decoding(self, **changes: Any) -> Decoding:
        """The model's own settings, changed: `model.decoding(beam=8, n_best=3)`. Names are the fields of `Decoding`.

        Without `beam` the model's beam is made wide enough for `n_best` and a multiple of `groups`; sampling and greedy
        search have no groups. ValueError for an unknown name, a value that a setting cannot have, settings that exclude each
        other, and settings of a model that generates no text.
        """
        if changes and not self.task.generates:
            raise ValueError(
                f"{next(iter(changes))} is for models that generate text, and {self.name} is for {self.task.name}, which "
                "generates none: leave it out"
            )
        for name in changes if self.task.answer is None else ():
            if name.replace("_", "-") in OF_SOURCES:
                raise ValueError(
                    f"{name} is for models that read a source, and {self.name} is for {self.task.name}, which has none: leave "
                    "it out"
                )
        base = vars(self.generation.decoding())
        samples = changes.get("sampling") is not None
        if samples or changes.get("beam") == 1 or changes.get("groups") == 1:
            base = {**base, "groups": 1, "diversity": 0.0}
        if not samples and "beam" not in changes:
            numbers = {"n_best": 1, "groups": base["groups"], **changes}
            n_best, groups = numbers["n_best"], numbers["groups"]
            if isinstance(n_best, int) and isinstance(groups, int):  # else `build` names the value
                groups = max(1, groups)
                base = {**base, "beam": math.ceil(max(base["beam"], n_best) / groups) * groups}
        if isinstance(changes.get("sampling"), Sampling):  # all of it, not changes to the model's own
            base, changes["sampling"] = {**base, "sampling": None}, config.tree_of(changes["sampling"])
        tree = {name.replace("_", "-"): "none" if value is None else value for name, value in changes.items()}
        return config.build(Decoding, tree, "decoding", base).within(self.longest_target)

    @property
    def longest_target(self) -> int | None:
        """Tokens of the longest output that the network can write; None: any number."""
        network = self.config.network
        return network.longest_target if isinstance(network, SourceToTargetConfig) else None

    def decodable(self) -> Decodable[Any]:
        """The model as search strategies see it."""
        return decodable(self.network)

    def require(self, kind: type[T]) -> T:
        """The model's task, of the class `kind` or derived from it. ValueError, with the right command, for another one."""
        if not isinstance(self.task, kind):
            raise ValueError(
                f"{self.name} is a model for {self.task.name}, and this needs one for {getattr(kind, 'name', kind.__name__)}; "
                f"use transduce {self.task.command}"
            )
        return self.task


def _require_one_best(method: str, settings: Mapping[str, Any], advice: str) -> None:
    """ValueError for settings that ask for more outputs than the method returns."""
    n_best = settings.get("n_best", 1)
    if isinstance(n_best, int) and n_best > 1:  # settings of another type or range have an error of their own
        raise ValueError(f"{method} returns one output for each input, found n_best = {n_best}; {advice}")


def load(path: str | Path, device: str | None = None, precision: str = "float32", parts: Parts = NO_PARTS) -> Model:
    """Reads a model folder, every file checked against its manifest. `device` is auto (the default), cpu, cuda or cuda:N.

    ValueErrors say what is wrong with the folder, and which devices there are where the one asked for is not.
    """
    if precision not in DTYPES:
        raise ValueError(f"precision must be one of {', '.join(DTYPES)}, found {precision!r}")
    device = choose_device(device)
    loaded = load_folder(Path(path), device, DTYPES[precision], parts)
    return Model(loaded.config, loaded.network, loaded.processors, loaded.generation, device, Path(path))

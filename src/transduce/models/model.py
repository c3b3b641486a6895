"""A trained model in use: predictions for records, and the forms of it that single tasks have."""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from transduce.config import NO_PARTS, Parts
from transduce.data.batching import by_length
from transduce.data.columns import Text
from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.data.records import EncodedRow, Record
from transduce.decoding.config import Decoding, Generation
from transduce.decoding.protocol import Decodable
from transduce.machine.hardware import best_device
from transduce.models.folder import ModelConfig, load_folder
from transduce.networks.stepping import decodable
from transduce.tasks import language_model, translation
from transduce.tasks.language_model import LanguageModel
from transduce.tasks.outputs import Output, Scored
from transduce.tasks.task import Prediction, Task
from transduce.tasks.tokens import tagged
from transduce.tasks.translation import MOST_TARGET, TranslationBatch

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}
COMMANDS = {"translation": "translate", "language-model": "generate"}  # all others: predict

T = TypeVar("T")


def command_of(task: Task) -> str:
    """The command that uses a model of a task."""
    return COMMANDS.get(task.name, "predict")


@dataclass
class Model:
    """What `transduce.load` returns.

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
    def name(self) -> str:
        """For messages: the folder it was read from."""
        return "the model" if self.folder is None else str(self.folder)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {self.task.name}>"

    def __str__(self) -> str:
        """What the model is: task, network, size, vocabularies, folder."""
        weights = sum(parameter.numel() for parameter in self.network.parameters())
        sizes = ", ".join(f"{column} {processor.size:,}" for column, processor in self.processors.items())
        network = type(self.network).__name__
        return f"{self.task.name} model: {network}, {weights:,} parameters; vocabularies: {sizes}; from {self.name}"

    def predict(self, records: Iterable[Record | Mapping[str, Any] | str], **settings: Any) -> list[Prediction]:
        """The best prediction for each record, in order.

        A record is a dict by column, {"text": "..."} (with {"tags": ["de"]} for a model that knows tags), or the text of the
        task's key column alone. settings: those of `decoding`, for tasks that generate text.
        """
        if isinstance(records, str | Mapping):
            raise ValueError("expected a list of records, found one; use [record]")
        rows = [as_record(self.task, record, number) for number, record in enumerate(records, 1)]
        return list(self.task.predict(self, rows, self.decoding(**settings)))

    def translate(
        self,
        lines: Iterable[str],
        beam_size: int | None = None,
        *,
        settings: Decoding | None = None,
        tags: Sequence[Sequence[str]] | None = None,
        prefixes: Sequence[str] | None = None,
    ) -> list[str]:
        """The best output for each line, in order; a blank line gives a blank line, one that is too long a warning.

        The other arguments are those of `translate_n_best`.
        """
        results = self.translate_n_best(lines, beam_size, settings=settings, tags=tags, prefixes=prefixes)
        for number, outputs in enumerate(results, 1):
            if outputs[0].source_cut:
                limit = self.generation.max_source
                warnings.warn(f"line {number} has more than {limit} tokens: its beginning was translated", stacklevel=2)
        return [outputs[0].text for outputs in results]

    def translate_n_best(
        self,
        lines: Iterable[str],
        beam_size: int | None = None,
        n_best: int = 1,
        *,
        settings: Decoding | None = None,
        tags: Sequence[Sequence[str]] | None = None,
        prefixes: Sequence[str] | None = None,
        first_place: int = 0,
    ) -> list[list[Output]]:
        """The `n_best` outputs of each line, best first. A blank line gives one blank output.

        settings: how to decode, in place of beam_size and n_best; `decoding` makes them.
        tags: the tags of each line, for a model that was trained with tags: [("de",), ("fr", "formal")].
        prefixes: a text for each line that its output begins with; "" for none. The output continues the prefix's
            last token, which may be within its last word.
        first_place: number of lines with text before these in the same stream, on which random draws depend.

        ValueError for an unknown tag, and LineError for a prefix that leaves its output no room.
        """
        self.require("translation")
        lines = _texts(lines)
        settings = self._settings(settings, beam_size, n_best)
        return in_order(translation.outputs(self, lines, settings, tags, prefixes, first_place), len(lines))

    def generate(
        self, prompts: Iterable[str] = ("",), *, tags: Sequence[Sequence[str]] | None = None, **settings: Any
    ) -> list[str]:
        """The prompts with their continuations, by a language model; `settings` are those of `decoding`, `tags` those of
        each prompt.

        >>> model.generate(["To be, or"], sampling=Sampling(temperature=0.8), max_length=100)
        """
        task = self.require("language-model")
        assert isinstance(task, LanguageModel)
        prompts = _texts(prompts)
        outputs = language_model.continuations(self, prompts, self.decoding(**settings), task.context, tags)
        return [each[0].text for each in in_order(outputs, len(prompts))]

    def score(
        self,
        pairs: Iterable[Sequence[str]],
        batch_tokens: int = 4096,
        tags: Sequence[Sequence[str]] | None = None,
    ) -> list[Scored]:
        """Log-probabilities of given targets, in order. Sources that are too long are cut as in `translate`.

        ValueError for a target of more than MOST_TARGET tokens.
        """
        self.require("translation")
        pairs = [_texts(pair) for pair in pairs]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError("expected pairs (source, target)")
        source, cut = translation.source_rows(self, [pair[0] for pair in pairs], tags)
        target = translation.target_rows(self, [pair[1] for pair in pairs])
        tokenizer = self.processors.tokenizer("target")
        results: list[Scored | None] = [None] * len(pairs)
        for group in by_length([max(len(s), len(t)) + 1 for s, t in zip(source, target, strict=True)], batch_tokens):
            batch = translation.pair_batch([source[i] for i in group], [target[i] for i in group], self.processors)
            for place, tokens in zip(group, self.token_log_probabilities(batch.to(self.device)), strict=True):
                pieces = tuple(tokenizer.pieces([*target[place], tokenizer.end]))
                results[place] = Scored(math.fsum(tokens), tuple(tokens), pieces, cut[place])
        return [result for result in results if result is not None]

    def batches(self, records: Sequence[Record], batch_tokens: int = 4096) -> Iterator[Any]:
        """The records with their right answers as batches of the task, as validation has them. A text that is longer than
        the model takes is cut.

        ValueError for an answer of more than MOST_TARGET tokens.
        """
        task, rows = self.task, self._rows(records)
        columns = {name: [np.asarray(row[name]) for row in rows] for name in (rows[0] if rows else ())}
        costs = task.cost({name: np.array([len(row) for row in values]) for name, values in columns.items()})
        for group in by_length(np.maximum(costs.main, costs.other).tolist(), batch_tokens):
            part = {name: [values[place] for place in group] for name, values in columns.items()}
            yield task.batch(Rows(0, 0, part, np.array(group)), self.processors, seed=0).to(self.device)

    def _rows(self, records: Sequence[Record]) -> list[EncodedRow]:
        task, encoded = self.task, {}
        for name, column in task.columns.items():
            texts = [record.values[name] for record in records]
            if name == task.key:
                values = tagged(self.processors.tokenizer(name), texts, [record.tags for record in records])
            else:
                values = self.processors[name].encode_batch(texts)
            if isinstance(column, Text) and column.limit is None:
                most = self.generation.max_source - 1 if name == task.key else MOST_TARGET
                if name != task.key and any(len(row) > most for row in values):
                    place = next(place for place, row in enumerate(values) if len(row) > most)
                    raise ValueError(
                        f"{records[place].where}: the {name} has {len(values[place]):,} tokens, at most {most:,} are scored"
                    )
                values = [row[:most] for row in values]
            encoded[name] = values
        rows = (dict(zip(encoded, row, strict=True)) for row in zip(*encoded.values(), strict=True))
        return list(task.rows(rows, self.processors))

    @torch.no_grad()
    def likelihood(self, records: Sequence[Record]) -> tuple[float, int]:
        """The negative log-likelihood of the records' answers in nats, summed, and the number of units (tokens, rows)."""
        total, weight = 0.0, 0
        for batch in self.batches(records):
            loss = self.task.loss(self.network, batch, 0.0)
            total, weight = total + float(loss.shown["nll"]), weight + loss.weight
        return total, weight

    def decoding(self, **changes: Any) -> Decoding:
        """The model's own settings, changed: `model.decoding(beam=8, n_best=3)`. Names are the fields of `Decoding`.

        Without `beam` the model's beam is made wide enough for `n_best` and a multiple of `groups`; sampling and greedy
        search have no groups. ValueError for settings that exclude each other.
        """
        own = self.generation.decoding()
        samples = changes.get("sampling") is not None
        if samples or changes.get("beam") == 1 or changes.get("groups") == 1:
            own = replace(own, groups=1, diversity=0.0)
        if not samples and "beam" not in changes:
            groups = max(1, changes.get("groups", own.groups))
            changes["beam"] = math.ceil(max(own.beam, changes.get("n_best", 1)) / groups) * groups
        return replace(own, **changes)

    def decodable(self) -> Decodable[Any]:
        """The model as search strategies see it."""
        return decodable(self.network)

    def token_log_probabilities(self, batch: TranslationBatch) -> list[list[float]]:
        """Of each target token of each pair, the end token last."""
        return translation.token_log_probabilities(self.network, batch)

    def require(self, task: str) -> Task:
        """The model's task. ValueError, with the right command, where it is another one than `task`."""
        if self.task.name != task:
            command = command_of(self.task)
            raise ValueError(
                f"{self.name} is a model for {self.task.name}, and this needs one for {task}; use transduce {command}"
            )
        return self.task

    def _settings(self, settings: Decoding | None, beam_size: int | None, n_best: int) -> Decoding:
        if settings is None:
            given = {"n_best": n_best} if beam_size is None else {"n_best": n_best, "beam": beam_size}
            return self.decoding(**given)
        if beam_size is not None or n_best != 1:
            raise ValueError("give either settings, or beam_size and n_best: settings have a beam and n_best too")
        return settings


def as_record(task: Task, value: Record | Mapping[str, Any] | str, number: int) -> Record:
    """A record for prediction, of what a caller gives: a dict by column and "tags", or the text of the key column."""
    if isinstance(value, Record):
        return value
    if not isinstance(value, str | Mapping):
        raise ValueError(f"record {number} must be a text or a dict by column, found {type(value).__name__}")
    values: Mapping[str, Any] = {task.key: value} if isinstance(value, str) else value
    inputs = [column for column in task.columns if column != task.answer]
    for column in inputs:
        if not isinstance(values.get(column), str):
            raise ValueError(f"record {number} needs a text under {column!r}, found {values.get(column)!r}")
    texts = {column: values[column] for column in task.columns if isinstance(values.get(column), str)}
    tags = values.get("tags", ())
    if isinstance(tags, str):
        raise ValueError(f'record {number}: tags must be a list such as ["de"], found the string {tags!r}')
    return Record(texts, f"record {number}", tags=tuple(tags))


def in_order(results: Iterator[tuple[int, T]], count: int) -> list[T]:
    """Results by place, which come in any order."""
    by_place = dict(results)
    return [by_place[place] for place in range(count)]


def _texts(lines: Iterable[str]) -> list[str]:
    """Any iterable of strings as a list; a bare string is refused, which would be read letter by letter."""
    if isinstance(lines, str):
        raise ValueError("expected a list of lines, found one string; use [line]")
    texts = list(lines)
    for place, line in enumerate(texts):
        if not isinstance(line, str):
            raise ValueError(f"expected strings, found {type(line).__name__} at place {place}")
    return texts


def load(path: str | Path, device: str | None = None, precision: str = "float32", parts: Parts = NO_PARTS) -> Model:
    """Reads a model folder, every file checked against its manifest. `device` is "cpu" or "cuda", the best by default."""
    if precision not in DTYPES:
        raise ValueError(f"precision must be one of {', '.join(DTYPES)}, found {precision!r}")
    device = device or best_device()
    loaded = load_folder(Path(path), device, DTYPES[precision], parts)
    return Model(loaded.config, loaded.network, loaded.processors, loaded.generation, device, Path(path))

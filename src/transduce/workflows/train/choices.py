"""Settings for the keys of a run file that its owner left out, by the data, the texts and the budget.

    data and texts        kinds of tokenizers (tokenizer_choice.py)
    minutes, machine      the network, and without a budget the minutes (network_choice.py, budget_choice.py)
    network, texts        number of pieces
    all of these          optimiser, rate, batch, dropout, smoothing, schedule

Each choice has its reason. The figures are in rules.py. With a budget in steps or epochs, the same data gives the same
settings everywhere; with one in minutes they depend on the speed of the machine.
"""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from transduce import config
from transduce.config import NO_PARTS, Given, Parts
from transduce.data.cleaning.rules import Clean
from transduce.data.columns import Text
from transduce.data.records import counted, of_kind, plural
from transduce.decoding.config import Decoding
from transduce.networks.layer_config import LayerConfig
from transduce.networks.source_to_target import SourceToTargetConfig
from transduce.networks.table import NETWORKS, PRESETS_BY_KIND, NetworkConfig, family_of, reads_tokens
from transduce.tasks.task import gives_probabilities
from transduce.training.config import TrainingConfig
from transduce.training.optimisers import Adafactor, Muon, Optimiser
from transduce.workflows.train import budget_choice, network_choice, rules
from transduce.workflows.train.choice import Choice
from transduce.workflows.train.compute import Compute, Effort
from transduce.workflows.train.data_facts import Examples, counted_column
from transduce.workflows.train.machine_rate import machine_rate
from transduce.workflows.train.network_choice import PRESET
from transduce.workflows.train.precision import precision_of
from transduce.workflows.train.run_file import RunConfig, RunFile
from transduce.workflows.train.tokenizer_choice import counted_kind, tokenizers

log = logging.getLogger(__name__)

DROPOUT = "model.dropout"

Rate = Callable[[int, str, str], float]  # width, precision, device: parameters times tokens per second


@dataclass(frozen=True)
class Chosen:
    """A run with every choice made.

    conditional: the choices that would not be made if another key were given, such as the optimiser if the learning rate
    is: who changes a setting and wants all others to stay gives these beside it.
    """

    run: RunConfig
    choices: tuple[Choice, ...] = ()
    conditional: tuple[Choice, ...] = ()


def choose(file: RunFile, device: str = "cpu", rate: Rate = machine_rate) -> Chosen:
    """Chooses every setting that neither the run file nor --set gives. A model to start from gives its network.

    `rate` of the device is asked where the budget is one of time.
    """
    run, keys, facts, task = file.run, file.keys, file.data.facts, file.run.task
    examples = Examples.of_data(task, facts)
    compute = _compute(file, examples, device, rate)
    conditional: list[Choice] = []
    if compute is not None:
        conditional = [*budget_choice.minutes(keys, compute, lambda some: some.effort(_network(file, examples, some)))]
        run = with_choices(run, conditional, keys, file.parts)
        compute = compute.with_minutes(run.training.time_budget or 0)
    if file.start is None:  # else network and tokenizers are there already, and Adam disturbs them less
        kind = config.name_of("model", {**NETWORKS, **file.parts}, run.model)
        preset = network_choice.network(examples, keys, kind, compute)
        run = with_choices(run, preset, keys, file.parts)
        width = getattr(run.model, "d_model", None)
        pieces = tokenizers(facts, run.tokenizer, keys, run.data.clean.max_length, width)
        conditional += [*preset, *pieces, *optimiser(keys, reads_tokens(kind))]
        run = with_choices(run, conditional, keys, file.parts)
    effort = None if compute is None else compute.effort(run.model)
    choices = [*training(examples, run.model, _answer_kind(file), run.training, keys, effort)]
    if task.answer is not None and isinstance(task.columns[task.answer], Text):
        choices += decoding(run.data.clean, run.decoding)
    choices = [choice for choice in choices if choice.key not in keys]
    if file.start is not None:
        choices = gentler(choice for choice in choices if not choice.key.startswith("model."))
    return Chosen(with_choices(run, choices, keys, file.parts), (*conditional, *choices), tuple(conditional))


def _compute(file: RunFile, examples: Examples, device: str, rate: Rate) -> Compute | None:
    """The budget of a run in minutes, on its machine; None for one in steps or epochs, and for a task without texts."""
    minutes, texts = file.run.training.time_budget, of_kind(file.run.task, Text)
    if minutes is None or not texts:
        return None
    tokens = [examples.tokens(column, _kind_of(file, column)) for column in texts]
    precision = precision_of(file.run.training, device)
    return Compute(minutes, sum(tokens) / len(tokens), file.run.task, lambda width: rate(width, precision, device))


def _network(file: RunFile, examples: Examples, compute: Compute) -> NetworkConfig:
    """The network that the run would have with a budget."""
    kind = config.name_of("model", {**NETWORKS, **file.parts}, file.run.model)
    choices = [] if file.start is not None else network_choice.network(examples, file.keys, kind, compute)
    return with_choices(file.run, choices, file.keys, file.parts).model


def log_choices(decision: Chosen) -> Chosen:
    """The same, after each choice has been logged with its reason."""
    for choice in decision.choices:
        log.info("%s", choice)
    return decision


def with_choices(run: RunConfig, choices: Iterable[Choice], keys: Given, parts: Parts = NO_PARTS) -> RunConfig:
    """The run with the choices made. A preset changes what is not given of [model]."""
    values: dict[str, Any] = {}
    for choice in choices:
        if choice.key == PRESET:
            presets = PRESETS_BY_KIND[config.name_of("model", NETWORKS, run.model)]
            preset: Mapping[str, Any] = config.tree_of(presets[choice.value]())
            values |= {f"model.{key}": value for key, value in preset.items() if f"model.{key}" not in keys}
        else:
            values[choice.key] = choice.value
    return config.with_values(run, values, parts)


def _answer_kind(file: RunFile) -> str:
    """The kind of the tokens that a batch budget counts: those of the answer's text, else of the key column; "" where it
    counts no tokens.
    """
    column = counted_column(file.run.task)
    return _kind_of(file, column) if isinstance(file.run.task.columns[column], Text) else ""


def _kind_of(file: RunFile, column: str) -> str:
    """The kind of tokens of a text column."""
    run = file.run
    if file.start is not None:
        return file.start.tokenizers(run.task, run.model).tokenizer(column).kind
    return counted_kind(file.data.facts, run.tokenizer, file.keys, run.data.clean.max_length, column)


def optimiser(keys: Given, of_tokens: bool = True) -> list[Choice]:
    """Muon for networks over tokens, else AdamW, unless a learning rate is given, which may have been found for another."""
    if "training.optimiser" in keys or "training.learning-rate" in keys:
        return []
    if not of_tokens:
        reason = "suits networks of any kind (Loshchilov and Hutter 2017, 1711.05101)"
        return [Choice("training.optimiser", "adamw", reason)]
    reason = "needs about half of AdamW's updates (Liu et al. 2025)"
    return [Choice("training.optimiser", "muon", reason)]


def training(
    examples: Examples,
    model: NetworkConfig,
    kind: str,
    settings: TrainingConfig,
    keys: Given,
    effort: Effort | None = None,
) -> Iterator[Choice]:
    """Metric, dropout, batch, smoothing and learning rate for a network that is settled; `kind` of the tokens counted.

    effort: what a budget of minutes allows.
    """
    task = examples.task
    if task.metrics:
        yield Choice("training.metric", task.metrics[0], f"the first metric of {task.name}")
    else:
        yield Choice("training.metric", "loss", f"{task.name} has no metric of predictions")
    batch, units, note = _batch(examples, kind, effort)
    batch_tokens = settings.batch_tokens if "training.batch-tokens" in keys else batch
    updates = max(1, round(units / (batch_tokens * settings.accumulate)))
    reason = f"about {counted(updates, 'update')} in each pass over the {plural(task.unit)}{note}"
    passes = _passes(settings, updates, effort)
    if isinstance(model, LayerConfig | SourceToTargetConfig):
        yield _dropout(examples, model.d_model, passes, noise=settings.r_drop > 0)
    yield Choice("training.batch-tokens", batch, reason)
    yield _label_smoothing(examples, kind)
    if not gives_probabilities(task):
        yield Choice("training.precision", "float32", "numbers need more than the three digits of bfloat16")
    if not isinstance(model, LayerConfig | SourceToTargetConfig):
        yield Choice("training.learning-rate", 1e-3, "the usual rate of Adam (Kingma and Ba 2014, 1412.6980)")
    else:
        yield _learning_rate(settings.optimiser, model.d_model)
    post = isinstance(model, LayerConfig) and model.norm_placement == "post"
    steps = settings.steps or (passes and passes * updates) or math.inf
    warmup = int(max(1, min(4000 if post else 400, steps // 10)))  # a short run must come to its peak
    yield Choice(
        "training.schedule",
        {"kind": "linear", "warmup": warmup},
        f"falls to 0 when the budget ends (Defazio et al. 2023); {_warmup_reason(model)}",
    )


def _passes(settings: TrainingConfig, updates: int, effort: Effort | None) -> float | None:
    """Passes over the records within the budget; None where they are not known."""
    if settings.epochs is not None:
        return settings.epochs
    if settings.steps is not None:
        return settings.steps / updates
    return None if effort is None else effort.passes


def _warmup_reason(model: NetworkConfig) -> str:
    if not isinstance(model, LayerConfig):
        return f"{family_of(model)} needs little warm-up"
    need = "post-norm needs a long" if model.norm_placement == "post" else "pre-norm needs little"
    return f"{need} warm-up (Xiong et al. 2020)"


def _batch(examples: Examples, kind: str, effort: Effort | None) -> tuple[int, float, str]:
    """The size of a batch in what `training.batch-tokens` counts, the same of an epoch, and more of the reason."""
    if examples.row_cost is not None:
        rows = _power_of_two(examples.epoch / rules.BATCHES_PER_PASS, rules.LEAST_ROWS, rules.MOST_ROWS)
        each = counted(rows, examples.task.unit)
        note = f"; a batch holds {each}, and each takes {examples.row_cost}"
        return rows * examples.row_cost, examples.epoch * examples.row_cost, note
    tokens = examples.tokens(counted_column(examples.task), kind)
    by_data = _power_of_two(tokens / rules.BATCHES_PER_PASS)
    batch = by_data if effort is None else min(by_data, _power_of_two(effort.passes * tokens / rules.LEAST_UPDATES))
    if effort is not None and batch < by_data:
        updates = f"{effort.passes * tokens / batch:,.0f} updates"
        return batch, tokens, f"; small batches, so that the budget allows {updates}"
    small = "; small data wants small batches (Sennrich and Zhang 2019)"
    return batch, tokens, "" if batch == rules.MOST_BATCH else small


def _power_of_two(size: float, least: int = rules.LEAST_BATCH, most: int = rules.MOST_BATCH) -> int:
    """The nearest power of two, within the limits of a batch."""
    return int(2 ** round(math.log2(min(most, max(least, size)))))


def _label_smoothing(examples: Examples, kind: str) -> Choice:
    key = "training.label-smoothing"
    if not gives_probabilities(examples.task):
        return Choice(key, 0.0, "numbers have no probabilities to smooth")
    if examples.row_cost is not None:
        return Choice(key, 0.1, "the usual amount for pictures (Szegedy et al. 2015, 1512.00567)")
    if examples.task.answer is None:
        return Choice(key, 0.0, "the probabilities themselves are what a language model is measured by")
    if kind == "characters":
        return Choice(key, 0.05, "a character is more certain than a word")
    return Choice(key, 0.1, "the usual amount")


def decoding(clean: Clean, settings: Decoding) -> list[Choice]:
    """Outputs as long as the longest target that is learnt from, where the usual limit is shorter."""
    most = int(config.fact_of(Decoding, "max-length").at_most or 0)
    longest = min(clean.max_length + 1, most)  # the end token counts
    if settings.max_length >= longest:
        return []
    return [Choice("decoding.max-length", longest, f"pairs of up to {clean.max_length:,} tokens are learnt from")]


def gentler(choices: Iterable[Choice]) -> list[Choice]:
    """The same for a model that has been trained already: a lower rate, so that it forgets less of what it knows."""
    reason = "a quarter of what a new network would get, so that the model forgets less of what it knows"
    return [
        replace(each, value=each.value / 4, reason=reason) if each.key == "training.learning-rate" else each
        for each in choices
    ]


def _learning_rate(optimiser: Optimiser, width: int) -> Choice:
    """Adafactor's is a share of a weight's size; Muon stands, and wants, about twice as much as Adam."""
    rate = (width * 4000) ** -0.5
    reason = f"about the peak of Vaswani et al. 2017 for a network {width} wide"
    if isinstance(optimiser, Adafactor):
        rate, reason = 0.01, "the greatest that Shazeer and Stern 2018 take for Adafactor"
    elif isinstance(optimiser, Muon):
        rate, reason = 2 * rate, f"twice {reason}, as Muon did best in the recipe pronounce-en"
    return Choice("training.learning-rate", float(f"{rate:.1e}"), reason)


def _dropout(examples: Examples, width: int, passes: float | None, noise: bool) -> Choice:
    """The more passes over the records, the more; the fewer the examples and the wider the network, the more.

    noise: whether the loss compares two passes, which dropout makes different.
    """
    for fewer_than, dropout in rules.DROPOUT_BY_PASSES:
        if passes is not None and passes < fewer_than and (dropout or not noise):
            return Choice(DROPOUT, dropout, f"in {passes:.1f} passes over the records a network overfits little")
    if width <= 128:
        return Choice(DROPOUT, 0.1, f"a network {width} wide hardly overfits")
    strong, some = (300_000, 1_000_000) if width >= 512 else (30_000, 300_000)
    reason = f"{examples.of} for a network {width} wide"
    if examples.number < strong:
        return Choice(DROPOUT, 0.3, f"{reason}; few want much of it (Araabi and Monz 2020)")
    return Choice(DROPOUT, 0.2 if examples.number < some else 0.1, reason)

"""Settings by the size of the data, for the keys of a run file that its owner left out.

Rules of thumb from published experiments, each with its reason; they look at the data alone, not at the machine or the
time there is, so that the same data gives the same settings everywhere.

    Araabi and Monz 2020, 2011.02266      Transformers on 5,000 to 165,000 pairs: size, dropout, smoothing, vocabulary
    Sennrich and Zhang 2019, 1905.11901   low-resource practice: small vocabularies, small batches, strong dropout
    Gowda and May 2020, 2004.02334        vocabulary: 95 of 100 pieces should occur 100 times or more in training
    Vaswani et al. 2017, 1706.03762       what large data takes; the peak learning rate by width
    Xiong et al. 2020, 2002.04745         pre-norm does without a long warm-up
    Defazio et al. 2023, 2310.07831       a learning rate that falls on a straight line to 0 suits most training
    Liu et al. 2025, 2502.16982           Muon learns in half of the updates that AdamW takes
    Su et al. 2021, 2104.09864            rotary positions
"""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from transduce import config
from transduce.config import NO_PARTS, Given, Parts
from transduce.data.cleaning.rules import Clean
from transduce.data.columns import Text
from transduce.data.records import counted, plural
from transduce.decoding.config import Decoding
from transduce.networks.layer_config import LayerConfig
from transduce.networks.source_to_target import SourceToTargetConfig
from transduce.networks.table import NETWORKS, PRESETS_BY_KIND, NetworkConfig, family_of, reads_tokens
from transduce.tasks.task import gives_probabilities
from transduce.text.config import TokenizerConfig
from transduce.training.config import TrainingConfig
from transduce.training.optimisers import Adafactor, Muon, Optimiser
from transduce.workflows.train.choice import Choice
from transduce.workflows.train.data_facts import DataFacts, Examples, counted_column
from transduce.workflows.train.network_choice import PRESET, network
from transduce.workflows.train.run_file import RunConfig, RunFile

log = logging.getLogger(__name__)

SUBWORDS = ("unigram", "bpe", "wordpiece")
CHARACTERS_PER_TOKEN = {"unigram": 4, "bpe": 4, "wordpiece": 4, "characters": 1, "words": 6}
BATCHES_PER_PASS = 100
LEAST_BATCH, MOST_BATCH = 512, 4096
LEAST_ROWS, MOST_ROWS = 16, 128  # of a batch whose rows are equally long: pictures, windows

# (up to so many characters of both sides, pieces that they share)
SIZES = ((300_000, 1000), (3_000_000, 2000), (6_000_000, 4000), (25_000_000, 8000), (80_000_000, 16_000))
LARGEST_VOCABULARY = 32_000


@dataclass(frozen=True)
class Chosen:
    """A run with every choice made.

    conditional: the choices that would not be made if another key were given, such as the optimiser if the learning rate
    is: who changes a setting and wants all others to stay gives these beside it.
    """

    run: RunConfig
    choices: tuple[Choice, ...] = ()
    conditional: tuple[Choice, ...] = ()


def choose(file: RunFile) -> Chosen:
    """Chooses every setting that neither the run file nor --set gives. A model to start from gives its network."""
    run, keys, facts, task = file.run, file.keys, file.data.facts, file.run.task
    examples = Examples.of_data(task, facts)
    conditional = []
    if file.start is None:  # else network and tokenizers are there already, and Adam disturbs them less
        kind = config.name_of("model", {**NETWORKS, **file.parts}, run.model)
        preset = network(examples, keys, kind)
        conditional = [*preset, *vocabulary(facts, run.tokenizer, keys)]
        conditional += optimiser(keys, reads_tokens(kind))
        run = with_choices(run, conditional, keys, file.parts)
    choices = [*training(examples, run.model, _answer_kind(file), run.training, keys)]
    if task.answer is not None and isinstance(task.columns[task.answer], Text):
        choices += decoding(run.data.clean, run.decoding)
    choices = [choice for choice in choices if choice.key not in keys]
    if file.start is not None:
        choices = gentler(choice for choice in choices if not choice.key.startswith("model."))
    return Chosen(with_choices(run, choices, keys, file.parts), (*conditional, *choices), tuple(conditional))


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
    task, tokenizer = file.run.task, file.run.tokenizer
    column = counted_column(task)
    if not isinstance(task.columns[column], Text):
        return ""
    if file.start is not None:
        return file.start.tokenizers(task, file.run.model).tokenizer(column).kind
    return tokenizer.kind if tokenizer.shared else tokenizer.side(column).kind


def vocabulary(facts: DataFacts, tokenizer: TokenizerConfig, keys: Given) -> list[Choice]:
    """Numbers of pieces by the amount of text: of both sides, or of each where they share nothing.

    Only subwords have a number to choose. It is not exact, as little text may not support it.
    """
    choices = [*_vocabularies(facts, tokenizer, keys)]
    if choices and "tokenizer.exact" not in keys:
        choices.append(Choice("tokenizer.exact", False, "the nearest number of pieces that the text allows will do"))
    return choices


def _vocabularies(facts: DataFacts, tokenizer: TokenizerConfig, keys: Given) -> Iterator[Choice]:
    """One for all columns, or one for each: a column without a table of its own gets one, unless tokenizer.vocabulary
    speaks for it.
    """
    if not facts.characters:  # the task has no text
        return
    if tokenizer.shared:
        if tokenizer.file is None and tokenizer.kind in SUBWORDS and "tokenizer.vocabulary" not in keys:
            sides = 2 if len(facts.characters) == 1 else 1
            size, reason = _pieces(facts.records * sum(facts.characters.values()) * sides)
            yield Choice("tokenizer.vocabulary", size, reason)
        return
    for name, characters in facts.characters.items():
        key, side = f"tokenizer.{name}", tokenizer.side(name)
        if side.file is not None or side.kind not in SUBWORDS or f"{key}.vocabulary" in keys:
            continue
        size, reason = _pieces(2 * facts.records * characters)
        if key in keys:
            yield Choice(f"{key}.vocabulary", size, reason)
        elif "tokenizer.vocabulary" not in keys:
            yield Choice(key, {"kind": side.kind, "vocabulary": size}, reason)


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
    examples: Examples, model: NetworkConfig, kind: str, settings: TrainingConfig, keys: Given
) -> Iterator[Choice]:
    """Metric, dropout, batch, smoothing and learning rate for a network that is settled; `kind` of the tokens counted."""
    task = examples.task
    if task.metrics:
        yield Choice("training.metric", task.metrics[0], f"the first metric of {task.name}")
    else:
        yield Choice("training.metric", "loss", f"{task.name} has no metric of predictions")
    if isinstance(model, LayerConfig | SourceToTargetConfig):
        yield _dropout(examples, model.d_model)
    batch, units, note = _batch(examples, kind)
    batch_tokens = settings.batch_tokens if "training.batch-tokens" in keys else batch
    updates = max(1, round(units / (batch_tokens * settings.accumulate)))
    reason = f"about {counted(updates, 'update')} in each pass over the {plural(task.unit)}{note}"
    yield Choice("training.batch-tokens", batch, reason)
    yield _label_smoothing(examples)
    if not gives_probabilities(task):
        yield Choice("training.precision", "float32", "numbers need more than the three digits of bfloat16")
    if not isinstance(model, LayerConfig | SourceToTargetConfig):
        yield Choice("training.learning-rate", 1e-3, "the usual rate of Adam (Kingma and Ba 2014, 1412.6980)")
    else:
        yield _learning_rate(settings.optimiser, model.d_model)
    post = isinstance(model, LayerConfig) and model.norm_placement == "post"
    steps = settings.steps or (settings.epochs and settings.epochs * updates) or math.inf
    warmup = int(max(1, min(4000 if post else 400, steps // 10)))  # a short run must come to its peak
    yield Choice(
        "training.schedule",
        {"kind": "linear", "warmup": warmup},
        f"falls to 0 when the budget ends (Defazio et al. 2023); {_warmup_reason(model)}",
    )


def _warmup_reason(model: NetworkConfig) -> str:
    if not isinstance(model, LayerConfig):
        return f"{family_of(model)} needs little warm-up"
    need = "post-norm needs a long" if model.norm_placement == "post" else "pre-norm needs little"
    return f"{need} warm-up (Xiong et al. 2020)"


def _batch(examples: Examples, kind: str) -> tuple[int, float, str]:
    """The size of a batch in what `training.batch-tokens` counts, the same of an epoch, and more of the reason."""
    if examples.row_cost is not None:
        rows = 2 ** round(math.log2(min(MOST_ROWS, max(LEAST_ROWS, examples.epoch / BATCHES_PER_PASS))))
        each = counted(rows, examples.task.unit)
        note = f"; a batch holds {each}, and each takes {examples.row_cost}"
        return rows * examples.row_cost, examples.epoch * examples.row_cost, note
    tokens = examples.epoch * (examples.characters / CHARACTERS_PER_TOKEN[kind] + 1)
    batch = 2 ** round(math.log2(min(MOST_BATCH, max(LEAST_BATCH, tokens / BATCHES_PER_PASS))))
    small = "; small data wants small batches (Sennrich and Zhang 2019)"
    return batch, tokens, "" if batch == MOST_BATCH else small


def _label_smoothing(examples: Examples) -> Choice:
    key = "training.label-smoothing"
    if not gives_probabilities(examples.task):
        return Choice(key, 0.0, "numbers have no probabilities to smooth")
    if examples.row_cost is not None:
        return Choice(key, 0.1, "the usual amount for pictures (Szegedy et al. 2015, 1512.00567)")
    if examples.task.answer is None:
        return Choice(key, 0.0, "the probabilities themselves are what a language model is measured by")
    if examples.number < 50_000:
        return Choice(key, 0.2, f"{examples.of}: few want more of it than the usual 0.1 (Araabi and Monz 2020)")
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
    rate = float(f"{(width * 4000) ** -0.5:.0e}")
    reason = f"about the peak of Vaswani et al. 2017 for a network {width} wide"
    if isinstance(optimiser, Adafactor):
        rate, reason = 0.01, "the greatest that Shazeer and Stern 2018 take for Adafactor"
    elif isinstance(optimiser, Muon):
        rate, reason = 2 * rate, f"twice {reason}, as Muon did best in the recipe pronounce-en"
    return Choice("training.learning-rate", rate, reason)


def _dropout(examples: Examples, width: int) -> Choice:
    """The fewer the examples and the wider the network, the more."""
    if width < 128:
        return Choice("model.dropout", 0.1, f"a network {width} wide hardly overfits")
    strong, some = (300_000, 1_000_000) if width >= 512 else (30_000, 300_000)
    reason = f"{examples.of} for a network {width} wide"
    if examples.number < strong:
        return Choice("model.dropout", 0.3, f"{reason}; few want much of it (Araabi and Monz 2020)")
    return Choice("model.dropout", 0.2 if examples.number < some else 0.1, reason)


def _pieces(characters: float) -> tuple[int, str]:
    """A vocabulary for so much text, both sides together, and the reason."""
    size = next((size for most, size in SIZES if characters <= most), LARGEST_VOCABULARY)
    amount = f"{characters / 1e6:.2g} million" if characters < 1e7 else f"{characters / 1e6:,.0f} million"
    return size, f"{amount} characters; pieces that occur seldom are not learnt (Gowda and May 2020)"

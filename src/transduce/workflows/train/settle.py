"""A run file completed: what its owner left out is chosen by the data's size, and said."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from transduce import config
from transduce.data.config import DataConfig
from transduce.data.formats.read import read_records
from transduce.data.records import Record
from transduce.data.scan import find_origins
from transduce.data.tally import Findings
from transduce.models.find import find_model
from transduce.tasks.translation import TRANSLATION
from transduce.text.config import Kind
from transduce.text.pair import Tokenizers
from transduce.workflows.train import defaults
from transduce.workflows.train.defaults import Choice, DataFacts, is_given
from transduce.workflows.train.fine_tuning import with_settings_of_start
from transduce.workflows.train.run_file import RunConfig, from_tree
from transduce.workflows.train.run_folder import flat

log = logging.getLogger(__name__)

SAMPLE = 10_000  # pairs whose lengths are measured,
SAMPLE_CHARACTERS = 50_000_000  # and characters of a corpus after which no more are

AUTOMATIC = (
    "model.norm-placement",
    "model.positions",
    "model.dropout",
    "tokenizer.vocabulary",
    "tokenizer.source",
    "tokenizer.source.vocabulary",
    "tokenizer.target",
    "tokenizer.target.vocabulary",
    "tokenizer.exact",
    "training.optimiser",
    "training.batch-tokens",
    "training.label-smoothing",
    "training.learning-rate",
    "training.schedule",
    "decoding.max-length",
)
"""What may be chosen, beside model.preset."""


@dataclass(frozen=True)
class Settled:
    """A run file completed.

    chosen: what neither the file nor the overrides give.
    conditional: the choices that would not be made if another key were given, such as the optimiser if the learning rate
    is: who changes a setting and wants all others to stay gives these beside it.
    """

    run: RunConfig
    chosen: tuple[Choice, ...] = ()
    conditional: tuple[Choice, ...] = ()


def settled_run(path: Path, overrides: Sequence[str] = (), began: Path | None = None) -> RunConfig:
    """The run of `settle`; logs each setting that is chosen, with its reason."""
    settled = settle(path, overrides, began)
    for choice in settled.chosen:
        log.info("%s", choice)
    return settled.run


def settle(path: Path, overrides: Sequence[str] = (), began: Path | None = None) -> Settled:
    """`load_run`, with every setting that neither the file nor `overrides` give chosen by the size of the data.

    `began` is the run.toml of a run to go on with: what that says counts then.
    ValueErrors about the run file come before any data is read.
    """
    own = config.override(config.read(path), overrides)
    tree = with_settings_of_start(own, path)
    run = from_tree(tree, str(path))
    written, given = flat(own), flat(tree)
    if began is not None:
        return Settled(from_tree(_as_it_began(tree, written, config.read(began)), str(path)) if began.exists() else run)
    facts = measure(run.data, path.parent)
    chosen = defaults.network(facts, given)
    if run.start_from is None:  # else network and tokenizers are there already, and Adam disturbs them less
        chosen += defaults.vocabulary(facts, run.tokenizer, given)
        chosen += defaults.optimiser(given)
    conditional = tuple(chosen)
    run = from_tree(_with(tree, chosen), str(path))
    chosen += defaults.training(facts, run.model, _target_kind(run, path), run.training, given)
    chosen += defaults.decoding(run.data.clean, run.decoding, written)
    if run.start_from is not None:
        chosen = defaults.gentler(chosen)
    return Settled(from_tree(_with(tree, chosen), str(path)), tuple(chosen), conditional)


def measure(data: DataConfig, base: Path) -> DataFacts:
    """Counts the pairs to train on, before any is cleaned away, and measures the first of each corpus.

    ValueError if a file is missing or is not what it should be.
    """
    origin = find_origins(TRANSLATION, data, base)["train"]
    source = target = 0.0
    held_out = data.split.dev + data.split.test if data.split else 0
    if held_out and held_out >= origin.lines:
        raise ValueError(
            f"data.split holds out {held_out:,} sources, but the train files have {origin.lines:,} pairs at most; hold out "
            "fewer"
        )
    for corpus, count in zip(origin.corpora, origin.counts, strict=True):
        records = read_records(corpus, TRANSLATION.columns, origin.rules, Findings())
        pairs = islice(records, max(1, SAMPLE // len(origin.corpora)))
        share, means = count / max(1, origin.lines), _mean_characters(pairs)
        source, target = source + share * means[0], target + share * means[1]
    left = max(1, origin.lines - held_out)
    weighted = sum(count * corpus.weight for corpus, count in zip(origin.corpora, origin.counts, strict=True))
    epoch = None if weighted == origin.lines else left * weighted / origin.lines
    return DataFacts(left, source, target, epoch)


def _mean_characters(pairs: Iterable[Record]) -> tuple[float, float]:
    """Of sources and of targets, over the first pairs that have `SAMPLE_CHARACTERS` together; 0 where there are none."""
    number = source = target = 0
    for pair in pairs:
        number += 1
        source, target = source + len(pair.values["source"]), target + len(pair.values["target"])
        if source + target >= SAMPLE_CHARACTERS:
            break
    return source / max(1, number), target / max(1, number)


def _target_kind(run: RunConfig, path: Path) -> Kind:
    """The kind of the target's tokens: of those that are to be learnt, or that the model to go on with has."""
    if run.start_from is None:
        return run.tokenizer.kind if run.tokenizer.shared else run.tokenizer.side("target").kind
    folder = find_model(path.parent / run.start_from)
    return Tokenizers.load(folder, [entry.name for entry in folder.iterdir()]).target.kind


def _with(tree: Mapping[str, Any], chosen: Iterable[Choice]) -> dict[str, Any]:
    """The tree with the choices in it."""
    result = config.override(tree, ())  # a copy that knows what came from the command line
    for choice in chosen:
        *tables, last = choice.key.split(".")
        at = result
        for name in tables:
            at = at.setdefault(name, {})
        at[last] = choice.value
    return result


def _as_it_began(tree: Mapping[str, Any], given: Collection[str], began: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with what is not given in it as a run's run.toml has it."""
    chosen = [
        Choice(key, value, "")
        for key in AUTOMATIC
        if not is_given(key, given) and (value := value_at(began, key)) is not None
    ]
    result = _with(tree, chosen)
    if "start-from" in tree:  # what of its settings of decoding counted then counts now
        own = {key: value for key, value in tree.get("decoding", {}).items() if is_given(f"decoding.{key}", given)}
        result["decoding"] = {**began.get("decoding", {}), **own}
    if not any(is_given(f"model.{name}", given) for name in defaults.SHAPE):
        result["model"] = {**began.get("model", {}), **result.get("model", {})}
    return result


def value_at(tree: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key, of a list's items by number: "data.train.0.weight"; None if there is none."""
    value: Any = tree
    for name in key.split("."):
        if isinstance(value, list):
            value = dict(enumerate(value)).get(int(name)) if name.isdecimal() else None
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
    return value

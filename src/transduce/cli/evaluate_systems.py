"""From the options of `transduce evaluate` to what was found, with progress and remarks on stderr."""

import argparse
import logging
from dataclasses import replace
from pathlib import Path

from transduce.cli.decoding_options import method
from transduce.cli.evaluate_options import asked_breakdowns, columns, edges
from transduce.cli.model_options import note_tags, opened
from transduce.models.find import find_model, open_model
from transduce.models.model import Model
from transduce.workflows.evaluate.assessment import REPORTED_SENTENCES, Assessment, Wanted, assess
from transduce.workflows.evaluate.breakdowns import KINDS, count_words
from transduce.workflows.evaluate.calibrate import calibration
from transduce.workflows.evaluate.compare import is_model, read_outputs
from transduce.workflows.evaluate.run import Judged, chosen_metrics, evaluate, judge, translations
from transduce.workflows.evaluate.test_set import (
    HeldOut,
    names_columns,
    own_test_set,
    read_aligned,
    read_pairs,
    seen_in_training,
)

log = logging.getLogger(__name__)


ALONE = {
    "length": "all items are of one length",
    "group": "the test set names no groups, or one only",
    "tag": "the test set has no tags, or the same everywhere",
    "rare-words": "all items are of one kind",
}


def assessment(options: argparse.Namespace) -> Assessment:
    """Everything that was asked for. What can be wrong with files and names is found before anything is translated."""
    names = _metric_names(options)
    for path in [] if options.model is None else [options.model, *options.ensemble]:
        find_model(path)
    held_out = _test_set(options)
    outputs = {path: read_outputs(path, held_out) for path in options.compare if not is_model(path)}
    for path in (options.model, *options.ensemble, *options.compare):
        if path is not None and path not in outputs and (remark := seen_in_training(path, held_out)):
            log.warning("%s", remark)
    kinds = KINDS if options.report is not None else [kind for kind in KINDS if kind in asked_breakdowns(options)]
    wanted = Wanted(
        breakdowns=kinds if chosen_metrics(names) else (),
        edges=edges(options),
        trained_on=None if options.train is None else count_words(options.train, columns(options)),
        sentences=(REPORTED_SENTENCES if options.report is not None else 0) if options.worst is None else options.worst,
    )
    for path in options.compare:
        if path not in outputs and _to_compare(path, held_out, options)[1].tags != held_out.tags:
            log.info("--compare %s: the model knows no tags, so it is not given those of the test set", path)
    if options.outputs is not None:
        subject = _judged(str(options.outputs), read_outputs(options.outputs, held_out), held_out, names)
        sure = None
    else:
        model = opened(options)
        note_tags(model, held_out.tags)
        subject = _evaluated(model, held_out, names, options)
        wants_calibration = options.calibration or (options.report is not None and not options.ensemble)
        sure = calibration(model, held_out) if wants_calibration else None
        del model  # the others may need its memory
    others = []
    for path in options.compare:
        made = outputs[path] if path in outputs else _translated(path, held_out, options)
        others.append(_judged(str(path), made, held_out, names))
    found = assess(held_out, subject, others, wanted, sure)
    for kind in sorted(asked_breakdowns(options) - {table.kind for table in found.breakdowns}):
        log.info("--by %s: %s, so there is nothing to compare", kind, ALONE[kind])
    return found


def _metric_names(options: argparse.Namespace) -> list[str] | None:
    """The names of --metrics. ValueError for unknown ones, and where perplexity alone leaves nothing to do."""
    if options.metrics is None:
        return None
    names = [name.strip() for name in options.metrics.split(",")]
    outputs_matter = [name for name in ("outputs", "compare", "by", "worst", "output") if getattr(options, name)]
    if options.outputs is not None and "perplexity" in names:
        raise ValueError("perplexity is of a model, and --outputs are text: leave it out of --metrics")
    if not chosen_metrics(names) and outputs_matter:
        raise ValueError(f"--{outputs_matter[0]} needs a metric of outputs: perplexity alone has nothing translated")
    return names


def _test_set(options: argparse.Namespace) -> HeldOut:
    if options.reference is not None:
        held_out = read_aligned(options.source, options.reference)
    elif options.data is not None:
        # those given are of --train where the columns of --data have no names
        named = options.train is None or names_columns(options.data)
        held_out = read_pairs(options.data, options.alternatives, columns(options) if named else None)
    else:
        path = own_test_set(options.model)
        held_out = read_pairs(path, options.alternatives)
        log.info("evaluating on %s, the run's own test pairs: %s", path, f"{len(held_out.references):,}")
    if held_out.left_out:
        log.warning("pairs with an empty side, left out: %s", f"{held_out.left_out:,}")
    return held_out.with_tags(tuple(options.tag))


def _evaluated(model: Model, held_out: HeldOut, names: list[str] | None, options: argparse.Namespace) -> Judged:
    found = evaluate(model, held_out, names, method(options, model))
    name = " + ".join(map(str, [options.model, *options.ensemble]))
    _say_cut(found.cut, name, model)
    return replace(found, name=name)


def _to_compare(path: Path, held_out: HeldOut, options: argparse.Namespace) -> tuple[Model, HeldOut]:
    """Another model, and the test set with the tags that it knows. ValueError where it cannot do what is asked."""
    model = open_model(path, options.device, options.precision)
    if held_out.tags and not options.tag and not model.tokenizers.tags:
        held_out = replace(held_out, tags=())
    try:
        method(options, model)
        for tags in set(held_out.tags):
            model.tokenizers.source.tag_ids(tags)
    except ValueError as error:
        raise ValueError(f"--compare {path}: {error}") from None
    return model, held_out


def _translated(path: Path, held_out: HeldOut, options: argparse.Namespace) -> tuple[str, ...]:
    model, known = _to_compare(path, held_out, options)
    found, cut = translations(model, known, method(options, model), f"translating with {path}")
    _say_cut(cut, str(path), model)
    return found


def _judged(name: str, outputs: tuple[str, ...], held_out: HeldOut, names: list[str] | None) -> Judged:
    return judge(name, outputs, held_out.references, chosen_metrics(names))


def _say_cut(cut: int, name: str, model: Model) -> None:
    if cut:
        limit = model.spec.generation.max_source
        log.warning("%s: sources over %s tokens, cut to their beginning: %s", name, f"{limit:,}", f"{cut:,}")

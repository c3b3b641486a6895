"""Options of `transduce evaluate`, and which of them do not go together."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from transduce.cli.options import (
    add_columns,
    add_decoding,
    add_ensemble,
    add_file,
    add_flag,
    add_model,
    add_repeated,
    add_tag,
    columns,
    decoding_options_in,
)
from transduce.cli.parser import Parser, check_target, did_you_mean

if TYPE_CHECKING:
    from transduce.tasks.task import Task

KINDS = ("length", "group", "tag", "rare-words")
ALL = "all"

DESCRIPTION = (
    "Prints every metric of the model's task with its 95 % interval and the signature that says how it was computed, and "
    "figures of the model's own probabilities, such as perplexity. With --compare, tells whether the difference to other "
    "systems could be chance."
)
EXAMPLES = """\
  transduce evaluate runs/help                          (the records that the run kept for the test)
  transduce evaluate runs/sections --data test.jsonl --calibration --worst 10
  transduce evaluate runs/plays --data plays.txt --records paragraphs
  transduce evaluate runs/help --source test.en --reference test.de --report report.html
  transduce evaluate runs/pronounce-en --data test.tsv --alternatives --metrics token-error-rate,exact-match
  transduce evaluate runs/new --compare runs/old --data test.tsv --by length,group --worst 5
  transduce evaluate --outputs new.de --compare old.de --reference test.de"""


def evaluate_parser() -> Parser:
    parser = Parser("transduce evaluate", DESCRIPTION, EXAMPLES)
    add_model(parser, required=False)
    _add_test_set(parser)
    _add_systems(parser)
    _add_questions(parser)
    _add_results(parser)
    add_decoding(parser)
    return parser


def _add_test_set(parser: Parser) -> None:
    group = parser.add_argument_group("test set (default: test.jsonl of the model's run)")
    add_file(group, "--source", "sources, one a line")
    add_repeated(group, "--reference", "FILE", "their references", Path)
    add_file(group, "--data", "one file of records instead, in any format of training")
    text = "a record of a .txt file (default: lines)"
    group.add_argument("--records", choices=["lines", "paragraphs", "file"], default="lines", help=text)
    add_columns(
        group,
        "of --data and --train, if .csv or .jsonl: source=en,target=de,group=file,tag=domain or text=body,label=topic",
    )
    add_tag(group, "a tag of every source, behind those in the file")
    text = "records of one file that differ in the answer alone are one item, any is right"
    add_flag(group, "--alternatives", text)


def _add_systems(parser: Parser) -> None:
    add_ensemble(parser)
    group = parser.add_argument_group("systems")
    add_file(group, "--outputs", "judge these outputs, one a line, and no model's; - is standard input")
    add_repeated(group, "--compare", "OTHER", "another model folder, run folder, or file of outputs, one a line", Path)


def _add_questions(parser: Parser) -> None:
    group = parser.add_argument_group("questions")
    group.add_argument(
        "--metrics",
        metavar="A,B",
        help="only these: of translations bleu, chrf, ter, token-error-rate, word-error-rate, character-error-rate, "
        "exact-match (the default: all of them), bleu-char, bleu-zh, bleu-intl, bleu-lowercase, bleu-none, chrf++; of "
        "labels accuracy, macro-f1; a model's perplexity and bits-per-byte come with any of them, or alone",
    )
    text = "scores of parts of the test set: by length, group, tag, rare-words or all"
    group.add_argument("--by", metavar="A,B", help=text)
    text = "with --by length: longest length of each part but the last (default: fifths)"
    group.add_argument("--length-edges", metavar="N,N", help=text)
    text = "with --by rare-words: training data to count words in, instead of the test set; or --train SOURCES --train TARGETS"
    add_repeated(group, "--train", "FILE", text, Path)
    group.add_argument("--worst", metavar="N", type=int, help="show N items: the worst, the most different")
    add_flag(group, "--calibration", "how far the model's confidence in a token (or label) is from being right")


def _add_results(parser: Parser) -> None:
    group = parser.add_argument_group("results")
    add_flag(group, "--json", "print JSON")
    add_file(group, "--output", "write the predictions, one a line")
    add_file(group, "--report", "write one HTML page with all of this and pictures")


def check(options: argparse.Namespace) -> None:
    """ValueError for options that do not go together, before any work is done."""
    if options.model is None and options.outputs is None:
        raise ValueError("name what to evaluate: a MODEL (a folder such as runs/NAME), or --outputs FILE")
    _check_test_set(options)
    if options.model is not None and options.outputs is not None:
        raise ValueError("give either a MODEL or --outputs FILE; what it is to be compared with goes to --compare")
    if [options.outputs, *options.compare].count(Path("-")) > 1:
        raise ValueError("- is standard input, which can be read only once: name a file for one of the two systems")
    if options.outputs is not None and options.ensemble:
        raise ValueError("--ensemble goes with a MODEL, not with --outputs")
    if options.model is None and not any(path.is_dir() for path in options.compare):
        _check_nothing_translates(options)
    if options.calibration and (options.model is None or options.ensemble):
        raise ValueError("--calibration is of one model's confidence: it needs a MODEL, and no --outputs or --ensemble")
    if options.worst is not None and options.worst < 0:
        raise ValueError(f"--worst must not be negative, found {options.worst}")
    _check_breakdowns(options)
    for option in ("output", "report"):
        check_target(option, getattr(options, option), _files_read(options))
    if options.output is not None and options.output == options.report:
        raise ValueError(f"--output and --report are both {options.report}; name two files")


def check_task(options: argparse.Namespace, task: "Task") -> None:
    """ValueError for options that a model of this task has no use for."""
    if task.answer is not None:
        return
    of_answers = [f"--{name}" for name in ("alternatives", "by", "worst", "output") if getattr(options, name)]
    if unused := [*of_answers, *decoding_options_in(options)]:
        from transduce.tasks.references import figure_names

        raise ValueError(
            f"{unused[0]} is for tasks whose records have a right answer; {task.name} has none and is measured by "
            f"{', '.join(figure_names(task))}: leave it out"
        )


def _check_nothing_translates(options: argparse.Namespace) -> None:
    """Where files of outputs alone are judged, what says how to translate would be passed over in silence."""
    options_of_models = [*decoding_options_in(options), *(["--tag"] if options.tag else [])]
    if options.device is not None:
        options_of_models.append("--device")
    if options.precision != "float32":
        options_of_models.append("--precision")
    if options_of_models:
        raise ValueError(f"{options_of_models[0]} is for models, and only files of outputs are given: leave it out")


def _files_read(options: argparse.Namespace) -> list[Path | None]:
    named = [options.data, options.source, options.outputs, *options.compare, *options.reference]
    folders = [] if options.model is None else [options.model, options.model.absolute().parent]  # of a run, or below it
    return [*named, *options.train, *(folder / "test.jsonl" for folder in folders)]


def _check_test_set(options: argparse.Namespace) -> None:
    if options.data is not None and (options.source is not None or options.reference):
        raise ValueError("give either --data, or --source and --reference, not both")
    if options.source is not None and not options.reference:
        raise ValueError("give --source and --reference, or --data with a file of records")
    if options.reference and options.source is None and options.model is not None:
        raise ValueError("give --source and --reference, or --data with a file of records: a model needs sources")
    if options.reference and options.source is None:
        for path in options.compare:
            if path.is_dir():
                raise ValueError(f"--compare {path} is a model, which needs sources: give --source FILE")
    if options.columns is not None and options.data is None and not options.train:
        raise ValueError("--columns goes with --data or --train")
    if options.records != "lines" and options.data is None:
        raise ValueError("--records goes with --data")
    columns(options)
    if options.alternatives and options.reference:
        raise ValueError("--alternatives goes with --data; with --source, give --reference several times")
    if options.model is None and options.data is None and not options.reference:
        raise ValueError("--outputs needs a test set: give --reference FILE (and --source FILE), or --data FILE")


def _check_breakdowns(options: argparse.Namespace) -> None:
    """The kinds asked for are known, and what is said about a kind goes with it. A report has all kinds."""
    kinds = _named(options.by)
    for kind in kinds:
        if kind not in (*KINDS, ALL):
            raise ValueError(
                f"--by takes {', '.join((*KINDS, ALL))}, found {kind!r}{did_you_mean(kind, (*KINDS, ALL))}"
            )
    for option, kind in (("length_edges", "length"), ("train", "rare-words")):
        if getattr(options, option) and options.report is None and not {kind, ALL} & {*kinds}:
            raise ValueError(f"--{option.replace('_', '-')} goes with --by {kind} or --report")
    edges(options)


def _named(listed: str | None) -> list[str]:
    return [] if listed is None else [name.strip() for name in listed.split(",")]


def edges(options: argparse.Namespace) -> tuple[int, ...]:
    """The numbers of --length-edges. ValueError where they are none, or do not rise."""
    texts = _named(options.length_edges)
    if not all(re.fullmatch("[0-9]{1,9}", edge) for edge in texts):
        raise ValueError(
            f"--length-edges takes numbers of at most 9 digits, as 10,20,40, found {options.length_edges!r}"
        )
    edges = tuple(map(int, texts))
    if list(edges) != sorted(set(edges)):
        raise ValueError(f"--length-edges must rise as in 10,20,40, found {options.length_edges}")
    return edges


def metric_names(options: argparse.Namespace) -> list[str] | None:
    """The names of --metrics. ValueError for unknown ones, and where perplexity alone leaves nothing to do."""
    if options.metrics is None:
        return None

    from transduce.evaluation.metrics import FIGURES
    from transduce.workflows.evaluate.run import chosen_metrics

    names = [name.strip() for name in options.metrics.split(",")]
    outputs_matter = [f"--{name}" for name in ("outputs", "compare", "by", "worst", "output") if getattr(options, name)]
    outputs_matter += decoding_options_in(options)
    if options.outputs is not None and (figures := [name for name in names if name in FIGURES]):
        raise ValueError(f"{figures[0]} is of a model, and --outputs are text: leave it out of --metrics")
    if not chosen_metrics([name for name in names if name not in FIGURES]) and outputs_matter:
        raise ValueError(f"{outputs_matter[0]} needs a metric of outputs: {names[0]} alone has nothing predicted")
    return names


def breakdown_kinds(options: argparse.Namespace) -> set[str]:
    """The kinds that --by names."""
    kinds = _named(options.by)
    return set(KINDS) if ALL in kinds else set(kinds)

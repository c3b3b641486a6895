"""The report of a preparation: report.json, and its summary for people."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeVar

from transduce.data.cleaning.rules import Clean
from transduce.data.columns import Label, Labels
from transduce.data.findings import Findings
from transduce.data.formats.picture_folder import NOT_IN_CLASS, NOT_PICTURE
from transduce.data.lengths import TOO_MANY_TOKENS
from transduce.data.processors import Processors
from transduce.data.records import Record, RecordType, counted, of_kind, plural, shortened
from transduce.data.scan import Origin
from transduce.terminal import harmless, screen_width
from transduce.text.config import TokenizerConfig
from transduce.text.tags import name_list
from transduce.text.tokenizer import Tokenizer

MOST_LONG = 0.1  # share of records that are left out so without a warning
EXPECTATIONS = (  # fewer rows to train on than, and what to expect of a model
    (100, "enough to try the commands, too few for a useful model"),
    (1_000, "enough for a simple rule, such as spelling; too few for a language"),
)
EXAMPLES = 3  # records that are shown
MOST_SHOWN = 500  # characters of each value
WIDTH = 120  # columns, where no terminal says another number
Example = dict[str, Any]
T = TypeVar("T")


def example_of(record: Record) -> Example:
    """A record as the report shows it."""
    values = {name: shortened(value, MOST_SHOWN) for name, value in record.values.items()}
    return {"where": record.where, "values": values, "group": record.group, "tags": list(record.tags)}


def spread(items: Sequence[T], most: int) -> list[T]:
    """Items from all over the sequence: `spread(range(100), 3) == [16, 50, 83]`."""
    if len(items) <= most:
        return list(items)
    return [items[len(items) * (2 * place + 1) // (2 * most)] for place in range(most)]


def origin_report(origin: Origin, findings: Findings) -> dict[str, Any]:
    """The files of train, dev or test: path, lines and hash of each, and the counts of dropped and noted records."""
    return {
        "files": [{"path": str(file.path), "lines": file.lines, "sha256": file.sha256} for file in origin.files],
        "lines": origin.lines,
        "dropped": findings.dropped.tree(),
        "noted": findings.noted.tree(),
    }


def processors_report(processors: Processors, external: Processors, config: TokenizerConfig) -> list[dict[str, Any]]:
    """Columns and size of each processor, and for a tokenizer that is not `external` the size in its settings."""
    by_identity: dict[int, list[str]] = {}
    for column, processor in processors.items():
        by_identity.setdefault(id(processor), []).append(column)
    report = []
    for columns in by_identity.values():
        processor = processors[columns[0]]
        entry: dict[str, Any] = {"columns": columns, "size": processor.size}
        if isinstance(processor, Labels):
            entry |= {"kind": "labels", "names": list(processor.names)}
        elif isinstance(processor, Tokenizer):
            entry["kind"] = "tokenizer"
            if columns[0] not in external:
                entry["vocabulary"] = config.side(columns[0]).vocabulary
        else:
            entry |= {"kind": "numbers", "description": processors.description(columns[0])}
        report.append(entry)
    return report


def unknown_label(column: str) -> str:
    """The reason to leave out a held-out record with an unknown label."""
    return f"{column} occurs in no train record"


def label_advice(task: RecordType, reasons: Collection[str]) -> Iterator[str]:
    """Advice for each column whose unknown labels are among the reasons for records that are left out."""
    for name in of_kind(task, Label):
        if unknown_label(name) in reasons:
            yield f"a model cannot predict a {name} that it has not seen: correct it, or add such {plural(task.unit)} to train"


def label_warnings(task: RecordType, processors: Processors, findings: Mapping[str, Findings]) -> Iterator[str]:
    """Warnings of labels that look like numbers, and of records that are left out for their labels."""
    for name in of_kind(task, Label):
        if processors.labels(name).look_like_numbers:
            yield f"{plural(name)} look like numbers; there is no task for numbers yet, so each is a class of its own"
    for origin, each in findings.items():
        counts = each.dropped.counts
        number = sum(counts.get(unknown_label(column), 0) for column in of_kind(task, Label))
        for text in label_advice(task, counts):
            yield f"{origin} files: {counted(number, task.unit)} left out; {text}"


def length_warnings(
    task: RecordType, clean: Clean, findings: Mapping[str, Findings], parts: Mapping[str, int]
) -> Iterator[str]:
    """A warning where max-length takes more than a few records; `parts`: the records that are left in each."""
    for origin, each in findings.items():
        count, left = each.dropped.counts.get(TOO_MANY_TOKENS, 0), parts.get(origin, 0)
        if count > MOST_LONG * (count + left):
            yield (
                f"{origin} files: {counted(count, task.unit)} left out, and {left:,} not, as a text has more tokens than "
                f"data.clean.max-length = {clean.max_length}: raise it, or split long texts"
            )


def summary(report: Mapping[str, Any], width: int = WIDTH) -> list[str]:
    """A report as lines to print, with control characters escaped. `width`: columns of the longest line of an example.

    >>> summary(report)
    ['train: 9,000 pairs, 70,000 source and 60,000 target tokens',
     'dropped from train files: duplicate, 12 pairs (train.tsv:7: one -> eins; train.tsv:9, train.tsv:12, ...)',
     'tokenizer: 8,000 pieces for source and target',
     'a train pair, train.tsv:3:',
     '  source: two',
     '  target: zwei']
    """
    return [*map(harmless, _lines(report)), *_example_lines(report, width)]


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"warning: {text}" for text in report.get("warnings", ()))
    units = plural(report["unit"])
    tokenizers = [each for each in report["processors"] if each["kind"] == "tokenizer"]
    texts = [column for tokenizer in tokenizers for column in tokenizer["columns"]]
    for part, count in report["parts"].items():
        tokens = " and ".join(f"{count['tokens'][column]:,} {column}" for column in texts)
        tokens = f", {tokens} tokens" if texts else ""
        rows = f" in {counted(count['rows'], 'row')}" if count["rows"] != count["records"] else ""
        yield f"{part}: {counted(count['records'], report['unit'])}{rows}{tokens}"
    if len(corpora := report.get("corpora", ())) > 1:
        packed = report["parts"]["train"]["rows"] != report["parts"]["train"]["records"]
        yield f"train by corpus: {' + '.join(f'{rows:,}' for rows in corpora)} {'rows' if packed else units}"
    for name, origin in report["origins"].items():
        for title, key, noun in (("dropped from", "dropped", report["unit"]), ("noted in", "noted", "time")):
            for reason, entry in origin[key].items():
                own = "file" if reason in (NOT_IN_CLASS, NOT_PICTURE) else noun
                yield f"{title} {name} files: {reason}, {counted(entry['count'], own)} ({_examples(entry)})"
    if tags := report.get("tags"):
        yield f"tags: {name_list(tags)}"
    yield from _processors(report["processors"])
    if train := report["parts"].get("train"):
        for fewer_than, expectation in EXPECTATIONS:
            if train["rows"] < fewer_than:
                yield f"{counted(train['records'], report['unit'])} to train on: {expectation}"
                break


def _example_lines(report: Mapping[str, Any], width: int) -> Iterator[str]:
    for example in report.get("examples", ()):
        yield harmless(f"a train {report['unit']}, {example['where']}:")
        values = {**example["values"], "group": example["group"], "tags": " ".join(example["tags"])}
        for name, value in values.items():
            if value:
                yield _cut(harmless(f"  {name}: {value}"), width)


def _cut(line: str, width: int) -> str:
    """The line, or as much of it as a terminal of this width shows in one row."""
    columns = list(accumulate(map(screen_width, line)))
    if not columns or columns[-1] <= width:
        return line
    return line[: sum(each < width for each in columns)] + "…"


def _examples(entry: Mapping[str, Any]) -> str:
    """The places, with the text at the first: "a.tsv:7: one -> eins; a.tsv:9, a.tsv:12, ..."."""
    examples: list[dict[str, str]] = entry["examples"]
    first, *others = examples
    text = f": {first['text']}" if "text" in first else ""
    places = [example["where"] for example in others] + ["..."] * (entry["count"] > len(examples))
    return first["where"] + text + ("; " if text and places else ", " if places else "") + ", ".join(places)


def _processors(processors: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for processor in processors:
        columns, size, most = processor["columns"], processor["size"], processor.get("vocabulary", 0)
        fewer = f" (vocabulary = {most:,}; the text has no more)" if most > size else ""
        if processor["kind"] == "labels":
            yield f"{' and '.join(columns)}: {size:,} different, {name_list(processor['names'])}"
        elif processor["kind"] == "numbers":
            yield f"{' and '.join(columns)}: {processor['description']}"
        else:
            yield f"tokenizer: {counted(size, 'piece')} for {' and '.join(columns)}{fewer}"

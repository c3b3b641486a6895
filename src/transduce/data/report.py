"""The report of a preparation: report.json, and its summary for people."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from transduce.data.columns import Label, Labels
from transduce.data.findings import Findings
from transduce.data.formats.picture_folder import NOT_IN_CLASS, NOT_PICTURE
from transduce.data.processors import Processors
from transduce.data.records import RecordType, counted, of_kind, plural
from transduce.data.scan import Origin
from transduce.terminal import harmless
from transduce.text.config import TokenizerConfig
from transduce.text.tags import name_list
from transduce.text.tokenizer import Tokenizer


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


def summary(report: Mapping[str, Any]) -> list[str]:
    """A report as lines to print, with control characters escaped.

    >>> summary(report)
    ['train: 9,000 pairs, 70,000 source and 60,000 target tokens',
     'dropped from train files: duplicate, 12 pairs (train.tsv:7: one -> eins; train.tsv:9, train.tsv:12, ...)',
     'tokenizer: 8,000 pieces for source and target']
    """
    return [harmless(line) for line in _lines(report)]


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

"""Labels that a model cannot learn: the reason why their records are left out, and advice."""

from collections.abc import Collection, Iterator, Mapping

from transduce.data.columns import Label
from transduce.data.findings import Findings
from transduce.data.processors import Processors
from transduce.data.records import RecordType, counted, of_kind, plural


def reason(column: str) -> str:
    """The reason to leave out a held-out record with an unknown label."""
    return f"{column} occurs in no train record"


def advice(task: RecordType, reasons: Collection[str]) -> Iterator[str]:
    """Advice for each column whose unknown labels are among the reasons for records that are left out."""
    for name in of_kind(task, Label):
        if reason(name) in reasons:
            yield f"a model cannot predict a {name} that it has not seen: correct it, or add such {plural(task.unit)} to train"


def warnings(task: RecordType, processors: Processors, findings: Mapping[str, Findings]) -> Iterator[str]:
    """Warnings of labels that look like numbers, and of records that are left out for their labels."""
    for name in of_kind(task, Label):
        if processors.labels(name).look_like_numbers:
            yield f"{plural(name)} look like numbers; there is no task for numbers yet, so each is a class of its own"
    for origin, each in findings.items():
        counts = each.dropped.counts
        number = sum(counts.get(reason(column), 0) for column in of_kind(task, Label))
        for text in advice(task, counts):
            yield f"{origin} files: {counted(number, task.unit)} left out; {text}"

"""Labels that a model cannot learn: reasons why their records are left out, and advice."""

from collections.abc import Collection, Iterator, Mapping

from transduce.data.columns import Label, Labels
from transduce.data.findings import Findings
from transduce.data.processors import Processors
from transduce.data.records import RecordType, of_kind, plural
from transduce.text.tags import name_list


def reason(column: str, external: bool) -> str:
    """The reason to leave out a record with an unknown label; `external`: a model to start from has the labels."""
    return (
        f"{column} is unknown to the model that the run starts from"
        if external
        else f"{column} occurs in no train record"
    )


def advice(task: RecordType, external: Processors, reasons: Collection[str]) -> Iterator[str]:
    """Advice for each column whose unknown labels are among the reasons for records that are left out."""
    for name in of_kind(task, Label):
        if reason(name, name in external) not in reasons:
            continue
        if isinstance(labels := external.get(name), Labels):
            yield f"that model knows {name_list(labels.names)}: correct the {plural(name)}, or train without start-from"
        else:
            yield f"a model cannot predict a {name} that it has not seen: correct it, or add such {plural(task.unit)} to train"


def warnings(
    task: RecordType, processors: Processors, external: Processors, findings: Mapping[str, Findings]
) -> Iterator[str]:
    """Warnings of labels that look like numbers, and of records that are left out for their labels."""
    for name in of_kind(task, Label):
        if processors.labels(name).look_like_numbers:
            yield f"{plural(name)} look like numbers; there is no task for numbers yet, so each is a class of its own"
    for origin, each in findings.items():
        counts = each.dropped.counts
        number = sum(counts.get(reason(column, column in external), 0) for column in of_kind(task, Label))
        for text in advice(task, external, counts):
            yield f"{origin} files: {number:,} {plural(task.unit, number)} left out; {text}"

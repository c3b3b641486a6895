"""Warnings about data that is probably not what its owner means, and none about ordinary data."""

import random
import re
from pathlib import Path

import pytest

from record_types import CLASSIFICATION
from transduce.data.cleaning.rules import Clean
from transduce.data.config import Corpus, DataConfig
from transduce.data.findings import Findings
from transduce.data.formats.read import header_warnings
from transduce.data.record_keys import read_keys
from transduce.data.records import RecordType
from transduce.data.scan import find_origins
from transduce.tasks.translation import TRANSLATION

WORDS = ["Haus", "grün", "laufen", "zwei", "Brücke", "immer", "Wasser", "nie", "Straße", "lesen"]
ENGLISH = ["house", "green", "run", "two", "bridge", "always", "water", "never", "street", "read"]


def sentences(words: list[str], count: int = 60) -> list[str]:
    draw = random.Random(len(words[0]))
    return [" ".join(draw.choices(words, k=draw.randint(3, 9))) for _ in range(count)]


GERMAN, OTHER = sentences(WORDS), sentences(ENGLISH)
NUMBERS = [str(number) for number in range(1, 61)]


def warnings(corpus: Corpus, task: RecordType = TRANSLATION, clean: Clean | None = None) -> list[str]:
    findings = Findings()
    read_keys(find_origins(task, DataConfig(train=(corpus,)), Path())["train"], findings, clean or Clean())
    return [*header_warnings(findings), *findings.warnings]


def of_table(path: Path, *columns: list[str], task: RecordType = TRANSLATION, header: str = "") -> list[str]:
    rows = [header] * bool(header) + ["\t".join(cells) for cells in zip(*columns, strict=True)]
    (path / "f.tsv").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return warnings(Corpus(file=path / "f.tsv"), task)


@pytest.mark.parametrize(
    "columns",
    [
        (OTHER, GERMAN),
        (OTHER, GERMAN, [f"doc {number // 9}" for number in range(60)]),
        (OTHER, GERMAN, NUMBERS),
        (NUMBERS, GERMAN),
        (NUMBERS, GERMAN, ["cardinal", "ordinal"] * 30),
        (OTHER, [text.replace("two", "to") for text in OTHER]),
        (OTHER, [*OTHER[:25], *GERMAN[25:]]),
        ([text * 20 for text in OTHER], GERMAN),
        ([f"C1=CC{number}O" for number in range(60)], GERMAN, [f"CHEMBL{number}" for number in range(60)]),
        (["house"] * 60, GERMAN),
    ],
    ids=[
        "pairs",
        "documents",
        "ids",
        "numbers",
        "kinds",
        "corrected",
        "copies",
        "summaries",
        "molecules",
        "one source",
    ],
)
def test_ordinary_pairs_give_no_warning(tmp_path: Path, columns: tuple[list[str], ...]) -> None:
    assert of_table(tmp_path, *columns) == []


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ((NUMBERS, OTHER, GERMAN), "f.tsv: the source column looks like one of ids"),
        (([f"tat-{number}" for number in NUMBERS], OTHER, GERMAN), "f.tsv: the source column looks like one of ids"),
        ((OTHER, NUMBERS, GERMAN), "f.tsv: the target column looks like one of ids"),
        ((OTHER, OTHER), "f.tsv: 100% of the targets equal their sources; .* data.clean.drop-copies"),
        (
            (OTHER, ["de"] * 58 + ["fr"] * 2),
            "f.tsv: 97% of the targets are 'de', .* check that this is the right column",
        ),
        ((OTHER, [text * 100 for text in OTHER]), "f.tsv: the targets are on average 100 times as long as the sources"),
        (([text * 100 for text in OTHER], GERMAN), "f.tsv: the sources are on average .* times as long as the targets"),
        ((OTHER, [f" {text}" for text in GERMAN]), "f.tsv: 100% of the targets begin with a blank"),
    ],
    ids=["ids", "codes", "ids of targets", "copies", "one target", "long targets", "long sources", "blanks"],
)
def test_a_probable_mistake_gives_one_warning(tmp_path: Path, columns: tuple[list[str], ...], words: str) -> None:
    (warning,) = of_table(tmp_path, *columns)
    assert re.search(words, warning)


def test_labels(tmp_path: Path) -> None:
    assert of_table(tmp_path, OTHER, ["good", "bad", "good"] * 20, task=CLASSIFICATION) == []
    assert of_table(tmp_path, NUMBERS, ["odd", "even"] * 30, task=CLASSIFICATION) == []
    (warning,) = of_table(tmp_path, OTHER, ["good"] * 59 + ["bad"], task=CLASSIFICATION)
    assert "f.tsv: 98% of the labels are 'good'" in warning
    (warning,) = of_table(tmp_path, NUMBERS, OTHER, ["good", "bad"] * 30, task=CLASSIFICATION)
    assert "the text column looks like one of ids" in warning and "has text TAB label [TAB group" in warning


@pytest.mark.parametrize(
    "header",
    ["source\ttarget", "id\tenglish\tgerman", "text_en\ttext_de", "English sentence\tGerman sentence", "src1\ttgt1"],
)
def test_headers(tmp_path: Path, header: str) -> None:
    columns = [OTHER, GERMAN, ["group"] * 60][: header.count("\t") + 1]
    (warning,) = of_table(tmp_path, *columns, header=header)
    assert "f.tsv:1: the first row looks like a header" in warning


@pytest.mark.parametrize("row", ["source 0\ttarget 0", "word\tWort", "en\ten", "text\tW ER D", "read\tlesen"])
def test_first_rows_that_are_no_headers(tmp_path: Path, row: str) -> None:
    assert of_table(tmp_path, OTHER, GERMAN, header=row) == []


def test_one_file_for_both_columns(tmp_path: Path) -> None:
    for name, texts in (("a.en", OTHER), ("b.en", OTHER), ("a.de", GERMAN)):
        (tmp_path / name).write_text("\n".join(texts), encoding="utf-8")
    en, copy, de = tmp_path / "a.en", tmp_path / "b.en", tmp_path / "a.de"
    assert warnings(Corpus(files={"source": en, "target": de})) == []
    for other in (en, copy):
        (warning,) = warnings(Corpus(files={"source": en, "target": other}))
        assert warning.startswith(f"{en} and {other}: two columns have the same content")


def test_a_rule_that_leaves_copies_out_needs_no_warning(tmp_path: Path) -> None:
    (tmp_path / "f.tsv").write_text("".join(f"{text}\t{text}\n" for text in OTHER))
    assert warnings(Corpus(file=tmp_path / "f.tsv"), clean=Clean(drop_copies=True)) == []


def test_few_records_say_little(tmp_path: Path) -> None:
    assert of_table(tmp_path, OTHER[:5], OTHER[:5]) == []

"""Prepare for tasks that are no translations: packed documents, labels, rows of windows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import foreign_tokenizers
from preparing import prepare_data
from record_types import CLASSIFICATION, CONTEXT, LANGUAGE_MODEL, Windows
from transduce.data.cleaning.rules import Clean
from transduce.data.config import Corpus, DataConfig, Split
from transduce.data.processors import Processors
from transduce.data.records import EncodedRow, RecordType
from transduce.text.config import TokenizerConfig
from transduce.workflows.prepare.run import Prepared

CHARACTERS = TokenizerConfig("characters", 400)


def run(task: RecordType, folder: Path, **data: object) -> Prepared:
    config = DataConfig(**data)  # type: ignore[arg-type]
    return prepare_data(task, config, CHARACTERS, 1, folder, folder / "prepared")


def rows(prepared: Prepared, part: str, column: str = "text") -> list[list[int]]:
    store = getattr(prepared, part)
    return [row.tolist() for row in store.rows(column, np.arange(len(store)))]


def tsv(path: Path, *lines: tuple[str, ...]) -> Corpus:
    path.write_text("".join("\t".join(cells) + "\n" for cells in lines))
    return Corpus(file=path)


def test_documents_are_packed_and_none_is_lost(tmp_path: Path) -> None:
    documents = [f"Document {n},\nwith {'many ' * (n % 5)}lines" for n in range(200)]
    (tmp_path / "f.txt").write_text("\n\n".join(documents))
    prepared = run(
        LANGUAGE_MODEL, tmp_path, train=(Corpus(file=tmp_path / "f.txt", records="paragraphs"),), split=Split(20, 10)
    )
    texts = {part: [record.values["text"] for record in prepared.records(part)] for part in ("dev", "test")}
    assert [len(texts[part]) for part in ("dev", "test")] == [20, 10]
    tokenizer = prepared.processors.tokenizer("text")
    texts["train"] = [text for text in documents if text not in texts["dev"] and text not in texts["test"]]
    for part, expected in texts.items():
        packed = rows(prepared, part)
        assert all(len(row) <= CONTEXT + 1 for row in packed)
        tokens = [token for row in packed for token in (row if row[0] == tokenizer.start else row[1:])]
        assert tokens == [
            token for text in expected for token in (tokenizer.start, *tokenizer.encode(text), tokenizer.end)
        ]
        counts = prepared.report["parts"][part]
        assert counts["records"] == len(expected) and counts["rows"] == len(packed)
    lines = prepared.summary()
    assert lines[0].startswith(f"train: 170 documents in {len(rows(prepared, 'train')):,} rows, ")
    assert any("longer than the context, split, 200 times (" in line for line in lines)
    assert not list(prepared.folder.glob("*-records.arrow"))


def test_packing_is_by_corpus_so_that_weights_have_their_rows(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("".join(f"{name} line {n}\n" for n in range(20)))
    corpora = tuple(Corpus(file=tmp_path / f"{name}.txt") for name in ("a", "b"))
    prepared = run(LANGUAGE_MODEL, tmp_path, train=corpora)
    first, second = prepared.report["corpora"]
    tokenizer = prepared.processors.tokenizer("text")
    texts = tokenizer.decode_batch(rows(prepared, "train"))
    assert not any("b" in text for text in texts[:first]) and not any("a" in text for text in texts[first:])
    assert len(texts) == first + second


def test_rows_may_be_more_than_records(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("abcde\nfg\n" + "".join(f"{n}\n" for n in range(10, 20)))
    prepared = run(Windows(), tmp_path, train=(Corpus(file=tmp_path / "f.txt"),))
    assert prepared.report["parts"]["train"] == {"records": 12, "rows": 14, "tokens": {"text": 27}}
    tokenizer = prepared.processors.tokenizer("text")
    assert tokenizer.decode_batch(rows(prepared, "train"))[:4] == ["ab", "cd", "e", "fg"]


def test_labels_become_numbers(tmp_path: Path) -> None:
    lines = [(f"text {n}", ("ham", "spam", "eggs")[n % 3]) for n in range(30)]
    dev = tsv(tmp_path / "d.tsv", ("new text", "spam"), ("other", "bacon"), ("third", "eggs"))
    prepared = run(CLASSIFICATION, tmp_path, train=(tsv(tmp_path / "f.tsv", *lines),), dev=dev)
    assert rows(prepared, "train", "label") == [[(1, 2, 0)[n % 3]] for n in range(30)]
    assert rows(prepared, "dev", "label") == [[2], [0]]
    dropped = prepared.report["origins"]["dev"]["dropped"]
    assert dropped["label occurs in no train record"]["examples"][0]["text"] == "label 'bacon': other -> bacon"
    assert "label: 3 different, eggs, ham, spam" in prepared.summary()
    (warning,) = prepared.report["warnings"]
    assert warning.startswith("dev files: 1 text left out; a model cannot predict a label that it has not seen")
    assert [record.values["label"] for record in prepared.records("dev")] == ["spam", "eggs"]


def test_one_class_is_no_task(tmp_path: Path) -> None:
    train = tsv(tmp_path / "f.tsv", *[(f"text {n}", "spam") for n in range(9)])
    with pytest.raises(ValueError, match="column 'label' has one class only, 'spam'"):
        run(CLASSIFICATION, tmp_path, train=(train,))
    dev = tsv(tmp_path / "d.tsv", ("a", "x"))
    train = tsv(tmp_path / "f.tsv", *[(f"text {n}", f"label {n % 2}") for n in range(9)])
    with pytest.raises(
        ValueError, match=r"no dev texts are left \(left out: label occurs in no train record, 1 time\); a model"
    ):
        run(CLASSIFICATION, tmp_path, train=(train,), dev=dev)


def test_numbers_as_labels_are_told_once(tmp_path: Path) -> None:
    train = tsv(tmp_path / "f.tsv", *[(f"text {n}", f"{n % 5}") for n in range(20)])
    (warning,) = run(CLASSIFICATION, tmp_path, train=(train,)).report["warnings"]
    assert warning.startswith("labels look like numbers; there is no task for numbers yet")


def test_the_same_files_for_another_task_are_another_folder(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("".join(f"line {n}\n" for n in range(20)))
    corpus = (Corpus(file=tmp_path / "f.txt"),)
    folders = {run(task, tmp_path, train=corpus).folder for task in (LANGUAGE_MODEL, Windows())}
    assert len(folders) == 2 and run(Windows(), tmp_path, train=corpus).reused


@pytest.mark.parametrize(
    ("clean", "words"),
    [
        (Clean(drop_copies=True), r"data\.clean\.drop-copies compares two text columns, but this task has 1 \(text\)"),
        (Clean(max_ratio=2.0), r"data\.clean\.max-ratio compares two text columns"),
        (
            Clean(scripts={"source": "Latin"}),
            r"data\.clean\.scripts: 'source' is not a text column of this task \(text\)",
        ),
    ],
)
def test_rules_that_do_not_suit_the_task(tmp_path: Path, clean: Clean, words: str) -> None:
    train = tsv(tmp_path / "f.tsv", *[(f"text {n}", f"{n % 5}") for n in range(20)])
    with pytest.raises(ValueError, match=words):
        run(CLASSIFICATION, tmp_path, train=(train,), clean=clean)


def test_rules_look_at_texts_and_not_at_labels(tmp_path: Path) -> None:
    lines = [(f"text number {n}", ("1", "2", "x")[n % 3]) for n in range(30)]
    train = tsv(tmp_path / "f.tsv", *lines, ("--- 1 ---", "x"), ("Привет", "x"), lines[0])
    clean = Clean(min_letters=0.5, scripts={"text": "Latin"}, max_characters=20)
    prepared = run(CLASSIFICATION, tmp_path, train=(train,), clean=clean)
    dropped = prepared.report["origins"]["train"]["dropped"]
    assert {reason: found["count"] for reason, found in dropped.items()} == {
        "too few letters": 1,
        "wrong script": 1,
        "duplicate": 1,
    }


def test_what_the_rules_take_does_not_shape_the_tokenizer(tmp_path: Path) -> None:
    train = tsv(tmp_path / "f.tsv", *[(f"text {n}", f"{n % 2}") for n in range(20)], ("Ж" * 50, "1"))
    prepared = run(CLASSIFICATION, tmp_path, train=(train,), clean=Clean(max_characters=20))
    tokenizer = prepared.processors.tokenizer("text")
    assert "Ж" not in tokenizer.pieces(range(tokenizer.size))


def test_leaks_are_named_by_the_key_of_the_task(tmp_path: Path) -> None:
    train = tsv(tmp_path / "f.tsv", *[(f"text {n}", f"{n % 2}") for n in range(20)])
    dev = tsv(tmp_path / "d.tsv", ("TEXT 3", "1"), ("own", "0"), ("another", "0"))
    prepared = run(CLASSIFICATION, tmp_path, train=(train,), dev=dev)
    assert prepared.report["origins"]["train"]["dropped"]["text occurs in dev"]["count"] == 1
    with pytest.raises(
        ValueError, match=r"data\.split\.test needs 90 distinct texts, but the train files have only 20"
    ):
        run(CLASSIFICATION, tmp_path, train=(train,), split=Split(test=90))


def test_an_imported_tokenizer_counts_by_its_content_and_lies_beside_the_run_file(tmp_path: Path) -> None:
    lines = [(f"text {n}", f"label {n % 2}") for n in range(20)]
    data = DataConfig((tsv(tmp_path / "f.tsv", *lines),))
    config = TokenizerConfig(file=Path("own.json"))
    folders = []
    for style in ("gpt2", "bert", "gpt2"):
        foreign_tokenizers.write(style, tmp_path).replace(tmp_path / "own.json")
        prepared = prepare_data(CLASSIFICATION, data, config, 1, tmp_path, tmp_path / "prepared")
        tokenizer = prepared.processors.tokenizer("text")
        assert rows(prepared, "train")[3] == tokenizer.encode("text 3") and tokenizer.kind != "unigram"
        folders.append(prepared.folder)
    assert folders[0] == folders[2] != folders[1]


@dataclass(frozen=True)
class Sized(Windows):
    """Windows of any size; the columns say nothing of it."""

    window: int = 2

    def rows(self, records: Iterator[EncodedRow], processors: Processors) -> Iterator[EncodedRow]:
        return ({"text": record["text"][: self.window]} for record in records)


def test_the_settings_of_a_task_are_part_of_what_is_prepared(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("".join(f"number {n}\n" for n in range(20)))
    first, second, again = (
        run(Sized(window), tmp_path, train=(Corpus(file=tmp_path / "f.txt"),)) for window in (5, 8, 5)
    )
    assert [len(rows(each, "train")[0]) for each in (first, second, again)] == [5, 8, 5]
    assert again.reused and again.folder == first.folder


def test_an_error_names_the_mistake_that_probably_caused_it(tmp_path: Path) -> None:
    """Labels behind a column of ids are groups, and the texts count as labels, of which dev has none that train has."""
    corpus = tsv(tmp_path / "f.tsv", *((str(n), f"text number {n}", "good") for n in range(60)))
    words = r"label occurs in no train record.* The cause may be that .*f\.tsv: the text column looks like one of ids"
    with pytest.raises(ValueError, match=words):
        run(CLASSIFICATION, tmp_path, train=(corpus,), split=Split(10, 10))

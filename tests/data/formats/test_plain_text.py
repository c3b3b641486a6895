"""Text files for tasks with one column: lines, paragraphs, whole files, folders and patterns."""

from pathlib import Path

import pytest

from record_types import CLASSIFICATION, LANGUAGE_MODEL, Windows
from transduce.data.config import Columns, Corpus, DataConfig
from transduce.data.findings import Findings
from transduce.data.formats.lines import LineRules
from transduce.data.formats.read import read_records
from transduce.data.records import RecordType
from transduce.data.scan import find_origins
from transduce.tasks.translation import TRANSLATION

STOP = LineRules()
DOCUMENTS = "one\n  two\n\n\n \nthree\nfour\n"


def read(
    corpus: Corpus, task: RecordType | None = None, rules: LineRules = STOP
) -> tuple[list[tuple[str, str]], Findings]:
    """Text and place (without the folder) of each record."""
    findings = Findings()
    columns = (task or LANGUAGE_MODEL).columns
    records = list(read_records(corpus, columns, rules, findings))
    return [(record.values["text"], record.where.rpartition("/")[2]) for record in records], findings


def test_lines_paragraphs_and_files(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_text(DOCUMENTS)
    lines, findings = read(Corpus(file=path))
    assert lines == [("one", "f.txt:1"), ("  two", "f.txt:2"), ("three", "f.txt:6"), ("four", "f.txt:7")]
    assert findings.noted.counts == {"blank line skipped": 3}
    paragraphs, findings = read(Corpus(file=path, records="paragraphs"))
    assert paragraphs == [("one\n  two", "f.txt:1"), ("three\nfour", "f.txt:6")] and not findings.noted.counts
    assert read(Corpus(file=path, records="file"))[0] == [("one\n  two\n\n\n \nthree\nfour", "f.txt")]


def test_line_breaks_become_spaces_where_a_column_does_not_keep_them(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_text(DOCUMENTS)
    texts, _ = read(Corpus(file=path, records="paragraphs"), Windows())
    assert [text for text, _ in texts] == ["one   two", "three four"]
    (tmp_path / "f.csv").write_text('text\n"a\r\nb"\n')
    (tmp_path / "f.jsonl").write_text('{"text": "a\\r\\nb"}\n')
    for name in ("f.csv", "f.jsonl"):
        corpus = Corpus(file=tmp_path / name)
        texts, findings = read(corpus)
        assert texts[0][0] == "a\nb" and not any("space" in note for note in findings.noted.counts)
        texts, findings = read(corpus, Windows())
        assert texts[0][0] == "a b" and any("became a space" in note for note in findings.noted.counts)


def test_a_folder_and_a_pattern_stand_for_their_files(tmp_path: Path) -> None:
    for name in ("b/two.py", "a.txt", "b/.hidden", ".git/config", "empty.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("" if name == "empty.txt" else f"{name}\n")
    folder = Corpus(file=tmp_path, records="file")
    texts, findings = read(folder)
    assert [text for text, _ in texts] == ["a.txt", "b/two.py"] and findings.dropped.counts == {"empty text": 1}
    assert [text for text, _ in read(Corpus(file=tmp_path / "*" / "*.py", records="file"))[0]] == ["b/two.py"]
    origin = find_origins(LANGUAGE_MODEL, DataConfig((folder,)), tmp_path)["train"]
    assert [file.path.name for file in origin.files] == ["a.txt", "two.py", "empty.txt"] and origin.lines == 3
    for corpus, words in (
        (Corpus(file=tmp_path / "*.md", records="file"), r"data\.train: .*\*\.md: no file matches this pattern"),
        (Corpus(file=tmp_path / "none.txt", records="file"), r"none\.txt: no such file; data\.train names it"),
        (Corpus(file=tmp_path), "unknown extension"),
    ):
        with pytest.raises(ValueError, match=words):
            find_origins(LANGUAGE_MODEL, DataConfig((corpus,)), tmp_path)


def test_a_bad_line_takes_its_record(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_bytes(b"one\n\xff\ntwo\n\nthree\n")
    corpus = Corpus(file=tmp_path / "f.txt", records="paragraphs")
    with pytest.raises(ValueError, match=r"f\.txt:2: invalid UTF-8"):
        read(corpus)
    texts, findings = read(corpus, rules=LineRules("drop"))
    assert texts == [("three", "f.txt:5")] and findings.dropped.counts == {"invalid UTF-8": 1}


@pytest.mark.parametrize(
    ("corpus", "task", "words"),
    [
        (Corpus(file=Path("f.txt")), TRANSLATION, "a .txt file has one column, but the task has source and target"),
        (
            Corpus(file=Path("f.csv"), records="paragraphs"),
            LANGUAGE_MODEL,
            'records = "paragraphs" is for a .txt file',
        ),
        (Corpus(files={"text": Path("f")}, records="paragraphs"), LANGUAGE_MODEL, "aligned files have one record"),
        (Corpus(files={"text": Path("f")}), CLASSIFICATION, "needs a file for each of text and label, or file"),
        (Corpus(files={"source": Path("f")}), LANGUAGE_MODEL, "'source' is not a column of the task, which has text"),
        (Corpus(file=Path("f.csv"), columns=Columns({"lable": "x"})), CLASSIFICATION, "'lable' is not a column of the"),
        (
            Corpus(file=Path("f.txt"), columns=Columns({"text": "x"})),
            LANGUAGE_MODEL,
            "columns is for files with column names",
        ),
    ],
)
def test_a_corpus_that_does_not_suit_the_task(tmp_path: Path, corpus: Corpus, task: RecordType, words: str) -> None:
    with pytest.raises(ValueError, match=f"data.train: .*{words}"):
        find_origins(task, DataConfig((corpus,)), tmp_path)


def test_labels_are_stripped_and_empty_ones_dropped(tmp_path: Path) -> None:
    (tmp_path / "f.tsv").write_text("good\t spam \nbad\t \n \tham\n")
    (tmp_path / "text").write_text("good\nbad\n \n")
    (tmp_path / "label").write_text(" spam \n \nham\n")
    for corpus in (
        Corpus(file=tmp_path / "f.tsv"),
        Corpus(files={"label": tmp_path / "label", "text": tmp_path / "text"}),
    ):
        findings = Findings()
        (record,) = read_records(corpus, CLASSIFICATION.columns, LineRules(), findings)
        assert record.values == {"text": "good", "label": "spam"}
        assert findings.dropped.counts == {"empty label": 1, "empty text": 1}

"""The text that is trained on."""

from pathlib import Path
from statistics import median

from benchmarks.training_speed import corpus


def test_made_up_sentences_are_as_long_as_technical_ones() -> None:
    pairs = list(corpus.made_up(5000))
    lengths = sorted(len(source.split(" ")) for source, _ in pairs)
    assert median(lengths) in (8, 9, 10)
    assert 0.08 < sum(length > 36 for length in lengths) / len(lengths) < 0.12
    ratios = [len(target.split(" ")) / len(source.split(" ")) for source, target in pairs if len(source) > 200]
    assert min(ratios) > 0.8 and max(ratios) < 1.25


def test_made_up_text_is_always_the_same(tmp_path: Path) -> None:
    found = corpus.find("made-up", tmp_path)
    assert found == corpus.find("made-up", tmp_path)
    assert found.path.read_text(encoding="utf-8").count("\n") == corpus.PAIRS


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("a\tb\n", encoding="utf-8")
    found = corpus.find(str(path), tmp_path / "work")
    assert (found.path, found.name) == (path, "mine.tsv")

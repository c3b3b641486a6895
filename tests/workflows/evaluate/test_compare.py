"""Comparisons, breakdowns and sentences to look at, from outputs alone."""

from pathlib import Path

import pytest

from pairs import of_texts
from transduce.evaluation.metric import measure
from transduce.evaluation.metrics import METRICS
from transduce.workflows.evaluate.assessment import Questions, assess
from transduce.workflows.evaluate.breakdowns import breakdown_tables, count_words
from transduce.workflows.evaluate.compare import compare_systems, is_model, read_outputs
from transduce.workflows.evaluate.run import Judged, judge
from transduce.workflows.evaluate.sentence_tables import different_sentences, worst_sentences

SOURCES = ("one two three", "one", "four five", "six seven eight nine ten eleven", "")
REFERENCES = (("eins zwei drei",), ("eins", "ein"), ("vier fünf",), ("sechs sieben acht neun zehn elf",), ("",))
HELD_OUT = of_texts(
    SOURCES, REFERENCES, tags=(("de",), (), ("de",), ("de", "x"), ()), groups=("a", "a", "b", "b", ""), name="test.tsv"
)


def system(name: str, *outputs: str, metrics: tuple[str, ...] = ("chrf", "word-error-rate")) -> Judged:
    return judge(name, outputs, REFERENCES, [METRICS[each] for each in metrics])


GOOD = system("good", "eins zwei drei", "ein", "vier", "sechs sieben acht neun zehn elf", "")
BAD = system("bad", "eins zwei", "ein", "fünf", "sechs acht sieben zehn neun elf", "x")


def test_a_file_of_outputs_has_a_line_for_each_item(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("a\n\nb\u2028c\n\n\n", encoding="utf-8")
    assert read_outputs(path, HELD_OUT) == ("a", "", "b\u2028c", "", "")
    path.write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(ValueError) as error:
        read_outputs(path, HELD_OUT)
    assert f"{path} has 2 lines, but test.tsv has 5 items" in str(error.value)
    left_out = of_texts(SOURCES, REFERENCES, left_out=3, name="test.tsv")
    with pytest.raises(ValueError, match="5 items, 3 pairs with an empty column left out"):
        read_outputs(path, left_out)


def test_what_is_compared_is_a_model_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "out.txt").touch()
    (tmp_path / "model").mkdir()
    assert not is_model(tmp_path / "out.txt")
    with pytest.raises(ValueError, match="holds neither a model"):
        is_model(tmp_path / "model")
    (tmp_path / "model" / "config.toml").touch()
    assert is_model(tmp_path / "model")
    with pytest.raises(ValueError, match="no such file of outputs, model folder or run folder"):
        is_model(tmp_path / "nothing")


def test_each_other_system_is_compared_by_every_metric() -> None:
    found = compare_systems(GOOD, [BAD, GOOD])
    assert [each.other.name for each in found] == ["bad", "good"]
    for one, score, other in zip(found[0].comparisons, GOOD.scores, BAD.scores, strict=True):
        assert (one.metric, one.baseline, one.other) == (score.name, score.value, other.value)
    assert [one.randomisation_p for one in found[1].comparisons] == [1, 1]


def test_breakdowns_have_the_values_of_their_parts() -> None:
    tables = {table.breakdown.title: table for table in breakdown_tables(HELD_OUT, [GOOD, BAD], edges=(1, 3))}
    by_length = tables["length of the source in words"]
    assert [part.name for part in by_length.breakdown.slices] == ["up to 1", "2 to 3", "over 3"]
    expected = measure(METRICS["chrf"], ["eins zwei", "fünf"], [["eins zwei drei"], ["vier fünf"]]).value
    assert by_length.values[1][1][0] == pytest.approx(expected)
    assert [part.name for part in tables["group"].breakdown.slices] == ["a", "b", "(none)"]
    assert tables["group"].values[2][0] == (0.0, None)  # no rate of an empty reference; chrF of nothing is 0
    assert [part.name for part in tables["tags of the source"].breakdown.slices] == ["(none)", "de", "de x"]
    assert "occurrences in the test set of the rarest word in the reference" in tables


def test_rare_words_by_training_data(tmp_path: Path) -> None:
    pairs = tmp_path / "train.tsv"
    pairs.write_text("one two\teins\n" * 3 + "four\tvier\n", encoding="utf-8")
    counts = count_words([pairs])
    assert (counts["source"]["two"], counts["source"]["four"], counts["target"]["eins"]) == (3, 1, 3)
    source, target = tmp_path / "s", tmp_path / "t"
    source.write_text("one two\n\nfour\n", encoding="utf-8")
    target.write_text("eins\nx\nvier\n", encoding="utf-8")
    assert count_words([source, target]) == {
        "source": {"one": 1, "two": 1, "four": 1},
        "target": {"eins": 1, "vier": 1},
    }
    tables = breakdown_tables(HELD_OUT, [GOOD], ["rare-words"], training_words=counts)
    assert [table.breakdown.title for table in tables] == [
        "occurrences in training of the rarest word in the source",
        "occurrences in training of the rarest word in the reference",
    ]
    assert [part.name for part in tables[0].breakdown.slices] == ["no words", "never", "2 to 5"]
    with pytest.raises(ValueError, match="found 3 files"):
        count_words([pairs] * 3)
    named = tmp_path / "train.jsonl"
    named.write_text('{"en": "one two", "de": "eins"}\n', encoding="utf-8")
    assert count_words([named], columns={"source": "en", "target": "de", "group": "g"})["target"] == {"eins": 1}
    with pytest.raises(ValueError, match=r"train\.jsonl: holds no pairs to count words in \(left out: .*, 1 time"):
        count_words([named])


def test_a_breakdown_that_tells_nothing_is_left_out() -> None:
    alike = of_texts(("a b", "c d"), (("x y",), ("z w",)), groups=("g", "g"))
    judged = judge("it", ("x y", "z"), alike.references, [METRICS["chrf"]])
    assert breakdown_tables(alike, [judged]) == []
    assert breakdown_tables(of_texts((), alike.references), [judged], ["length", "group", "tag"]) == []


def test_sentences_to_look_at() -> None:
    table = worst_sentences(HELD_OUT, BAD, 2)
    assert table.metric == "chrf"
    assert [each.number for each in table.sentences] == [5, 3]
    third = table.sentences[1]
    assert (third.source, third.references, third.group, third.tags) == ("four five", ("vier fünf",), "b", ("de",))
    assert third.outputs[0].text == "fünf"
    expected = measure(METRICS["chrf"], ["fünf"], [["vier fünf"]]).value
    assert third.outputs[0].value == pytest.approx(expected)
    different = different_sentences(HELD_OUT, GOOD, BAD, 10)
    assert different.sentences[0].number in (1, 4)
    assert 2 not in [each.number for each in different.sentences]  # equal
    rates = system("rates", "a", "b", "c", "d", "e", metrics=("exact-match", "word-error-rate"))
    assert worst_sentences(HELD_OUT, rates, 9).metric == "word-error-rate"
    assert 5 not in [each.number for each in worst_sentences(HELD_OUT, rates, 9).sentences]  # not defined


def test_an_assessment_holds_what_was_wanted() -> None:
    bare = assess(HELD_OUT, GOOD, [BAD])
    assert bare.systems == (GOOD, BAD)
    assert (bare.breakdowns, bare.worst, bare.different) == ((), None, ())
    full = assess(HELD_OUT, GOOD, [BAD, GOOD], Questions(breakdowns=("length",), sentences=1))
    assert [table.kind for table in full.breakdowns] == ["length"]
    assert full.worst is not None
    assert [len(table.sentences) for table in full.different] == [1, 0]
    nothing_measured = judge("perplexity alone", (), REFERENCES, [])
    assert assess(HELD_OUT, nothing_measured, questions=Questions(sentences=5)).worst is None

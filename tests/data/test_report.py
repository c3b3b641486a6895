"""A report in words: each reason with an example, and nothing that a terminal might obey."""

from hypothesis import given
from hypothesis import strategies as st

from transduce.data.findings import Tally
from transduce.data.report import spread, summary
from transduce.terminal import harmless


def report(tally: Tally, **more: object) -> dict[str, object]:
    return {
        "unit": "pair",
        "parts": {"train": {"records": 9000, "rows": 9000, "tokens": {"source": 70_000, "target": 60_000}}},
        "origins": {"train": {"dropped": tally.tree(), "noted": {}}},
        "processors": [{"kind": "tokenizer", "columns": ["source", "target"], "size": 8000}],
        **more,
    }


def test_each_reason_is_a_line_with_its_count_places_and_an_example() -> None:
    tally = Tally()
    for number in range(12):
        tally.add("duplicate", f"train.tsv:{number}", f"text {number}")
    tally.add("empty source", "train.tsv:99")
    assert summary(report(tally)) == [
        "train: 9,000 pairs, 70,000 source and 60,000 target tokens",
        "dropped from train files: duplicate, 12 pairs (train.tsv:0: text 0; train.tsv:1, train.tsv:2, ...)",
        "dropped from train files: empty source, 1 pair (train.tsv:99)",
        "tokenizer: 8,000 pieces for source and target",
    ]


def test_counts_agree_with_their_nouns() -> None:
    noted = Tally()
    noted.add("blank line skipped", "a.tsv:1")
    tree = report(Tally(), processors=[{"kind": "tokenizer", "columns": ["source"], "size": 1}])
    tree["origins"] = {"dev": {"dropped": {}, "noted": noted.tree()}}
    assert summary(tree)[1:] == [
        "noted in dev files: blank line skipped, 1 time (a.tsv:1)",
        "tokenizer: 1 piece for source",
    ]
    noted.add("not JSON", "a.tsv:2")
    noted.add("not JSON", "a.tsv:3")
    assert str(noted) == "blank line skipped, 1 time; not JSON, 2 times"


def test_warnings_come_first_and_tags_and_smaller_vocabularies_are_told() -> None:
    processors = [
        {"kind": "tokenizer", "columns": ["source"], "size": 300, "vocabulary": 300},
        {"kind": "tokenizer", "columns": ["target"], "size": 45, "vocabulary": 8000},
    ]
    lines = summary(
        report(
            Tally(),
            warnings=["look here"],
            corpora=[8000, 1000],
            tags=[f"t{n}" for n in range(25)],
            processors=processors,
        )
    )
    assert lines[0] == "warning: look here"
    assert lines[2] == "train by corpus: 8,000 + 1,000 pairs"
    assert lines[3].startswith("tags: t0, t1, ") and lines[3].endswith(", t19 and 5 more")
    assert lines[4:] == [
        "tokenizer: 300 pieces for source",
        "tokenizer: 45 pieces for target (vocabulary = 8,000; the text has no more)",
    ]


def example(**more: object) -> dict[str, object]:
    return {"where": "a.tsv:3", "values": {"source": "one", "target": "eins"}, "group": "", "tags": [], **more}


def test_examples_come_last_and_show_each_column_on_a_line() -> None:
    lines = summary(report(Tally(), examples=[example(), example(group="book", tags=["de", "formal"])]))
    assert lines[-8:] == [
        "a train pair, a.tsv:3:",
        "  source: one",
        "  target: eins",
        "a train pair, a.tsv:3:",
        "  source: one",
        "  target: eins",
        "  group: book",
        "  tags: de formal",
    ]


def test_examples_fit_the_terminal_and_do_nothing_to_it() -> None:
    values = {"source": "日本語" * 9, "target": "\x1b[31mred\r\nnext", "note": "x" * 12}
    assert summary(report(Tally(), examples=[example(values=values)]), width=21)[-3:] == [
        "  source: 日本語日本…",
        r"  target: \x1b[31mre…",
        "  note: xxxxxxxxxxxx",
    ]


def test_spread_takes_items_from_everywhere() -> None:
    assert (
        spread(range(100), 3) == [16, 50, 83] and spread("ab", 3) == ["a", "b"] and spread("abcd", 3) == ["a", "c", "d"]
    )


@given(st.text(st.characters()))
def test_what_is_printed_is_harmless(text: str) -> None:
    tally = Tally()
    tally.add("duplicate", "a.tsv:1", text)
    for line in summary(report(tally)):
        assert line == harmless(line)
        line.encode()

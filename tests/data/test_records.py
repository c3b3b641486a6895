"""Held-out texts: one for each source with its tags, all targets with it; what is written is read back."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairs import Pair, pairs
from transduce.data.config import Corpus
from transduce.data.findings import Findings
from transduce.data.formats.lines import LineRules
from transduce.data.records import Record, line_of, read_held_out
from transduce.tasks.references import items
from transduce.tasks.translation import TRANSLATION

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n"), min_size=1).filter(str.strip)
TAGS = st.lists(st.sampled_from(["de", "fr", "formal"]), unique=True).map(tuple)


def test_targets_of_a_source_with_the_same_tags_come_together(tmp_path: Path) -> None:
    examples = [
        Pair("read", "R IY D", "verbs", "f:1"),
        Pair("house", "Haus", "", "f:2", ("de",)),
        Pair("read", "R EH D", "past", "f:3"),
        Pair("house", "maison", "", "f:4", ("fr",)),
        Pair("read", "R IY D", "verbs", "f:5"),
    ]
    (tmp_path / "dev.jsonl").write_text("".join(f"{line_of(pair.record)}\n" for pair in examples), encoding="utf-8")
    found = items(TRANSLATION, read_held_out(tmp_path / "dev.jsonl"))
    assert [(item.record.values["source"], item.references, item.record.tags) for item in found] == [
        ("read", ["R IY D", "R EH D"], ()),
        ("house", ["Haus"], ("de",)),
        ("house", ["maison"], ("fr",)),
    ]
    assert [item.record.group for item in found] == ["verbs", "", ""]


def test_lines_without_tags_and_groups_are_as_they_always_were() -> None:
    assert json.loads(line_of(Record({"a": "1"}, "f:1"))) == {"a": "1"}


@given(st.lists(st.builds(Pair, TEXT, TEXT, TEXT | st.just(""), st.just(""), TAGS), min_size=1))
def test_the_file_is_a_corpus_itself(tmp_path_factory: pytest.TempPathFactory, examples: list[Pair]) -> None:
    path = tmp_path_factory.mktemp("held") / "test.jsonl"
    path.write_text("".join(f"{line_of(pair.record)}\n" for pair in examples), encoding="utf-8", newline="\n")
    found = pairs(Corpus(file=path), LineRules(), Findings())
    assert [pair._replace(where="") for pair in found] == examples
    assert [record._replace(where="") for record in read_held_out(path)] == [pair.record for pair in examples]

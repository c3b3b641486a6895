"""Held-out texts: one for each source with its tags, all targets with it; what is written is read back."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transduce.data.held_out import HeldOutText, line_of, read_held_out

from transduce.data.config import Corpus
from transduce.data.formats.lines import LineRules
from transduce.data.formats.read import examples
from transduce.data.records import Example
from transduce.data.tally import Findings

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n"), min_size=1).filter(str.strip)
TAGS = st.lists(st.sampled_from(["de", "fr", "formal"]), unique=True).map(tuple)


def test_targets_of_a_source_with_the_same_tags_come_together(tmp_path: Path) -> None:
    pairs = [
        Example("read", "R IY D", "verbs", "f:1"),
        Example("house", "Haus", "", "f:2", ("de",)),
        Example("read", "R EH D", "past", "f:3"),
        Example("house", "maison", "", "f:4", ("fr",)),
        Example("read", "R IY D", "verbs", "f:5"),
    ]
    (tmp_path / "dev.jsonl").write_text("".join(f"{line_of(pair)}\n" for pair in pairs), encoding="utf-8")
    found = read_held_out(tmp_path / "dev.jsonl")
    assert found == [
        HeldOutText("read", ["R IY D", "R EH D"]),
        HeldOutText("house", ["Haus"], ("de",)),
        HeldOutText("house", ["maison"], ("fr",)),
    ]
    assert [text.group for text in found] == ["verbs", "", ""]


def test_lines_without_tags_and_groups_are_as_they_always_were() -> None:
    assert json.loads(line_of(Example("a", "b", "", "f:1"))) == {"source": "a", "target": "b"}


@given(st.lists(st.builds(Example, TEXT, TEXT, TEXT | st.just(""), st.just(""), TAGS), min_size=1))
def test_the_file_is_a_corpus_itself(tmp_path_factory: pytest.TempPathFactory, pairs: list[Example]) -> None:
    path = tmp_path_factory.mktemp("held") / "test.jsonl"
    path.write_text("".join(f"{line_of(pair)}\n" for pair in pairs), encoding="utf-8", newline="\n")
    found = examples(Corpus(file=path), LineRules(), Findings())
    assert [pair._replace(where="") for pair in found] == pairs
    assert {(text.source, text.tags) for text in read_held_out(path)} == {(pair.source, pair.tags) for pair in pairs}

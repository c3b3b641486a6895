"""What the [data] table refuses, and where relative paths lead."""

from pathlib import Path
from typing import Any

import pytest

from pairs import aligned
from transduce import config
from transduce.data.config import Corpus, DataConfig, Split

PAIR = {"source": "a.en", "target": "a.de"}
NAMES = {"columns": ("source", "target")}


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"train": []}, "train needs at least one corpus"),
        ({"train": [{"sourse": "a.en"}]}, r"unknown key 'train\[0\]\.sourse'; did you mean 'train\[0\]\.source'"),
        ({"train": [{"file": "a.csv", "columns": {"target": "x", "source": "x"}}]}, "both name the column 'x'"),
        ({"train": [{}]}, "needs file, or a file for each column; found neither"),
        ({"train": [{**PAIR, "file": "a.tsv"}]}, "either file or source and target"),
        ({"train": [{"file": "a.tsv", "group": "g"}]}, "either file or group, not both"),
        ({"train": [PAIR], "split": {}}, "dev or test must be at least 1"),
        ({"train": [PAIR], "split": {"dev": -1}}, "dev must be at least 0, found -1"),
        ({"train": [PAIR], "split": {"dev": 5, "by": "line"}}, "by"),
        ({"train": [PAIR], "split": {"dev": 5}, "dev": PAIR}, "dev is set twice"),
        ({"train": [PAIR], "clean": {"max-length": 0}}, r"clean\.max-length must be 1 to 999,999, found 0"),
        ({"train": [PAIR], "max-line-bytes": 0}, "max-line-bytes must be 1 to 1,000,000,000, found 0"),
        ({"train": [PAIR], "max-line-bytes": 10**19}, "max-line-bytes must be 1 to"),
        ({"train": [PAIR], "max-row-lines": 0}, "max-row-lines must be 1 to 1,000,000, found 0"),
        ({"train": [PAIR], "bad-lines": "ignore"}, "bad-lines"),
    ],
)
def test_mistakes_are_named(tree: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        config.build(DataConfig, tree, "run.toml", names=NAMES)


def test_tree_and_config_are_inverse() -> None:
    data = DataConfig((aligned(Path("a"), Path("b")), Corpus(file=Path("c.tsv"))), split=Split(dev=3, by="group"))
    assert config.build(DataConfig, config.tree_of(data), "run.toml", names=NAMES) == data
    both = DataConfig((aligned(Path("a"), Path("b")),), test=Corpus(file=Path("t.tsv")), split=Split(dev=3))
    assert config.build(DataConfig, config.tree_of(both), "run.toml", names=NAMES) == both


def test_relative_paths_start_at_the_base() -> None:
    corpus = aligned(Path("a.en"), Path("/absolute/a.de"), Path("groups")).resolved(Path("/runs"))
    assert [*corpus.files.values(), corpus.group] == [Path("/runs/a.en"), Path("/absolute/a.de"), Path("/runs/groups")]
    assert Corpus(file=Path("x.tsv")).resolved(Path("base")).file == Path("base/x.tsv")

"""Labels and processors: what is saved is read back; damage and mistakes are named."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from record_types import CLASSIFICATION
from transduce.data import columns as module
from transduce.data.columns import Label, Labels, Text
from transduce.data.processors import Processors
from transduce.tasks.translation import TRANSLATION
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train
from transduce.text.tokenizer import Tokenizer

NAMES = st.lists(st.text(st.characters(exclude_categories=["Cs"])).filter(str.strip), min_size=2, unique=True)


def words(*lines: str) -> Tokenizer:
    config = TokenizerConfig("words", 100)
    return train(lines, config.side("source"), config)


@given(NAMES)
def test_labels_are_numbered_by_name_and_come_back_from_their_file(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    labels = Labels.learn(names + names, "label")
    assert labels.names == tuple(sorted(names)) and labels.size == len(names)
    assert labels.encode_batch(names) == [[labels.names.index(name)] for name in names]
    path = tmp_path_factory.mktemp("labels") / "labels.json"
    labels.save(path)
    assert Labels.load(path) == labels and Label().load(path).sha256() == labels.sha256()


def test_labels_that_cannot_be_learnt_or_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="column 'label' has one class only, 'spam', in all records to train on"):
        Labels.learn(["spam", "spam"], "label")
    monkeypatch.setattr(module, "MOST_LABELS", 50)
    with pytest.raises(ValueError, match="column 'text' has more than 50 different labels; is it the right column"):
        Labels.learn(map(str, range(51)), "text")
    with pytest.raises(ValueError, match="unknown label 'eggs'"):
        Labels(("ham", "spam")).encode_batch(["spam", "eggs"])


@pytest.mark.parametrize(
    "content", ["", "[]", '{"labels": [1]}', '{"labels": ["b", "a"]}', '{"labels": ["a", "a"]}', "\xff", "[" * 100_000]
)
def test_damaged_label_files_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "labels.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"labels\.json: not a file of labels"):
        Labels.load(tmp_path / "labels.json")


def test_columns_that_share_a_processor_share_its_file(tmp_path: Path) -> None:
    one, other = words("a b"), words("c d")
    for name, pair, files in (("shared", (one, one), ["tokenizer"]), ("own", (one, other), ["source", "target"])):
        processors = Processors(dict(zip(("source", "target"), pair, strict=True)))
        (tmp_path / name).mkdir()
        processors.save(tmp_path / name, TRANSLATION.columns)
        assert sorted(path.stem for path in (tmp_path / name).iterdir()) == files
        loaded = Processors.load(tmp_path / name, TRANSLATION.columns)
        assert loaded.sha256() == processors.sha256() and (loaded["source"] is loaded["target"]) == (name == "shared")


def test_each_kind_of_column_has_its_file(tmp_path: Path) -> None:
    columns = CLASSIFICATION.columns
    Processors({"text": words("a b"), "label": Labels(("x", "y"))}).save(tmp_path, columns)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.json", "tokenizer.json"]
    assert Processors.load(tmp_path, columns)["label"] == Labels(("x", "y"))
    (tmp_path / "labels.json").unlink()
    with pytest.raises(ValueError, match=r"holds neither labels\.json nor label\.json"):
        Processors.load(tmp_path, columns)
    two = {"title": Text(), "body": Text()}
    same = words("a")
    Processors({"title": same, "body": same}).save(tmp_path / ".", two)
    assert Processors.load(tmp_path, two)["title"] is not None


def test_numbers_as_labels_are_noticed() -> None:
    assert Labels(("1", "2", "3.5")).look_like_numbers
    assert not Labels(("0", "1")).look_like_numbers and not Labels(("1", "2", "none")).look_like_numbers

"""The [tokenizer] table."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from transduce import config as tables
from transduce.text.config import ColumnTokenizer, TokenizerConfig

TEXTS = {"texts": ("source", "target")}


def test_both_sides_have_the_settings_of_the_table() -> None:
    config = TokenizerConfig(kind="bpe", vocabulary=500)
    assert config.side("source") == config.side("target") == ColumnTokenizer("bpe", 500)


def test_a_side_may_have_its_own() -> None:
    tree = {"shared": False, "vocabulary": 900, "source": {"kind": "characters", "vocabulary": 300}}
    config = tables.build(TokenizerConfig, tree, "run.toml")
    assert config.side("source") == ColumnTokenizer("characters", 300)
    assert config.side("target") == ColumnTokenizer("unigram", 900)
    assert tables.build(TokenizerConfig, tables.tree_of(config), "again") == config


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_shared_tokenizer_has_no_sides(side: str) -> None:
    with pytest.raises(ValueError, match=f"a table for {side} needs shared = false"):
        TokenizerConfig(columns={side: ColumnTokenizer("words", 10)})


@pytest.mark.parametrize(("kind", "least"), [("unigram", 261), ("bpe", 261), ("characters", 261), ("words", 5)])
def test_a_vocabulary_holds_more_than_its_fixed_pieces(kind: str, least: int) -> None:
    assert ColumnTokenizer(kind, least).vocabulary == least
    for make in (ColumnTokenizer, TokenizerConfig):
        with pytest.raises(ValueError, match=f"vocabulary must be more than {least - 1} .*, found {least - 1}"):
            make(kind, least - 1)


def test_mistakes_name_their_key() -> None:
    with pytest.raises(ValueError, match=r"sample must be at least 1, found 0"):
        TokenizerConfig(sample=0)


def test_a_tokenizer_may_be_a_file() -> None:
    tree = {"file": "t5.json", "start": "<pad>", "mask": "<extra_id_0>"}
    config = tables.build(TokenizerConfig, tree, "run.toml")
    assert (
        config.side("source")
        == config.side("text")
        == ColumnTokenizer(file=Path("t5.json"), start="<pad>", mask="<extra_id_0>")
    )
    assert config.side("source").names == {"start": "<pad>", "mask": "<extra_id_0>"}
    assert tables.build(TokenizerConfig, tables.tree_of(config), "again") == config
    own = TokenizerConfig(shared=False, columns={"source": ColumnTokenizer(file=Path("bert.json"))})
    assert (own.side("source").file, own.side("target").file) == (Path("bert.json"), None)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"start": "<pad>"}, 'start = "<pad>" needs file'),
        ({"file": Path("t5.json"), "kind": "bpe"}, 'kind = "bpe" is for learning, but .* read from t5.json'),
        ({"file": Path("t5.json"), "lowercase": True}, "lowercase are for learning, but .* read from t5.json"),
    ],
)
def test_a_file_settles_what_would_be_learned(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TokenizerConfig(**settings)


def test_every_key_is_described() -> None:
    described = {description.key for description in tables.describe(TokenizerConfig, TEXTS) if description.text}
    names = {field.name for field in dataclasses.fields(TokenizerConfig)} - {"columns"}
    assert names | {"source.kind", "target", "target.vocabulary"} <= described
    automatic = tables.keys_where(TokenizerConfig, lambda fact: fact.automatic, TEXTS)
    assert {"vocabulary", "exact", "source", "target.vocabulary"} <= set(automatic)
    assert "columns" not in automatic


def test_a_table_is_for_a_text_column() -> None:
    with pytest.raises(ValueError, match=r"unknown key 'sorce'; did you mean 'source'\?"):
        tables.build(TokenizerConfig, {"shared": False, "sorce": {"kind": "bpe"}}, "run.toml", names=TEXTS)
    with pytest.raises(ValueError, match=r"unknown key 'label'; known keys here: kind, .*source, target"):
        tables.build(TokenizerConfig, {"label": {}}, "run.toml", names=TEXTS)

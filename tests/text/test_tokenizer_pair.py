"""The tokenizers of two sides, on disk."""

from pathlib import Path

import pytest

from transduce.text.learned import LearnedTokenizer
from transduce.text.pair import Tokenizers


def test_a_shared_tokenizer_is_one_file_and_one_object(trained: dict[str, LearnedTokenizer], tmp_path: Path) -> None:
    Tokenizers(trained["bpe"], trained["bpe"]).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]
    loaded = Tokenizers.load(tmp_path, ["tokenizer.json"])
    assert loaded.shared
    assert loaded.source.encode("den abs") == trained["bpe"].encode("den abs")


def test_each_side_may_have_its_own(trained: dict[str, LearnedTokenizer], tmp_path: Path) -> None:
    Tokenizers(trained["characters"], trained["words"]).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.json", "target.json"]
    loaded = Tokenizers.load(tmp_path, ["source.json", "target.json"])
    assert (loaded.shared, loaded.source.kind, loaded.target.kind) == (False, "characters", "words")


def test_a_folder_that_lists_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"neither tokenizer\.json nor source\.json and target\.json"):
        Tokenizers.load(tmp_path, ["source.json"])

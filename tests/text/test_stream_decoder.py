"""Text that grows with its ids: all parts together are the whole, and no part is taken back."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreign_tokenizers import STYLES, write
from transduce.text.imported_tokenizer import load
from transduce.text.learned_tokenizer import LearnedTokenizer
from transduce.text.tokenizer import StreamDecoder, Tokenizer

PARTS = st.sampled_from(
    [
        "low",
        " the",
        "  ",
        "\n",
        "\t",
        "猫",
        "👩‍👩‍👧",
        "é",
        "e\u0301",
        "\ue000",
        "\ue0001",
        "▁",
        "<",
        "</s>",
        "\ufffd",
        " don't .",
        "##s",
    ]
)
TEXTS = st.one_of(st.text(max_size=15), st.lists(PARTS, max_size=8).map("".join))
NAMES = ["unigram", "bpe", "characters", "words", *(f"imported {style}" for style in STYLES)]


@pytest.fixture(scope="module")
def every(trained: dict[str, LearnedTokenizer], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tokenizer]:
    """Each learned kind and each imported style."""
    folder = tmp_path_factory.mktemp("stream")
    return {**trained, **{f"imported {style}": load(write(style, folder)) for style in STYLES}}


def parts(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    stream = StreamDecoder(tokenizer)
    return [*(stream.push([number]) for number in ids), stream.finish()]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
def test_the_parts_of_a_text_are_the_text(every: dict[str, Tokenizer], name: str, text: str) -> None:
    tokenizer = every[name]
    ids = tokenizer.encode(text)
    assert "".join(parts(tokenizer, ids)) == tokenizer.decode(ids)
    stream = StreamDecoder(tokenizer)
    halves = [stream.push(ids[: len(ids) // 2]), stream.push(ids[len(ids) // 2 :]), stream.finish()]
    assert "".join(halves) == tokenizer.decode(ids)


@pytest.mark.parametrize("name", ["unigram", "imported gpt2", "imported llama2"])
def test_bytes_of_an_unfinished_character_are_held_back(every: dict[str, Tokenizer], name: str) -> None:
    tokenizer = every[name]
    ids = tokenizer.encode("a 猫b")
    shown = parts(tokenizer, ids)
    assert "".join(shown) == "a 猫b"
    assert not any("\ufffd" in part for part in shown)
    assert shown.index("猫") >= 3  # after the last of its three bytes
    assert parts(tokenizer, ids[:-2])[-1] in ("\ufffd", "\ufffd\ufffd")  # the text ends within the character


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_ids_can_be_streamed(every: dict[str, Tokenizer], name: str, data: st.DataObject) -> None:
    """A model may write bytes that are no UTF-8: then replacement characters may differ, but nothing else."""
    tokenizer = every[name]
    ids = data.draw(st.lists(st.integers(0, tokenizer.size - 1), max_size=20))
    streamed, whole = "".join(parts(tokenizer, ids)), tokenizer.decode(ids)
    if "\ufffd" not in whole:
        assert streamed == whole
    assert tokenizer.decode([number for number in ids if number not in tokenizer.special]) == whole


def test_words_come_one_by_one(every: dict[str, Tokenizer]) -> None:
    bert = every["imported bert"]
    assert parts(bert, [bert.start, *bert.encode("The lazy dog"), bert.end]) == ["", "the", " lazy", " dog", "", ""]

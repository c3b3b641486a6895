"""Sentences of running text: every character kept, boundaries where people see them."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.text.sentences import Sentence, join, language_code, split

LANGUAGES = ["en", "de", "fr", "zh", "ja", "ar", "hi", "ru", "el", "my", "th", "xx", "pt-BR"]
PARTS = [
    "Mr. ",
    "M\u00a0.",
    "z.B. ",
    "U.S. ",
    "1. ",
    "http://a.b ",
    "你好。",
    "。」",
    "؟",
    "।",
    "…",
    "\u2028",
    "\u3000",
    "\u0085",
]
TEXTS = st.lists(st.sampled_from([*PARTS, *"abM.!?\"'()«»“” \n\t\r\u00a0é😀"])).map("".join) | st.text()


def texts(paragraph: str, language: str = "en") -> list[str]:
    return [sentence.text for sentence in split(paragraph, language)]


@given(TEXTS, st.sampled_from(LANGUAGES))
@settings(max_examples=300)
def test_every_character_is_kept(text: str, language: str) -> None:
    found = split(text, language)
    assert "".join(sentence.text + sentence.after for sentence in found) == text
    assert join(found, [sentence.text for sentence in found]) == text
    for place, sentence in enumerate(found):
        assert sentence.text == sentence.text.strip()
        assert not sentence.after.strip()
        assert sentence.text or place == 0


@pytest.mark.parametrize(
    ("language", "paragraph", "expected"),
    [
        ("en", "Mr. Smith came.  Who asked him?", ["Mr. Smith came.", "Who asked him?"]),
        ("de", "Das ist z. B. gut. Und das?", ["Das ist z. B. gut.", "Und das?"]),
        ("DE-at", "Die Nr. 5 ist gut bzw. besser. Ja.", ["Die Nr. 5 ist gut bzw. besser.", "Ja."]),
        ("zh", "你好。你是谁？我很好。", ["你好。", "你是谁？", "我很好。"]),
        ("hi", "यह एक है। यह दो है।", ["यह एक है।", "यह दो है।"]),
        (
            "en",
            "Open config.Toml or test.odt. Click OK.Then go on.",
            ["Open config.Toml or test.odt.", "Click OK.Then go on."],
        ),
        ("en", "1. First item. 2. Second item.", ["1. First item.", "2. Second item."]),
        ("fr", "Voir M.\u00a0Dupont. Bien.\u00a0 Oui.", ["Voir M.\u00a0Dupont.", "Bien.", "Oui."]),
        (
            "en",
            "It is M\u00a0. Then x.",
            ["It is M\u00a0.", "Then x."],
        ),  # white space of two bytes before the full stop
        ("en", "no end", ["no end"]),
        ("en", "...", ["..."]),
        ("en", "", []),
    ],
)
def test_boundaries(language: str, paragraph: str, expected: list[str]) -> None:
    assert texts(paragraph, language) == expected


def test_white_space_stands_after_sentences_and_once_before_them() -> None:
    assert split("  Come in.\t Sit! ", "en") == [Sentence("", "  "), Sentence("Come in.", "\t "), Sentence("Sit!", " ")]
    assert split(" \t", "en") == [Sentence("", " \t")]


def test_translations_take_the_places_of_sentences() -> None:
    sentences = split("Come in.  Sit down!\n\nOne more. ", "en")
    assert join(sentences, ["Komm rein.", "Setz dich!", "Noch eins."]) == "Komm rein.  Setz dich!\n\nNoch eins. "
    with pytest.raises(ValueError):
        join(sentences, ["Komm rein."])


def test_a_space_is_put_where_the_other_script_needs_one() -> None:
    sentences = split("你好。请坐。", "zh")
    assert join(sentences, ["Hello.", "Sit down."]) == "Hello. Sit down."
    assert join(sentences, ["こんにちは。", "どうぞ。"]) == "こんにちは。どうぞ。"
    assert join(sentences, ["Hello.", ""]) == "Hello."
    for spaced in (
        ["안녕하세요.", "앉으세요."],
        ["यह एक है।", "यह दो है।"],
        ["مرحبا؟", "اجلس."],
        ["«Salut…»", "«Assieds-toi»"],
    ):
        assert join(sentences, spaced) == " ".join(spaced)
    assert join(sentences, ["“你好。”", "“请坐。”"]) == "“你好。”“请坐。”"
    assert join(sentences, ["合計は3。", "4つです。"]) == "合計は3。4つです。"
    assert join(split("안녕하세요.앉으세요.", "ko"), ["안녕하세요.", "앉으세요."]) == "안녕하세요.앉으세요."


@pytest.mark.parametrize("unit", ["“a. ", '"A. ', "你好！", "1. ", "\n", "x", "Mr. "])
def test_time_grows_with_the_length_only(unit: str) -> None:
    """Left to itself the library needs a time that grows with the square where quotes stay open."""
    text = unit * (40_000 // len(unit))
    start = time.process_time()
    assert join(split(text, "en"), texts(text)) == text
    assert time.process_time() - start < 10


def test_what_is_no_language_code_is_refused() -> None:
    assert language_code("pt_BR") == "pt"
    for wrong in ("english", "", "e", "en ", "../en", "12"):
        with pytest.raises(ValueError, match="expected a language code such as en"):
            split("Text.", wrong)


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="lone surrogate, U\\+D800, as character 3"):
        split("a \ud800", "en")

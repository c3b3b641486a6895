"""Each cleaning rule with pairs that it must take and pairs that it must leave, in several scripts."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transduce import config
from transduce.data.cleaning.rules import Clean, is_unbalanced, rules, verdict
from transduce.data.cleaning.scripts import Script, letter_share, script_share
from transduce.data.records import COPY, DAMAGED, FEW_LETTERS, TOO_LONG, TRAIN, WRONG_SCRIPT


def fate(settings: Clean, source: str, target: str) -> int:
    return verdict({"source": source, "target": target}, rules(settings, ("source", "target")))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("house", "HH AW S"),  # letters to sounds
        ("1000000000000", "one trillion"),
        ("9", "neun"),
        ("你好，世界", "Hello, world, how are you doing today?"),
        ("x = y[0] ** 2;", "{ } [ ] ( )"),  # code
        ("a" * 5000, "short"),  # a summary
        ("same", "same"),  # spelling that is right already
        ("😀", ":)"),
        ("…", "?!"),
        ("Привет", "Hello"),
        ("e\u0301", "é"),
    ],
)
def test_the_defaults_leave_good_pairs_of_all_tasks(source: str, target: str) -> None:
    assert fate(Clean(), source, target) == TRAIN


def test_damaged_pairs_are_taken_unless_told_otherwise() -> None:
    for pair in (("Ã¼ber", "about"), ("about", "Ã¼ber"), ("caf\ufffd", "coffee")):
        assert fate(Clean(), *pair) == DAMAGED
        assert fate(Clean(drop_damaged=False), *pair) == TRAIN


def test_copies() -> None:
    settings = Clean(drop_copies=True)
    for pair in (("OK", "OK"), (" GNU  GPL ", "GNU GPL"), ("名前", "名前\u3000")):
        assert fate(settings, *pair) == COPY
    for pair in (("OK", "ok"), ("GNU", "GPL"), ("é", "e\u0301")):
        assert fate(settings, *pair) == TRAIN


def test_characters() -> None:
    settings = Clean(max_characters=5)
    assert fate(settings, "12345", "日本語です") == TRAIN
    assert fate(settings, "123456", "1") == fate(settings, "1", "日本語ですよ") == TOO_LONG


@given(st.integers(1, 1000), st.integers(1, 1000), st.floats(1, 10))
def test_ratios_are_symmetric(source: int, target: int, most: float) -> None:
    first, second = np.array([source]), np.array([target])
    (taken,) = is_unbalanced(first, second, most).tolist()
    assert taken == is_unbalanced(second, first, most).tolist()[0] == (max(source, target) / min(source, target) > most)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("abc", 1),
        ("a1 b2", 0.5),
        ("---", 0),
        ("12:30", 0),
        ("नमस्ते", 1),
        ("Größe", 1),
        ("שלום!", 0.8),
        ("e\u0301.", 2 / 3),
        (" ", 1),
    ],
)
def test_share_of_letters(text: str, share: float) -> None:  # fmt: skip
    assert letter_share(text) == pytest.approx(share)


def test_few_letters() -> None:
    settings = Clean(min_letters=0.5)
    for pair in (("--- 12 ---", "ein Wort"), ("a word", "== 3 =="), ("1a", "b2c3d4---")):
        assert fate(settings, *pair) == FEW_LETTERS
    for pair in (("see page 12", "siehe Seite 12"), ("第三章", "глава 3"), ("a1", "b2")):
        assert fate(settings, *pair) == TRAIN


SAMPLES: dict[Script, str] = {
    "Latin": "Größe ﬁn Ａ œuvre đấy",
    "Cyrillic": "Съешь ещё їжак",
    "Greek": "Ξεσκεπάζω",
    "Arabic": "مرحبا ﻻ",
    "Hebrew": "שלום",
    "Devanagari": "नमस्ते",
    "Thai": "สวัสดี",
    "Han": "你好世界",
    "Japanese": "日本語のテキスト、ｶﾅー",
    "Hiragana": "こんにちは",
    "Katakana": "カタカナーｶﾅ",
    "Hangul": "안녕하세요",
    "Korean": "안녕 漢字",
    "Armenian": "Բարեւ",
    "Georgian": "გამარჯობა",
    "Tamil": "வணக்கம்",
    "Ethiopic": "ሰላም",
    "Odia": "ନମସ୍କାର",
    "Nko": "ߒߞߏ",
}


@pytest.mark.parametrize("script", SAMPLES)
def test_each_script_knows_its_own_letters(script: Script) -> None:
    assert script_share(SAMPLES[script], script) == 1
    for other, text in SAMPLES.items():
        if {script, other} & {"Han", "Hangul", "Hiragana", "Katakana", "Japanese", "Korean"} == {script, other}:
            continue  # these share letters
        assert other == script or script_share(text, script) == 0


@pytest.mark.parametrize(
    ("text", "script"),
    [("人々", "Han"), ("〆切", "Japanese"), ("1ª vez", "Latin"), ("п\u02bcять", "Cyrillic"), ("5 µм", "Cyrillic")],
)
def test_letters_between_scripts_count_for_none(text: str, script: Script) -> None:
    assert script_share(text, script) == 1


def test_wrong_script() -> None:
    settings = Clean(scripts={"source": "Latin", "target": "Cyrillic"})
    assert fate(settings, "Hello world", "Привет, world") == TRAIN
    assert fate(settings, "12:30", "12:30") == TRAIN  # no letters, no script
    assert fate(settings, "Привет", "Привет") == fate(settings, "Hello", "Hello") == WRONG_SCRIPT
    assert fate(settings, "Hello", "OK Hello мир") == WRONG_SCRIPT
    assert fate(Clean(scripts={"target": "Cyrillic"}, min_script=0.3), "Hello", "OK Hello мир") == TRAIN


def test_the_first_rule_that_takes_a_pair_names_the_reason() -> None:
    settings = Clean(max_characters=3, drop_copies=True, min_letters=0.5)
    assert fate(settings, "Ã¼1234", "Ã¼1234") == TOO_LONG
    assert fate(settings, "Ã¼", "Ã¼") == DAMAGED
    assert fate(settings, "12", "12") == COPY
    assert fate(settings, "12", "13") == FEW_LETTERS


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"max-length": 0}, "max-length must be 1 to 999,999, found 0"),
        ({"max-characters": 0}, "max-characters must be at least 1, found 0"),
        ({"max-ratio": 0.9}, r"max-ratio must be at least 1, found 0\.9"),
        ({"min-letters": 1.5}, r"min-letters must be 0 to 1, found 1\.5"),
        ({"min-script": -0.1}, "min-script must be 0 to 1, found"),
        (
            {"min-script": 0.9},
            r"min-script = 0\.9 needs scripts, found none; add scripts",
        ),
        ({"scripts": {"source": "Klingon"}}, 'one of "Arabic", .*found "Klingon"'),
        ({"scripts": {"target": "latin"}}, "did you mean 'Latin'"),
        ({"drop-copys": True}, "did you mean 'drop-copies'"),
        ({"drop-copies": 1}, "must be true or false"),
    ],
)
def test_mistakes_are_named(tree: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        config.build(Clean, tree, "run.toml")


def test_a_ratio_that_is_no_number() -> None:
    with pytest.raises(ValueError, match="max-ratio must be at least 1, found nan"):
        Clean(max_ratio=float("nan"))


def test_tree_and_config_are_inverse() -> None:
    for settings in (Clean(), Clean(max_ratio=3.0, max_characters=9, scripts={"source": "Han"}, drop_duplicates=False)):
        assert config.build(Clean, config.tree_of(settings), "run.toml") == settings

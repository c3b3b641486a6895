"""Regular expressions of published tokenizers pass; those that could take long do not, and refusing them is quick."""

import time

import pytest

from transduce.text.patterns import check_pattern

PUBLISHED = {
    "gpt-2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "gpt-4": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "gpt-4, possessive": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    "gpt-4o": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "classes in classes": r" ?[^(\s|[.,!?…。，、।۔،])]+",
    "ranges": r"[一-龥぀-ゟ゠-ヿ]+",
    "two spaces": r" {2,}",
    "names": r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    "lookbehind": r"(?<=\s)\S+",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_patterns_pass(name: str) -> None:
    check_pattern(PUBLISHED[name])


SLOW = [
    r"(a+)+$", r"(?:a|a)*b", r"(?:a{0,100}){0,100}", r"(a?){20}", "a?" * 30 + "a" * 30, r"\s*\s*\s+[xy]|.", r"\s*\s+[xy]|.",
    r"\p{L}+(?=[!?])|.", r"a{0,100}a{0,100}a{0,100}[xy]|.", r"a{1,3}{1,3}{1,1000}", r"a**", r"(a)\1", r"(?<x>a\g<x>?b)",
    r"\p{Cherokee}*x", r"\X+", r"(?{1})", r"(*FAIL)", r"(?x) a b", r"(?~abc)", r"(?(1)a|b)",
]  # fmt: skip


@pytest.mark.parametrize("pattern", SLOW)
def test_patterns_that_could_take_long_are_refused_quickly(pattern: str) -> None:
    began = time.thread_time()
    with pytest.raises(ValueError, match="regular expression"):
        check_pattern(pattern)
    assert time.thread_time() - began < 10


@pytest.mark.parametrize("pattern", ["(", "[a", "*a", "a|+", "\\", "\\p{L", "a" * 3000, "(" * 1500, "\x00{"])
def test_patterns_that_are_none_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        check_pattern(pattern)

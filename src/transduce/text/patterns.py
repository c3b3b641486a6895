"""Checks of regular expressions in untrusted files: refuses those that could need more than linear time.

The `tokenizers` library matches with Oniguruma, which backtracks: `(a+)+$` takes seconds for 30 characters and cannot be
interrupted. The first check limits the form of a pattern, so that its time is at most a small power of the text's
length. The second check measures its time on runs of one character, with lengths that double.
"""

import re
import time
from functools import lru_cache

import tokenizers

from transduce.text.tokenizer import is_of_library

LONGEST_PATTERN = 2_000  # characters
MOST_REPEATS = 3  # of * + {} in one branch
MOST_OPTIONAL = 8  # of ? in one branch
LONGEST_RUN = 8_192  # characters of the longest probe
MOST_SECONDS = 0.04  # of processor time for it; linear patterns take 0.001

SCRIPTS = {"Han": "中", "Hiragana": "の", "Katakana": "ア", "Hangul": "한", "Latin": "a", "Cyrillic": "ж", "Greek": "κ",
           "Arabic": "ع", "Hebrew": "א", "Devanagari": "क", "Thai": "ก", "Alpha": "a", "Alnum": "a"}  # fmt: skip
ONE_OF_EACH = "aAǅʰ中\u0301\u0903\u20dd1Ⅷ²_-()«»!$+^© \u2028\u2029\t\r\n\u200d\ue000\u0378" + "".join(SCRIPTS.values())
"""A character of each general category of Unicode and of each script that a pattern may name."""

TOKEN = re.compile(
    r"""(?P<escape>\\(?:[pP]\{\^?(?P<property>[\w &-]+)\}|x\{[0-9A-Fa-f]+\}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}
                       |(?![1-9cCgkKGMRXpPxuzZy])[\s\S]))
      | (?P<open>\((?:\?(?:[im]*:|=|!|<=|<!|>))?(?![*?]))
      | (?P<close>\))
      | (?P<branch>\|)
      | (?P<repeat>[*+]|\{\d*,?\d*\})
      | (?P<optional>\?)
      | (?P<atom>[^\\()\[\]*+?{])
    """,
    re.VERBOSE,
)
CATEGORY = re.compile(r"C[cfnos]?|L[Clmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?")


@lru_cache(maxsize=256)
def check_pattern(pattern: str) -> None:
    """ValueError, with the reason, for a pattern that may be slow."""
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(
            f"a regular expression has {len(pattern):,} characters, at most {LONGEST_PATTERN:,} are allowed"
        )
    try:
        _check_form(pattern)
        _check_time(pattern)
    except ValueError as error:
        short = pattern if len(pattern) <= 60 else pattern[:60] + "..."
        raise ValueError(f"the regular expression {short!r} {error}") from None


def _check_form(pattern: str) -> None:
    """Allows repetitions of single characters and classes only, and few in a row."""
    place, depth, before = 0, 0, ""
    counts = {"repeat": 0, "optional": 0}  # in this branch
    while place < len(pattern):
        if pattern[place] == "[":
            place, before = _end_of_class(pattern, place), "atom"
            continue
        token = _token(pattern, place)
        kind, place = str(token.lastgroup), token.end()
        if kind not in counts:
            depth += (kind == "open") - (kind == "close")
            if kind == "branch" and depth == 0:
                counts = {"repeat": 0, "optional": 0}
            before = kind
        elif before in counts and token[0] in "?+":
            before = "lazy"  # or possessive
        elif before in ("", "open", "branch", "lazy", *counts):
            raise ValueError("repeats a repetition, or nothing")
        elif before == "close" and kind == "repeat":
            raise ValueError("repeats a group, which can take exponential time")
        else:
            counts[kind] += 1
            before = kind
        if counts["repeat"] > MOST_REPEATS or counts["optional"] > MOST_OPTIONAL:
            raise ValueError(
                f"has more than {MOST_REPEATS} repetitions or {MOST_OPTIONAL} optional parts in one branch"
            )


def _token(pattern: str, place: int) -> re.Match[str]:
    token = TOKEN.match(pattern, place)
    if token is None:
        raise ValueError(f"has {pattern[place : place + 4]!r}, which is not supported")
    name = token["property"]
    if name is not None and name not in SCRIPTS and not CATEGORY.fullmatch(name):
        raise ValueError(f"has the property {name!r}; known: general categories, {', '.join(SCRIPTS)}")
    return token


def _end_of_class(pattern: str, place: int) -> int:
    """The end of the class that opens at `place`; classes may contain classes, as [a&&[^b]]."""
    depth = 0
    while place < len(pattern):
        if pattern[place] == "\\":
            place = _token(pattern, place).end()
            continue
        depth += (pattern[place] == "[") - (pattern[place] == "]")
        place += 1
        if depth == 0:
            return place
    raise ValueError("has a class without its end")


def _check_time(pattern: str) -> None:
    try:
        split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "removed").pre_tokenize_str
        for char in dict.fromkeys(ONE_OF_EACH + pattern):
            end, length = "." if char != "." else "a", 32
            while length <= LONGEST_RUN:
                began = time.thread_time()
                split(char * length + end)
                if time.thread_time() - began > MOST_SECONDS:
                    raise ValueError(f"takes more than {MOST_SECONDS} s for {length:,} times {char!r}")
                length *= 2
    except BaseException as error:
        if not is_of_library(error) or type(error) is ValueError:
            raise
        raise ValueError(f"fails: {error}") from None

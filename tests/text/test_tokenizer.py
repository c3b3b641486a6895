"""Text to ids and back: nothing is lost, and no text yields a special piece."""

import copy
import pickle
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transduce.text.config import ColumnTokenizer, Kind, Normalisation, TokenizerConfig
from transduce.text.learn.learn import train
from transduce.text.learned_tokenizer import LearnedTokenizer
from transduce.text.special import END, NAMES, PAD, START, UNKNOWN
from transduce.text.spelling import Pipeline, normaliser

FRAGMENTS = [
    *NAMES, "<0x41>", "<0x0A>", "<0xFF>", "<", ">", "</", "s>", "0x41>", "▁", "▁▁", "\ue000", "\ue0001", "\ue0000",
    "\ue001", "\ue002", "\ue003", "0", "1", "2", " ", "  ", "\t", "\n", "\r\n", "\r", "\x00", "\x0b", "\x1c", "\x85",
    "\xa0", "\u2028", "\u200b", "\u200d", "\ufeff", "\u202e", "\ufffd", "\uffff", "\U0010ffff", "e\u0301", "\u0301",
    "a\u0323\u0307", "\u1e9b\u0323", "\u1100\u1161\u11a8", "Å", "\u212b", "ﬁ", "＜", "≮", "<\u0338", "İ", "ẞ", "Σς",
    "日本", "👩‍👩‍👧", "a", "b", "den", "##s", "<<", "don't",
]  # fmt: skip

TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(exclude_categories=("Cs",), min_codepoint=0xE000, max_codepoint=0xE003), max_size=10),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=2)), max_size=12).map("".join),
)

HARD = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@HARD
@given(text=TEXTS)
def test_decoding_gives_back_the_normalised_text(lossless: LearnedTokenizer, text: str) -> None:
    ids = lossless.encode(text)
    assert lossless.decode(ids) == lossless.normalise(text)
    assert all(END < number < lossless.size for number in ids)


@HARD
@given(text=TEXTS)
def test_no_text_yields_a_special_piece(tokenizer: LearnedTokenizer, text: str) -> None:
    assert not {PAD, START, END} & set(tokenizer.encode(text))


@HARD
@given(texts=st.lists(TEXTS, max_size=5))
def test_a_batch_is_its_texts_one_by_one(tokenizer: LearnedTokenizer, texts: list[str]) -> None:
    rows = tokenizer.encode_batch(texts)
    assert rows == [tokenizer.encode(text) for text in texts]
    assert tokenizer.decode_batch(rows) == [tokenizer.decode(row) for row in rows]


DOCUMENT = """ROMEO:
\tIs love a tender thing?   it is too rough,

  Too rude,\ttoo boisterous;\r\nand it pricks like thorn.


"""


def test_line_breaks_tabs_and_runs_of_spaces_survive(lossless: LearnedTokenizer) -> None:
    """Both where they have been learned from documents and where they have not."""
    learned = train([DOCUMENT] * 3, ColumnTokenizer(lossless.kind, 300), TokenizerConfig(exact=False))
    for tokenizer in (lossless, learned):
        for text in (DOCUMENT, "\n", "\n\n", " \n ", "\t\t", "    ", "\r\n", "a\n", "\na", DOCUMENT * 2):
            assert tokenizer.decode(tokenizer.encode(text)) == text
    assert any("\n" in piece for piece in learned.pieces(range(learned.size)))


def test_words_turn_white_space_into_single_spaces() -> None:
    words = train([DOCUMENT], ColumnTokenizer("words", 300), TokenizerConfig())
    assert words.decode(words.encode(DOCUMENT)) == " ".join(DOCUMENT.split())


def test_special_ids_are_attributes(tokenizer: LearnedTokenizer) -> None:
    assert (tokenizer.pad, tokenizer.start, tokenizer.end, tokenizer.unknown) == (PAD, START, END, UNKNOWN)
    assert tokenizer.special == {PAD, START, END, UNKNOWN}
    assert tokenizer.mask is None


def test_every_code_point_survives(lossless: LearnedTokenizer) -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts = ["".join(characters[begin : begin + 4000]) for begin in range(0, len(characters), 4000)]
    assert lossless.decode_batch(lossless.encode_batch(texts)) == [lossless.normalise(text) for text in texts]


@pytest.mark.parametrize("normalisation", ["nfc", "nfkc", "none"])
@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("kind", ["unigram", "characters"])
def test_decoding_gives_back_any_declared_normal_form(
    lines: list[str], kind: Kind, normalisation: Normalisation, lowercase: bool
) -> None:
    config = TokenizerConfig(normalisation=normalisation, lowercase=lowercase)
    tokenizer = train(lines, ColumnTokenizer(kind, 330), config)

    @HARD
    @given(text=TEXTS)
    def check(text: str) -> None:
        normal = tokenizer.normalise(text)
        assert tokenizer.decode(tokenizer.encode(text)) == normal
        assert tokenizer.normalise(normal) == normal

    check()


@HARD
@given(text=TEXTS)
def test_the_normal_form_is_that_of_python(text: str) -> None:
    """Python looks at a sigma's neighbours in lower case, and may not know the newest characters."""
    known = "".join(char for char in text if unicodedata.category(char) != "Cn")
    lower = "".join(char.lower() for char in unicodedata.normalize("NFKC", known))
    assert normaliser(Pipeline()).normalize_str(known) == unicodedata.normalize("NFC", known)
    both = normaliser(Pipeline(normalisation="nfkc", lowercase=True))
    assert both.normalize_str(known) == unicodedata.normalize("NFKC", lower)


def test_a_worked_example() -> None:
    """The one in the docstring of LearnedTokenizer."""
    tokenizer = train(["low lower lowest", "new newer newest"], ColumnTokenizer("unigram", 273), TokenizerConfig())
    ids = tokenizer.encode("lower <s>")
    assert ids == [260, 263, 272, 242, 132, 134, 269, 66]
    assert tokenizer.pieces(ids) == ["▁low", "er", "▁", "<0xEE>", "<0x80>", "<0x82>", "s", "<0x3E>"]
    assert tokenizer.decode(ids) == "lower <s>"
    assert (tokenizer.kind, tokenizer.size) == ("unigram", 273)


def test_special_pieces_have_the_first_ids_and_no_text(tokenizer: LearnedTokenizer) -> None:
    assert tokenizer.pieces([PAD, UNKNOWN, START, END]) == list(NAMES)
    ids = tokenizer.encode("den abs")
    assert tokenizer.decode([START, *ids[:1], PAD, UNKNOWN, *ids[1:], END]) == tokenizer.decode(ids)
    assert tokenizer.decode([PAD, END]) == ""


def test_pieces_show_what_stands_in_the_text(trained: dict[str, LearnedTokenizer]) -> None:
    for kind, pieces in {"unigram": ["▁<", "/", "s", ">"], "characters": list("</s>"), "words": ["</s>"]}.items():
        assert "".join(trained[kind].pieces(trained[kind].encode("</s>"))) == "".join(pieces)


def test_words_lose_only_white_space_and_what_they_have_not_learned(trained: dict[str, LearnedTokenizer]) -> None:
    words = trained["words"]
    known = [piece for piece in words.pieces(range(len(NAMES), words.size)) if piece != "▁"]
    assert words.decode(words.encode("  " + " \t\n".join(known) + " ")) == " ".join(known)
    assert words.encode(f"{known[0]} neverseen {known[1]}")[1] == UNKNOWN
    assert UNKNOWN not in words.encode(" ".join(known))


@pytest.mark.parametrize("word", [*NAMES, "<0x41>", "<<", "##a", "\ue0001", "<"])
def test_a_word_that_looks_special_is_a_word_once_learned(word: str) -> None:
    words = train([f"a {word} b"], ColumnTokenizer("words", 20), TokenizerConfig())
    ids = words.encode(f"b {word} {word}")
    assert ids[1] == ids[2] > END
    assert words.decode(ids) == f"b {word} {word}"
    assert train(["a b"], ColumnTokenizer("words", 20), TokenizerConfig()).encode(word) == [UNKNOWN]


@pytest.mark.parametrize("text", ["\ud800", "ab\udfffc", "\udc80 \ud83d\ude00"])
def test_lone_surrogates_are_refused(tokenizer: LearnedTokenizer, text: str) -> None:
    place = next(place for place, char in enumerate(text) if "\ud800" <= char <= "\udfff")
    message = f"lone surrogate, U\\+{ord(text[place]):04X}, as character {place + 1}"
    for use in (tokenizer.encode, tokenizer.normalise, lambda bad: tokenizer.encode_batch(["fine", bad])):
        with pytest.raises(ValueError, match=message):
            use(text)


def test_ids_outside_the_vocabulary_are_refused(tokenizer: LearnedTokenizer) -> None:
    for bad in (-1, tokenizer.size, 2**40):
        for use in (tokenizer.decode, tokenizer.pieces, lambda ids: tokenizer.decode_batch([[5], ids])):
            with pytest.raises(ValueError, match=f"id {bad} .* 0 to {tokenizer.size - 1}"):
                use([5, bad])


def test_ids_may_be_arrays(tokenizer: LearnedTokenizer) -> None:
    ids = tokenizer.encode("den abs")
    for form in (tuple(ids), np.array(ids, dtype=np.int32), torch.tensor(ids)):
        assert tokenizer.decode(form) == tokenizer.decode_batch([form])[0] == tokenizer.decode(ids)
    assert tokenizer.decode(np.empty(0, dtype=np.int32)) == tokenizer.decode([]) == ""
    assert tokenizer.decode_batch(np.array([ids, ids])) == [tokenizer.decode(ids)] * 2
    assert tokenizer.encode_batch([]) == tokenizer.decode_batch([]) == []


def test_bytes_that_are_no_utf8_become_replacement_characters(lossless: LearnedTokenizer) -> None:
    byte = len(NAMES)  # the piece of byte 0
    assert "\ufffd" in lossless.decode([byte + 0xE2, byte + 0x82])
    assert lossless.decode([byte + 0xE2, byte + 0x82, byte + 0xAC]) == "€"


def test_copies_are_as_safe_as_the_original(tokenizer: LearnedTokenizer) -> None:
    for twin in (pickle.loads(pickle.dumps(tokenizer)), copy.deepcopy(tokenizer)):
        assert twin.encode("</s> den <s>") == tokenizer.encode("</s> den <s>")
        assert not {START, END} & set(twin.encode("</s> den <s>"))


FORKING = """
import os, sys
from transduce.text.config import ColumnTokenizer, TokenizerConfig
from transduce.text.learn.learn import train
lines = [f"{n} bottles" for n in range(2000)]
tokenizer = train(lines, ColumnTokenizer("bpe", 300), TokenizerConfig())
expected = tokenizer.encode_batch(lines)
child = os.fork()
if child == 0:
    os._exit(0 if tokenizer.encode_batch(lines) == expected else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_goes_on_silently() -> None:
    done = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

"""Damaged encodings: good text of many languages passes, and the same text misread does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transduce.data.cleaning.mojibake import is_damaged

GOOD = {
    "Arabic": "مرحبا بالعالم",
    "Catalan": "l·l: col·laboració, «així»",
    "Chinese": "你好，世界。“引用”……",
    "Czech": "Příliš žluťoučký kůň úpěl ďábelské ódy",
    "Czech, quoted": "„Český červený kříž“, Ty to vidíš… myslíš“, kříž\xa0– »Kéž« • ‘víš’ česko-krásné–žluté…šel",
    "Danish": "“rødgrød” på Ærø… «Å»",
    "French": "« Déjà vu… » – l’été à Noël, œuvre ; passé…\xa0»",
    "German": "Die Größe: „Spaß“, „Fuß“, »Gruß«… gemäß §5, Strauß´ Werke, MENÜ¹",
    "Greek": "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
    "Hebrew": "שלום עולם",
    "Hindi": "नमस्ते दुनिया",
    "Hungarian": "Árvíztűrő tükörfúrógép",
    "Icelandic": "Ég á það, þú ert",
    "Japanese": "こんにちは世界。カタカナー",
    "Korean": "안녕하세요 세계",
    "Polish": "Zażółć gęślą jaźń — „tak”…",
    "Portuguese": "Não há informações. «AMANHû… MANHÃ” IRMÃ—HOJE",
    "Romanian": "În această țară: „Bună ziua”, Șerban",
    "Russian": "Съешь же ещё этих мягких французских булок",
    "Slovak": "„kríž“, kríž” a „súťaž“; cudzí—žiak",
    "Spanish": "¡Qué día! ¿Dónde está el niño? «¡SÍ!»",
    "Swedish": "SMÖ–Ö, »Å»",
    "Thai": "สวัสดีชาวโลก",
    "Turkish": "Şüphesiz ığdır’da çok güzel",
    "Vietnamese": "Tiếng Việt rất khó, “đấy”",
    "signs": "25 °C ± 2 µm, © ® ™ £5 €5 2×€5 3×½ Ø½″ 1.54Å±0.02 Ų § α ≤ β → γ ü\xadber 😀",
    "ASCII": "plain text, 100% <ok>",
}


HAN_AND_HANGUL = [chr(code) for code in (*range(0x4E00, 0x9FFF), *range(0xAC00, 0xD7A4))]


def misread(text: str, encoding: str) -> str:
    """UTF-8 read as another encoding; bytes that this lacks become controls, as browsers do it."""
    return "".join(_character(byte, encoding) for byte in text.encode())


def _character(byte: int, encoding: str) -> str:
    try:
        return bytes([byte]).decode(encoding)
    except UnicodeDecodeError:
        return chr(byte)


@pytest.mark.parametrize("language", GOOD)
def test_good_text_passes_and_misread_text_does_not(language: str) -> None:
    text = GOOD[language]
    assert not is_damaged(text)
    for encoding in ("cp1252", "latin-1"):
        once = misread(text, encoding)
        assert is_damaged(once) == (not text.isascii())
        assert is_damaged(misread(once, encoding)) == (not text.isascii())


@pytest.mark.parametrize("language", [name for name, text in GOOD.items() if not text.isascii()])
def test_a_misread_word_within_good_text_is_found(language: str) -> None:
    words = [word for word in GOOD[language].split() if sum(not char.isascii() for char in word) > 1]
    for word in words[:1]:
        assert is_damaged(f"Größe 你好 {misread(word, 'latin-1')} ok")


@pytest.mark.parametrize(
    "text",
    [
        "fÃ¼r",
        "Ã„nderung",
        "Ã–ffnung",
        "Itâ€™s",
        "10 â‚¬",
        "25Â°C",
        "Â»",
        "naÃ¯ve",
        "Ã©tÃ©",
        "ï»¿Hello",
        "ï¿½",
        "ðŸ˜€",
        "Ð¿Ñ€Ð¸",
        "ã‚ƒ",
        "æ—¥",
        "a\ufffdb",
        "It\x92s",
        "È˜i",
    ],
)
def test_usual_damage(text: str) -> None:  # fmt: skip
    assert is_damaged(text) and is_damaged(f"good text, {text} and more")


@given(st.text(st.sampled_from(HAN_AND_HANGUL), min_size=2))
def test_two_characters_of_han_or_hangul_are_enough(text: str) -> None:
    """One alone may look like the end of a word and what is behind it: 久 becomes "ä¹…"."""
    assert is_damaged(misread(text, "cp1252"))


@pytest.mark.parametrize("letter", "äåæçèéêëìí")
@pytest.mark.parametrize("sign", "“”‘’…–—«»•\xa0")
def test_a_last_letter_and_a_sign_behind_it(letter: str, sign: str) -> None:
    for last in "šž":
        assert not is_damaged(f"„kř{letter}{last}{sign} dál")


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_ascii_is_never_damaged(text: str) -> None:
    assert not is_damaged(text)


@given(st.text(st.characters(min_codepoint=0x400, categories=["Lo", "Ll", "Lu", "Mn"])))
def test_letters_beyond_latin_are_never_damaged(text: str) -> None:
    assert not is_damaged(text)

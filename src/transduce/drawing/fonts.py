"""Search for an installed font that can draw a text of any script."""

import unicodedata
from functools import cache

from matplotlib import ft2font
from matplotlib.font_manager import FontEntry, FontProperties, fontManager, get_font, weight_dict

DEFAULT = "DejaVu Sans"  # comes with matplotlib
REGULAR = 400
# parts of names: fonts that draw boxes for everything, pictures in colour that matplotlib cannot, or formulas
NOT_FOR_TEXT = (
    "last resort",
    "emoji",
    "math",
    "stix",
    "cmb10",
    "cmex",
    "cmmi",
    "cmr10",
    "cmss",
    "cmsy",
    "cmtt",
    "cmti",
)
# code points of letters that change their form or order beside others
SHAPED = (
    (0x0590, 0x109F),  # Hebrew, Arabic, the scripts of India and South-East Asia, Tibetan, Myanmar
    (0x1780, 0x18AF),  # Khmer, Mongolian
    (0x1900, 0x1CFF),  # Limbu to Vedic signs
    (0x200D, 0x200D),  # the joiner, which makes one picture of several emoji
    (0xA800, 0xABFF),  # Syloti Nagri to Meetei Mayek
    (0xFB1D, 0xFDFF),  # Hebrew and Arabic forms
    (0xFE70, 0xFEFC),
    (0x10800, 0x11FFF),
    (0x1E900, 0x1EEFF),
)


def font_for(text: str) -> FontProperties | None:
    """The plainest font, or several fonts together, with every character of the text.

    None if no installed font has them, or if letters need shaping and matplotlib is older than 3.11.
    """
    if not _can_shape() and any(low <= ord(char) <= high for char in text for low, high in SHAPED):
        return None
    families = [DEFAULT, *(_family_of(char) for char in text)]
    if None not in families:
        return FontProperties(family=list(dict.fromkeys(family for family in families if family is not None)))
    file = next((file for file in _other_files() if all(_draws(file, char) for char in text)), None)
    return None if file is None else FontProperties(fname=file)


def _can_shape() -> bool:
    """Whether matplotlib uses libraqm for the layout of letters, as from 3.11 on."""
    return hasattr(ft2font, "__libraqm_version__")


@cache
def _family_of(char: str) -> str | None:
    """The first family, in the order of `_regular_families`, that draws the character."""
    return next((family for family, file in _regular_families().items() if _draws(file, char)), None)


@cache
def _regular_families() -> dict[str, str]:
    """Files of the text families with regular weight, by name; matplotlib warns of other weights."""
    regular = {entry.name: entry.fname for entry in _for_text() if _weight(entry) == REGULAR}
    return {name: regular[name] for name in sorted(regular, key=_plainest)}


@cache
def _other_files() -> tuple[str, ...]:
    """One file of each other text family."""
    others = {entry.name: entry.fname for entry in _for_text() if entry.name not in _regular_families()}
    return tuple(others[name] for name in sorted(others, key=_plainest))


def _for_text() -> list[FontEntry]:
    upright = (entry for entry in fontManager.ttflist if entry.style == "normal")
    return [entry for entry in upright if not any(part in entry.name.lower() for part in NOT_FOR_TEXT)]


def _weight(entry: FontEntry) -> int:
    return entry.weight if isinstance(entry.weight, int) else weight_dict.get(entry.weight, 0)


def _plainest(family: str) -> tuple[bool, bool, str]:
    """Sort key: the default first, then sans-serif families, then others."""
    return family != DEFAULT, "sans" not in family.lower(), family


@cache
def _draws(file: str, char: str) -> bool:
    """Whether a font has the character, and an outline if it is visible."""
    try:
        font = get_font(file)
        glyph = font.get_char_index(ord(char))
        if glyph == 0 or not font.scalable:
            return False
        font.load_glyph(glyph)
        invisible = char.isspace() or unicodedata.category(char) in ("Cf", "Mn")
        return invisible or len(font.get_path()[0]) > 0
    except (OSError, RuntimeError):  # a missing or damaged font, or one of bitmaps
        return False

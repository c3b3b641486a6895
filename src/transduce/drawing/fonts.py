"""Which installed fonts can draw a text, in whatever script it is written."""

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
    """A font, or several that help each other out, with every character of the text; the plainest there is.

    None where no installed font has them, or where letters must be shaped and this matplotlib cannot (before 3.11).
    """
    if not _can_shape() and any(low <= ord(char) <= high for char in text for low, high in SHAPED):
        return None
    families = [DEFAULT, *(_family_of(char) for char in text)]
    found = dict.fromkeys(family for family in families if family is not None)  # a set that keeps the order
    if None not in families:
        return FontProperties(family=list(found))
    file = next((file for file in _other_files() if all(_draws(file, char) for char in text)), None)
    return None if file is None else FontProperties(fname=file)


def _can_shape() -> bool:
    """matplotlib lays letters out with libraqm from 3.11 on."""
    return hasattr(ft2font, "__libraqm_version__")


@cache
def _family_of(char: str) -> str | None:
    """The first family, in the order of `_regular_families`, that draws the character."""
    return next((family for family, file in _regular_families().items() if _draws(file, char)), None)


@cache
def _regular_families() -> dict[str, str]:
    """Files of the families for text that have the regular weight, by name; of others matplotlib would warn."""
    regular = {entry.name: entry.fname for entry in _for_text() if _weight(entry) == REGULAR}
    return {name: regular[name] for name in sorted(regular, key=_plainest)}


@cache
def _other_files() -> tuple[str, ...]:
    """A file of each other family for text."""
    others = {entry.name: entry.fname for entry in _for_text() if entry.name not in _regular_families()}
    return tuple(others[name] for name in sorted(others, key=_plainest))


def _for_text() -> list[FontEntry]:
    upright = (entry for entry in fontManager.ttflist if entry.style == "normal")
    return [entry for entry in upright if not any(part in entry.name.lower() for part in NOT_FOR_TEXT)]


def _weight(entry: FontEntry) -> int:
    return entry.weight if isinstance(entry.weight, int) else weight_dict.get(entry.weight, 0)


def _plainest(family: str) -> tuple[bool, bool, str]:
    """The default before sans-serif families, these before others."""
    return family != DEFAULT, "sans" not in family.lower(), family


@cache
def _draws(file: str, char: str) -> bool:
    """Whether a font has the character and, for one that is to be seen, an outline of it."""
    try:
        font = get_font(file)
        glyph = font.get_char_index(ord(char))
        if glyph == 0 or not font.scalable:
            return False
        font.load_glyph(glyph)
        unseen = char.isspace() or unicodedata.category(char) in ("Cf", "Mn")
        return unseen or len(font.get_path()[0]) > 0
    except (OSError, RuntimeError):  # a font that is gone, damaged, or only pictures
        return False

"""Fonts made for a test, and what was looked up among others forgotten."""

from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import FontEntry, fontManager

from transduce.drawing import fonts


def forget_fonts() -> None:
    for each in (fonts._family_of, fonts._regular_families, fonts._other_files, fonts._draws):
        each.cache_clear()
    fontManager._findfont_cached.cache_clear()


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, characters: str, weight: int = 400) -> None:
    """A font whose characters are all squares."""
    pen = TTGlyphPen(None)
    for step, at in ((pen.moveTo, (0, 0)), (pen.lineTo, (0, 800)), (pen.lineTo, (800, 800)), (pen.lineTo, (800, 0))):
        step(at)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    glyphs = [f"u{ord(char):X}" for char in characters]
    builder.setupGlyphOrder([".notdef", *glyphs])
    builder.setupCharacterMap({ord(char): glyph for char, glyph in zip(characters, glyphs, strict=True)})
    square = pen.glyph()
    builder.setupGlyf(dict.fromkeys([".notdef", *glyphs], square))
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *glyphs], (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": name, "styleName": "Regular"})
    builder.setupOS2(usWeightClass=weight)
    builder.setupPost()
    builder.save(folder / f"{name}.ttf")
    entry = FontEntry(fname=str(folder / f"{name}.ttf"), name=name, style="normal", weight=weight, size="scalable")
    monkeypatch.setattr(fontManager, "ttflist", [*fontManager.ttflist, entry])
    forget_fonts()

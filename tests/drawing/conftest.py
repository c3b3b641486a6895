"""Pictures must not depend on which fonts are installed."""

from collections.abc import Iterator

import pytest
from made_fonts import forget_fonts
from matplotlib.font_manager import fontManager


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only the fonts that matplotlib brings."""
    bundled = [entry for entry in fontManager.ttflist if "mpl-data" in entry.fname]
    monkeypatch.setattr(fontManager, "ttflist", bundled)
    forget_fonts()
    yield
    monkeypatch.undo()
    forget_fonts()

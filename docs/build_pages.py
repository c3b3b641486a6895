"""Writes the pages of docs/ that show computed numbers and pictures: `make pages`.

A row of PAGES is a folder and the function that gives its files by name. Files of other names in the folder stay.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import experiment_pages
import layer_pages

DOCS = Path(__file__).parent
PAGES: tuple[tuple[str, Callable[[], Mapping[str, str]]], ...] = (
    ("layers", layer_pages.pages),
    ("experiments", experiment_pages.pages),
)


def main() -> None:
    for folder, pages in PAGES:
        (DOCS / folder).mkdir(exist_ok=True)
        for name, text in pages().items():
            (DOCS / folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Writes the pages of docs/ that show computed numbers and pictures, and tables of commands: `make pages`.

A row of PAGES is a folder and the function that gives its files by name. Files of other names in the folder stay.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import attention_pages
import command_tables
import experiment_pages
import layer_pages

DOCS = Path(__file__).parent
PAGES: tuple[tuple[str, Callable[[], Mapping[str, str]]], ...] = (
    ("layers", layer_pages.pages),
    ("experiments", experiment_pages.pages),
    ("attention", attention_pages.pages),
    ("../src/transduce/cli/tables", command_tables.pages),
)
# Pages whose numbers differ from machine to machine.
MEASURED: tuple[tuple[str, Callable[[], Mapping[str, str]]], ...] = (("attention", attention_pages.agreement),)


def main() -> None:
    for folder, pages in (*PAGES, *MEASURED):
        (DOCS / folder).mkdir(exist_ok=True)
        for name, text in pages().items():
            (DOCS / folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

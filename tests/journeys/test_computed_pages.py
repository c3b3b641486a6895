"""Pages of docs/ that show computed numbers are those that `make pages` writes."""

import re
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from types import ModuleType

import pytest
import torch

from transduce.attention.catalogue import MECHANISMS
from transduce.workflows.layer.run import ALL

DOCS = Path(__file__).parents[2] / "docs"
NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:e[-+]\d+)?)")
OWN = {"layers": {"your-own.md"}, "attention": {"agreement.md"}}


@pytest.fixture(scope="module")
def build_pages() -> Iterator[ModuleType]:
    sys.path.insert(0, str(DOCS))
    try:
        import build_pages

        yield build_pages
    finally:
        sys.path.remove(str(DOCS))


def differences(page: str, computed: str) -> list[str]:
    """Places where the texts differ by more than one unit in the last digit of a number, or 2 percent."""
    pieces = zip_longest(NUMBER.split(page), NUMBER.split(computed), fillvalue="")
    return [f"{ours!r} is {theirs!r} now" for ours, theirs in pieces if ours != theirs and not _near(ours, theirs)]


def _near(first: str, second: str) -> bool:
    if not (NUMBER.fullmatch(first) and NUMBER.fullmatch(second)):
        return False
    a, b = float(first), float(second)
    decimals = max(len(each.partition("e")[0].partition(".")[2]) for each in (first, second))
    unit = 10.0**-decimals if "e" not in first + second else 0.0
    return abs(a - b) <= 1.01 * unit or abs(a - b) <= 0.02 * max(abs(a), abs(b))


def test_pages_are_up_to_date(build_pages: ModuleType) -> None:
    for folder, pages in build_pages.PAGES:
        files = pages()
        present = {path.name for path in (DOCS / folder).iterdir() if path.suffix in (".md", ".svg", ".json")}
        assert present - OWN.get(folder, set()) == files.keys(), "run make pages, and remove what it no longer writes"
        for name, text in files.items():
            assert not differences((DOCS / folder / name).read_text(encoding="utf-8"), text), f"{name}: run make pages"


def test_numbers_may_differ_in_their_last_digit() -> None:
    assert not differences("y 0.25, 3", "y 0.24, 3")
    assert not differences("1.6e-09", "1.62e-09")
    assert differences("y 0.25", "y 0.23") == ["'0.25' is '0.23' now"]
    assert differences("x 1", "y 1") == ["'x ' is 'y ' now"]


def test_each_layer_has_a_page_and_a_picture() -> None:
    for name in ALL:
        page = (DOCS / "layers" / f"{name}.md").read_text(encoding="utf-8")
        assert f"({name}.svg)" in page and f"def {ALL[name].reference.__name__}(" in page
        assert (DOCS / "layers" / f"{name}.svg").read_text(encoding="utf-8").startswith("<svg")


def test_the_table_of_agreement_has_every_mechanism() -> None:
    rows = re.findall(
        r"^\| \[(.+?)\].*\| (?:below 1e-(\d+)|0) \|$", (DOCS / "attention/agreement.md").read_text(), re.MULTILINE
    )
    assert {name for name, _ in rows} == set(MECHANISMS), "run make pages"
    assert all(int(power or 16) >= 6 for _, power in rows)


def test_links_lead_to_files() -> None:
    for page in DOCS.glob("*/*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_code_of_your_own_layer_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "layers/your-own.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        exec("\n".join(blocks), {})

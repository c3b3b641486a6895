"""docs/attention.md: its Python prints what the page shows."""

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/attention.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_examples_print_what_the_page_shows(code: str, output: str) -> None:
    assert len(EXAMPLES) == 2
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert printed.getvalue() == output


def test_the_file_that_the_page_shows_is_the_real_one() -> None:
    folder = Path(__file__).parents[2] / "src/transduce/attention/mechanisms"
    code = (folder / "top_k.py").read_text(encoding="utf-8").partition("\n\n")[2]
    assert code in PAGE

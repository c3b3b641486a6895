"""Pages from the templates beside this file: whatever text goes into them is escaped, and what is missing is an error."""

from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import jinja2


def html_page(template: str, filters: Mapping[str, Callable[..., Any]], **values: Any) -> str:
    """The page of a template, such as "report.html.jinja", with its filters and values."""
    made = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    made.filters |= filters
    text = resources.files("transduce.workflows").joinpath(template).read_text(encoding="utf-8")
    return made.from_string(text).render(**values)

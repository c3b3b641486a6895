"""HTML pages from templates: every value is escaped, and a missing value is an error."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2


def html_page(template: Path, filters: Mapping[str, Callable[..., Any]], **values: Any) -> str:
    """Renders a template file with its filters and values."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters |= filters
    return environment.from_string(template.read_text(encoding="utf-8")).render(**values)

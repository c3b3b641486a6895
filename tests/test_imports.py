"""The import table of docs/architecture.md holds for the code."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"


def table() -> dict[str, list[str]]:
    """Room -> rooms (or single modules of rooms) that it may import."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\|(.*)\|$", text, re.MULTILINE)
    return {room: re.findall(r"`([\w.]+)`", allowed) for room, allowed in rows}


def modules() -> dict[str, Path]:
    paths = {".".join(path.relative_to(SOURCE).with_suffix("").parts): path for path in SOURCE.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for name, path in paths.items()}


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """Our modules that a file imports, at its top or anywhere else in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else str(node.module) for name in names}
    return found & known.keys()


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def test_rooms_import_what_the_table_allows() -> None:
    allowed, known = table(), modules()
    assert {room(module) for module in known} == allowed.keys()
    forbidden = [
        f"{module} imports {target}"
        for module, path in known.items()
        for target in imports(path, known)
        if room(target) != room(module) and not permits(allowed[room(module)], target)
    ]
    assert not forbidden


def permits(allowed: list[str], target: str) -> bool:
    return any(target == name or f"{target}.".startswith(f"transduce.{name}.") for name in allowed)


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = modules()
    TopologicalSorter({module: imports(path, known) for module, path in known.items()}).prepare()


def test_nothing_imports_the_command_line() -> None:
    assert not [room for room, allowed in table().items() if "cli" in allowed]

"""The packages import each other in the order that docs/architecture.md gives."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"


def import_line() -> list[str]:
    """The packages in their order: the numbered list of docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return re.findall(r"^\d+\. `(\w+)`", text, re.MULTILINE)


def modules() -> dict[str, Path]:
    """Every module of the package by dotted name."""
    paths = {".".join(path.relative_to(SOURCE).with_suffix("").parts): path for path in SOURCE.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for name, path in paths.items()}


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of the package that a file imports, at its top or inside a function."""
    targets = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            targets |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            targets |= {name if name in known else str(node.module) for name in names}
    return targets & known.keys()


def package(module: str) -> str:
    return module.split(".")[1] if "." in module and module != "transduce.__main__" else "transduce"


def test_a_package_imports_only_from_packages_above_it() -> None:
    line, known = import_line(), modules()
    assert {package(module) for module in known} == {*line, "transduce"}
    place = {name: number for number, name in enumerate([*line, "transduce"])}
    forbidden = [
        f"{module} imports {target}"
        for module, path in known.items()
        for target in imports(path, known)
        if package(module) not in ("transduce", "cli") or package(target) != "transduce"
        if place[package(target)] > place[package(module)]
    ]
    assert not forbidden


def test_nothing_from_text_to_drawing_imports_networks() -> None:
    line, known = import_line(), modules()
    between = line[line.index("text") : line.index("drawing") + 1]
    forbidden = [
        f"{module} imports {target}"
        for module, path in known.items()
        if package(module) in between
        for target in imports(path, known)
        if package(target) == "networks"
    ]
    assert not forbidden


def test_no_modules_import_each_other_in_a_cycle() -> None:
    known = modules()
    TopologicalSorter({module: imports(path, known) for module, path in known.items()}).prepare()

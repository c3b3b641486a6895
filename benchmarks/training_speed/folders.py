"""Folders that the benchmark makes for itself."""

from pathlib import Path


def own_folder(path: Path) -> Path:
    """Makes a folder that git ignores wherever it stands."""
    path.mkdir(parents=True, exist_ok=True)
    (path / ".gitignore").write_text("*\n", encoding="utf-8")
    return path

"""Descriptions of Debian's packages and the archive sections that they are in: train.jsonl, dev.jsonl, test.jsonl.

    python get_data.py [--out FOLDER]

A line for each description: the short and the long description, the section, and the source package:

    {"text": "command line tool for transferring data ...\\ncurl is a command line ...", "label": "web", "group": "curl"}

- apt downloads its package index without root and without changing the system, into FOLDER/downloads, once.
- A section is without its component: contrib/net and net are one label.
- Every text occurs once. Sections of fewer than RARE texts are left out.
- The split is by source package, in the order of a hash of its name: the packages of one source describe themselves in
  the same words. A newer index moves only the sources next to the cuts.
- The lines of a file are in the order of a hash too, so the first N of it are a fair sample.
- The same index always gives the same files; FOLDER/SOURCES.txt says which one it was.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from transduce.files import write_atomically

HELD_OUT = 2_000  # rows for test, and as many for dev, or a few more because sources stay whole
RARE = 20  # texts


class Row(NamedTuple):
    """A description, the section that its package is in, and the source package."""

    text: str
    label: str
    group: str


def plain(description: Sequence[str]) -> str:
    r"""A description's text: the short one, then each paragraph on a line.

    >>> plain(["web server", " It is fast", " and small.", " .", " It has:", "  * pages"])
    'web server\nIt is fast and small.\nIt has: * pages'
    """
    paragraphs: list[list[str]] = [[description[0]], []]
    for line in description[1:]:
        if line.strip() == ".":
            paragraphs.append([])
        else:
            paragraphs[-1].append(line)
    lines = (" ".join(" ".join(paragraph).split()) for paragraph in paragraphs)
    return "\n".join(line for line in lines if line)


def usable(rows: Iterable[Row], dropped: Counter[str], rare: int = RARE) -> list[Row]:
    """Each text once, the first that comes, and no rare section; what is left out is counted in `dropped`."""
    first: dict[str, Row] = {}
    for row in rows:
        earliest = first.setdefault(row.text, row)
        if earliest is not row:
            again = "same" if earliest.label == row.label else "another"
            dropped[f"text again, in {again} section"] += 1
    sections = Counter(row.label for row in first.values())
    for section, count in sorted(sections.items()):
        if count < rare:
            dropped[f"section of fewer than {rare}: {section}"] = count
    return [row for row in first.values() if sections[row.label] >= rare]


def split(rows: Iterable[Row], held_out: int = HELD_OUT) -> dict[str, list[Row]]:
    """Rows for "train", "dev" and "test", no source in two of them. ValueError where there are too few rows."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    order = iter(sorted(groups, key=_hash))
    parts: dict[str, list[Row]] = {"train": [], "dev": [], "test": []}
    for part in ("test", "dev"):
        while len(parts[part]) < held_out:
            group = next(order, None)
            if group is None:
                raise ValueError(
                    f"{part} has {len(parts[part])} rows, expected {held_out}; is the package index complete?"
                )
            parts[part] += groups[group]
    parts["train"] = [row for group in order for row in groups[group]]
    return {part: sorted(members, key=lambda row: _hash(row.text)) for part, members in parts.items()}


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


# --- files


def write(out: Path) -> None:
    """Download, read, clean, split; write the files into `out` and say what is in them."""
    import package_index

    sources = package_index.download(out / "downloads", say)
    say("reading the descriptions ...")
    dropped: Counter[str] = Counter()
    rows: dict[str, Row] = {}  # by the package's name
    for package in package_index.packages(out / "downloads"):
        if package.description is None:
            dropped["no English description"] += 1
        elif package.name in rows:
            dropped["another version of a package"] += 1
        else:
            section = package.section.rpartition("/")[2]
            rows[package.name] = Row(plain(package.description), section, package.source)
    total = len(rows) + dropped.total()
    parts = split(usable((rows[name] for name in sorted(rows)), dropped))
    for name, part in parts.items():
        write_atomically(
            out / f"{name}.jsonl", "".join(json.dumps(row._asdict(), ensure_ascii=False) + "\n" for row in part)
        )
    counts = table(total, dropped, parts)
    write_atomically(out / "SOURCES.txt", f"{source_list(sources)}\n{counts}")
    print(counts, end="")


def source_list(sources: Iterable[dict[str, str]]) -> str:
    """What the rows were made from."""
    lines = [line for each in sources for line in (each["index"], f"  SHA-256 {each['sha256']}")]
    return "\n".join(["Made from apt's package index (licence of the descriptions unknown):", "", *lines]) + "\n"


def table(total: int, dropped: Counter[str], parts: dict[str, list[Row]]) -> str:
    """How many packages there are, how many are left out, and what is in each file."""
    lines = [f"{'packages in the index':44}{total:>8,}"]
    lines += [f"{f'  - {reason}':44}{count:>8,}" for reason, count in dropped.items()]
    lines += ["", f"{'':8}{'rows':>8}{'sections':>10}{'sources':>9}{'words':>11}{'bytes':>12}"]
    for name, rows in parts.items():
        labels, groups = {row.label for row in rows}, {row.group for row in rows}
        words, size = sum(len(row.text.split()) for row in rows), sum(len(row.text.encode()) for row in rows)
        lines.append(f"{name:8}{len(rows):>8,}{len(labels):>10}{len(groups):>9,}{words:>11,}{size:>12,}")
    return "\n".join(lines) + "\n"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Writes train.jsonl, dev.jsonl and test.jsonl: descriptions and sections."
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "data", help="folder (default: %(default)s)"
    )
    out = parser.parse_args(arguments).out
    try:
        write(out)
    except (ValueError, OSError) as error:
        print(f"get_data.py: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

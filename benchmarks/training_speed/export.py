"""Prepares the data of FOLDER/prepare.toml and writes its token ids for the peers; see data.py for the files.

python -m benchmarks.training_speed.export FOLDER
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from transduce.data.store import TokenStore
from transduce.files import write_atomically
from transduce.workflows.prepare.run import prepare
from transduce.workflows.train.run import plan
from transduce.workflows.train.run_file import read_run

SIDES = ("source", "target")


def export(folder: Path) -> None:
    """Leaves everything as it is where it was made from the same prepared data, which has a digest for a name."""
    file = read_run(folder / "prepare.toml")
    prepared = prepare(plan(file, file.run, folder))
    record = folder / "counts.json"  # written last
    if record.exists() and json.loads(record.read_bytes())["prepared"] == prepared.folder.name:
        return
    record.unlink(missing_ok=True)
    print("\n".join(prepared.summary()), file=sys.stderr)
    assert prepared.dev is not None
    _write_pairs(folder / "dev", prepared.dev)
    counts = _write_pairs(folder / "train", prepared.train)
    tokenizer = prepared.processors.tokenizer("source")
    learned = range(len(tokenizer.special), tokenizer.size)
    _write(folder / "vocabulary.txt", map(str, learned))
    _write(folder / "counted.txt", (f"{number}\t{counts[number]}" for number in learned))
    found: dict[str, int | str] = {f"{side}_tokens": int(prepared.train.lengths(side).sum()) for side in SIDES}
    found |= {"pairs": len(prepared.train), "prepared": prepared.folder.name}
    write_atomically(record, json.dumps(found) + "\n")


def _write_pairs(path: Path, store: TokenStore) -> Counter[int]:
    """PATH.source and PATH.target, a row a line; how often each id occurs in both."""
    counts: Counter[int] = Counter()
    for side in SIDES:
        rows = [row.tolist() for row in store.rows(side, np.arange(len(store)))]
        _write(path.with_suffix(f".{side}"), (" ".join(map(str, row)) for row in rows))
        counts.update(number for row in rows for number in row)
    return counts


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    export(Path(sys.argv[1]))

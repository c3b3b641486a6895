"""Prepares the corpus once, with transduce's own tokenizer, and gives the peers the same pieces in the form they read.

Peers get one sentence a line, each piece as the number of its id: `412 17 3301`. So all sides train on the same tokens,
and nothing in a piece can be taken for a space.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.training_speed.corpus import Corpus
from benchmarks.training_speed.settings import MAX_LENGTH, VOCABULARY

ROOT = Path(__file__).parents[2]  # of the repository
DEV_PAIRS = 20  # all systems ask for a dev set; none gets as far as using it


@dataclass(frozen=True)
class Data:
    """What the systems read, all of it in `folder`."""

    folder: Path
    head: str  # the tables [data] and [tokenizer] of a transduce run file
    pairs: int
    source_tokens: int
    target_tokens: int

    @property
    def prepared(self) -> Path:
        """transduce's prepared folders."""
        return self.folder / "prepared"

    @property
    def ids(self) -> Path:
        """The training pairs for peers, without .source or .target."""
        return self.folder / "train"

    @property
    def dev_ids(self) -> Path:
        return self.folder / "dev"

    @property
    def vocabulary(self) -> Path:
        """One id a line, the special ones left out."""
        return self.folder / "vocabulary.txt"

    @property
    def counted_vocabulary(self) -> Path:
        """id, tab, how often it occurs."""
        return self.folder / "counted.txt"


def prepare(corpus: Corpus, work: Path) -> Data:
    """Everything in a folder of `work` that is named after the corpus; what is there already is not made again."""
    folder = work / f"data-{corpus.sha256[:12]}"
    head = (
        f"[data]\ntrain = [{{ file = {json.dumps(str(corpus.path))} }}]\nsplit = {{ dev = {DEV_PAIRS} }}\n"
        f"clean = {{ max-length = {MAX_LENGTH} }}\n\n[tokenizer]\nvocabulary = {VOCABULARY}\nshared = true\n"
        "sample = 1000000000\n"  # all, or each round's seed would draw others, and learn other pieces than the peers have
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prepare.toml").write_text(head, encoding="utf-8")
    # in a process of its own: what it needs of memory must not count as that of the runs started here later
    _run_export(folder)
    counts = json.loads((folder / "counts.json").read_bytes())
    return Data(folder, head, counts["pairs"], counts["source_tokens"], counts["target_tokens"])


def _run_export(folder: Path) -> None:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "benchmarks.training_speed.export", str(folder)]
    if subprocess.run(command, env={**os.environ, "PYTHONPATH": path}).returncode:
        raise ValueError(f"{folder / 'prepare.toml'}: the data could not be prepared; the lines above say why")

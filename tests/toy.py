"""A task small enough for tests: strings of letters to the same strings reversed, letters apart."""

import random
from collections.abc import Sequence
from pathlib import Path

from transduce.training.interrupt import Stopping, never
from transduce.workflows.train import run as workflow
from transduce.workflows.train.run import Trained
from transduce.workflows.train.run_file import read_run

RUN = """
seed = 3

[data]
train = [{ file = "train.tsv" }]
dev = { file = "dev.tsv" }

[tokenizer]
shared = false
source = { kind = "characters", vocabulary = 300 }
target = { kind = "words", vocabulary = 30 }

[model]
preset = "transformer-tiny"
d-model = 16
feed-forward = 24
encoder-layers = 1
decoder-layers = 1

[training]
steps = 30
batch-tokens = 128
validate-every = 10
precision = "float32"
schedule = { kind = "linear", warmup = 5 }
metric = "exact-match"

[decoding]
beam = 2
max-ratio = 2.0
max-extra = 5
"""


def train(
    path: Path, overrides: Sequence[str] = (), resume: bool = False, root: Path = Path("."), stopping: Stopping = never
) -> Trained:
    """Trains, or resumes, the run of a run file in `root`/runs."""
    file = read_run(path, overrides, root / "runs" / path.stem if resume else None)
    return workflow.train(file, resume, root, stopping=stopping)


def write_toy(folder: Path, pairs: int = 300) -> Path:
    """Train and dev files and toy.toml in `folder`; returns the run file."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(7)
    words = sorted({"".join(draw.choices("abcdefg", k=draw.randint(2, 7))) for _ in range(pairs + 40)})
    draw.shuffle(words)
    for name, part in (("dev", words[:30]), ("train", words[30:])):
        lines = "".join(f"{word}\t{' '.join(reversed(word))}\n" for word in part)
        (folder / f"{name}.tsv").write_text(lines, encoding="utf-8")
    (folder / "toy.toml").write_text(RUN, encoding="utf-8")
    return folder / "toy.toml"

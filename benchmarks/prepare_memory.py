"""Memory and speed of `transduce prepare` on generated pairs.

    python benchmarks/prepare_memory.py                         300,000 pairs
    python benchmarks/prepare_memory.py --pairs 10000000        ten million; needs about 8 GB of disk

Sources are sentences of invented words in the proportions of real ones (Zipf); a target is its source word by word in
another invented language, with some neighbours swapped. Prints pairs, seconds, pairs a second and the peak of resident
memory, as the operating system counts it for the whole command.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

WORDS = 50_000
BLOCK = 50_000  # pairs made at once
SYLLABLES = [[c + v for v in "aeiou" for c in consonants] for consonants in ("bdfgklmnprst", "vwzhjqcxsmnt")]

RUN = """
[data]
train = [{{ file = "{name}" }}]
split = {{ dev = {held_out}, test = {held_out} }}

[tokenizer]
vocabulary = {vocabulary}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory and speed of `transduce prepare` on generated pairs.")
    parser.add_argument("--pairs", type=int, default=300_000)
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder, removed afterwards)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measure(Path(folder), options.pairs, options.vocabulary)


def measure(folder: Path, pairs: int, vocabulary: int) -> None:
    """Writes the pairs, prepares them in a process of its own and prints what that took."""
    with (folder / "pairs.tsv").open("w", encoding="utf-8") as file:
        for block in sentences(pairs):
            file.write(block)
    size = (folder / "pairs.tsv").stat().st_size
    run = RUN.format(name="pairs.tsv", held_out=max(1, min(2000, pairs // 100)), vocabulary=vocabulary)
    (folder / "run.toml").write_text(run, encoding="utf-8")
    began = time.perf_counter()
    program = "import sys; from transduce.cli.main import main; sys.exit(main())"
    subprocess.run([sys.executable, "-c", program, "prepare", "run.toml"], cwd=folder, check=True)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(
        f"{pairs:,} pairs ({size / 1e6:,.0f} MB): {seconds:,.1f} s, {pairs / seconds:,.0f} pairs/s, "
        f"peak resident memory {peak / 1e6:,.0f} MB"
    )


def sentences(pairs: int) -> Iterator[str]:
    """Lines "source TAB target", in blocks."""
    draw = np.random.default_rng(0)
    languages = [words(syllables) for syllables in SYLLABLES]
    share = 1 / np.arange(1, WORDS + 1)
    bounds = np.cumsum(share / share.sum())
    for start in range(0, pairs, BLOCK):
        count = min(BLOCK, pairs - start)
        lengths = draw.integers(5, 25, count)
        drawn = np.searchsorted(bounds, draw.random(lengths.sum())).clip(max=WORDS - 1)
        swapped = drawn.copy()
        swapped[1::7], swapped[: len(swapped[1::7]) * 7 : 7] = drawn[: len(swapped[1::7]) * 7 : 7], drawn[1::7]
        sides = [language[side].tolist() for language, side in zip(languages, (drawn, swapped), strict=True)]
        ends = np.cumsum(lengths).tolist()
        yield "".join(
            f"{' '.join(sides[0][begin:end])}\t{' '.join(sides[1][begin:end])}\n"
            for begin, end in zip([0, *ends], ends, strict=False)
        )


def words(syllables: list[str]) -> np.ndarray:
    """Different words, the short ones first: 1, 2, 3, ... written with syllables for digits."""
    found = []
    for number in range(1, WORDS + 1):
        word = ""
        while number:
            number, digit = divmod(number - 1, len(syllables))
            word += syllables[digit]
        found.append(word)
    return np.array(found, object)


if __name__ == "__main__":
    main()

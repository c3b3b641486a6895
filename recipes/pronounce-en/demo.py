"""From a dictionary to a pronouncing model in minutes: data, training, error rates beside published ones, new words.

    python demo.py [--minutes N] [--words N]

It trains with the command `transduce train`, as anybody would, and measures from Python. Everything that it writes is in
this folder: data/, prepared/ and runs/run/. The next call continues a run that was stopped, and keeps a finished one.
"""

import argparse
import csv
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import get_data

import transduce

HERE = Path(__file__).resolve().parent
RUN = HERE / "runs" / "run"
NEW_WORDS = ["transduce", "glorptastic", "doomscroll", "quaxify", "hyperblork", "snorkelberry"]  # in no dictionary

# phoneme error rate, word error rate; from the papers named
PUBLISHED = [
    ("LSTM encoder-decoders with attention, five together (Toshniwal and Livescu 2016)", 4.69, 20.24),
    ("LSTM encoder-decoder with attention (Toshniwal and Livescu 2016)", 5.04, 21.69),
    ("Transformer, 4 + 4 layers (Yolchuyeva et al. 2019)", 5.23, 22.1),
    ("bidirectional LSTM over alignments (Yao and Zweig 2015)", 5.45, 23.55),
]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="trains a pronouncing model and tries it")
    parser.add_argument("--minutes", type=float, help="of training (default: as run.toml says)")
    parser.add_argument("--words", type=int, default=5000, help="unseen words that the error rates are measured on")
    options = parser.parse_args(arguments)
    try:
        return demonstrate(options.minutes, options.words)
    except (ValueError, OSError) as error:
        print(f"demo.py: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def demonstrate(minutes: float | None, words: int) -> int:
    """From the data to new words; the exit code."""
    began = time.monotonic()
    if get_data.main(["--out", str(HERE / "data")]):
        return 1
    if code := train(minutes):
        print("run the same command again to continue", file=sys.stderr)
        return code
    model = transduce.load(RUN)
    items = test_words(words)
    print(f"pronouncing {len(items):,} unseen words ...", file=sys.stderr, flush=True)
    values = transduce.evaluate(model, items, metrics=["token-error-rate", "exact-match"]).values
    phoneme_errors, word_errors = values["token-error-rate"], 100.0 - values["exact-match"]
    print_table(phoneme_errors, word_errors, len(items))
    print_new_words([each.text for each in transduce.predict(model, NEW_WORDS)])
    print(
        f"\nThat took {(time.monotonic() - began) / 60:.1f} minutes. Try your own words: "
        f"{relative(Path(sys.executable).with_name('transduce'))} translate {relative(RUN / 'model')}"
    )
    print(f"result: PER {phoneme_errors:.2f} WER {word_errors:.2f} words {len(items)}")
    return 0


def train(minutes: float | None) -> int:
    """Runs `transduce train run.toml` in this folder; its exit code. Its result, the name of the model folder, is not shown.

    Ctrl-C reaches the command too, which then stops with a checkpoint.
    """
    command = [sys.executable, "-m", "transduce", "train", "run.toml"]
    command += [] if minutes is None else ["--minutes", str(minutes)]
    command += ["--resume"] if (RUN / "run.toml").exists() else []
    process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def test_words(count: int) -> list[dict[str, object]]:
    """The first test words, none of which was trained on, each with all its pronunciations."""
    words: dict[str, list[str]] = {}
    with (HERE / "data" / "test.tsv").open(encoding="utf-8", newline="") as file:
        for word, pronunciation in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            words.setdefault(word, []).append(pronunciation)
    return [{"source": word, "target": answers} for word, answers in list(words.items())[:count]]


def relative(path: Path) -> Path:
    """As one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def print_table(phonemes: float, words: float, count: int) -> None:
    print(f"\n{'errors on unseen English words, in percent':80}   PER    WER")
    for name, per, wer in [(f"this model, {count:,} words", phonemes, words), *PUBLISHED]:
        print(f"{name:80} {per:5.2f}  {wer:5.2f}")
    print(
        "A word is right if it equals any listed pronunciation. The published figures are on 12,000 words of an older\n"
        "edition of the dictionary, split otherwise: close to comparable, not the same test."
    )


def print_new_words(pronunciations: Sequence[str]) -> None:
    print("\nwords that are in no dictionary:")
    for word, pronunciation in zip(NEW_WORDS, pronunciations, strict=True):
        print(f"  {word:16} {pronunciation}")


if __name__ == "__main__":
    sys.exit(main())

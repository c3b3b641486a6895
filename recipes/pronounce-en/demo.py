"""From a dictionary to a pronouncing model in minutes: data, training, error beside published figures, new words.

    python demo.py [--minutes N] [--words N]

Everything it leaves lies in this folder: data/, prepared/ and runs/run/. An unfinished earlier run is gone on with; any
other is moved to runs/run-before.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import get_data
from tqdm import tqdm

from transduce import files
from transduce.models.model import Model, load
from transduce.terminal import messages_on_stderr
from transduce.workflows.evaluate.run import Evaluation, evaluate
from transduce.workflows.evaluate.test_set import HeldOut, read_pairs
from transduce.workflows.train.run import Trained, train
from transduce.workflows.train.run_file import read_run
from transduce.workflows.train.run_folder import RunFolder

HERE = Path(__file__).resolve().parent
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
    parser.add_argument("--words", type=int, default=5000, help="unseen words that the errors are counted on")
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
    trained = train_anew_or_go_on(minutes)
    if not trained.finished:
        print("stopped; run the same command again to go on", file=sys.stderr)
        return 130
    model = load(RunFolder(trained.folder).model)
    found = errors_on_unseen_words(model, words)
    phoneme_errors, word_errors = error_rates(found)
    print_table(phoneme_errors, word_errors, found.sentences)
    print_new_words(model)
    print(
        f"\nThat took {(time.monotonic() - began) / 60:.1f} minutes. Try your own words: "
        f"{relative(Path(sys.executable).with_name('transduce'))} translate {relative(RunFolder(trained.folder).model)}"
    )
    print(f"result: PER {phoneme_errors:.2f} WER {word_errors:.2f} words {found.sentences}")
    return 0


def relative(path: Path) -> Path:
    """As one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def train_anew_or_go_on(minutes: float | None) -> Trained:
    """Trains by run.toml. A run that did not finish goes on where its settings are the same; others make way."""
    run_file = HERE / "run.toml"
    overrides = [] if minutes is None else [f"training.minutes={minutes}"]
    folder = RunFolder(HERE / "runs" / run_file.stem)
    if folder.run_file.exists() and not folder.finished():
        try:
            folder.resumed(read_run(run_file, overrides))
            with messages_on_stderr():
                return train(run_file, overrides, resume=True, root=HERE)
        except files.InUse:
            raise
        except ValueError as error:
            print(f"the earlier run cannot go on ({error}); training anew", file=sys.stderr, flush=True)
    if folder.path.exists():
        move_away(folder.path)
    with messages_on_stderr():
        return train(run_file, overrides, root=HERE)


def move_away(run: Path) -> None:
    """To a name that the next one takes the place of. InUse where another process trains there."""
    with files.FolderLock(run):
        before = run.with_name(f"{run.name}-before")
        files.remove_folder(before)
        run.rename(before)


def errors_on_unseen_words(model: Model, words: int) -> Evaluation:
    """Pronounces the first `words` test words, none of which was trained on; a word may have several pronunciations."""
    every = read_pairs(HERE / "data" / "test.tsv", alternatives=True)
    some = HeldOut(every.sources[:words], every.references[:words])
    with tqdm(total=len(some.sources), desc="pronouncing unseen words", unit="word", disable=None) as bar:
        return evaluate(model, some, ["token-error-rate", "exact-match"], progress=bar.update)


def error_rates(found: Evaluation) -> tuple[float, float]:
    """Phoneme error rate (edits to the nearest pronunciation / its phonemes) and share of words not right, in percent."""
    values = {score.name: score.value for score in found.scores}
    return values["token-error-rate"], 100.0 - values["exact-match"]


def print_table(phonemes: float, words: float, count: int) -> None:
    print(f"\n{'errors on unseen English words, in percent':80}   PER    WER")
    for name, per, wer in [(f"this model, {count:,} words", phonemes, words), *PUBLISHED]:
        print(f"{name:80} {per:5.2f}  {wer:5.2f}")
    print(
        "A word is right if it equals any listed pronunciation. The published figures are on 12,000 words of an older\n"
        "edition of the dictionary, split otherwise: close to comparable, not the same test."
    )


def print_new_words(model: Model) -> None:
    print("\nwords that are in no dictionary:")
    for word, pronunciation in zip(NEW_WORDS, model.translate(NEW_WORDS), strict=True):
        print(f"  {word:16} {pronunciation}")


if __name__ == "__main__":
    sys.exit(main())

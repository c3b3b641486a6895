"""A baseline without a network: a linear support vector machine on TF-IDF weights.

    python bag_of_words.py [--data FOLDER]

Two kinds of features: words with pairs of words, and pieces of 2 to 5 characters inside words. For each, the penalty C with
the highest accuracy on dev.jsonl is taken, and the model of train.jsonl is measured on test.jsonl:

- accuracy: the share of rows whose section is right;
- macro-F1: the mean of F1 = 2 * right / (predicted + true) over the sections that test has, as `transduce evaluate` computes it.

Writes the predictions of the kind that is better on dev to FOLDER/bag_of_words.txt: a section for each line of test.jsonl.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from transduce.files import write_atomically

PENALTIES = (0.3, 1.0, 3.0)  # C: a higher one fits the training rows more closely
FEATURES: dict[str, dict[str, Any]] = {  # settings of scikit-learn's TfidfVectorizer
    "words": {"ngram_range": (1, 2), "token_pattern": r"\w+", "min_df": 2},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 5), "min_df": 5},
}


class Part(NamedTuple):
    """Texts and their sections, row by row."""

    texts: list[str]
    labels: list[str]


class Result(NamedTuple):
    """The best model of one kind of features: how right it is on dev, and what it predicts for test."""

    dev_accuracy: float
    predictions: list[str]


def classify(parts: Mapping[str, Part], features: str, say: Callable[[str], object] = print) -> Result:
    """Trains a model on "train" for each C, chooses one on "dev", and predicts "test"."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    begin = time.perf_counter()
    vectorizer = TfidfVectorizer(sublinear_tf=True, **FEATURES[features])
    weights = {"train": vectorizer.fit_transform(parts["train"].texts)}  # rows by features
    weights |= {name: vectorizer.transform(parts[name].texts) for name in ("dev", "test")}
    say(f"{features}: {weights['train'].shape[1]:,} features, {time.perf_counter() - begin:.0f} s")
    best = None
    for penalty in PENALTIES:
        begin = time.perf_counter()
        model = LinearSVC(C=penalty, random_state=0).fit(weights["train"], parts["train"].labels)
        right = accuracy(parts["dev"].labels, model.predict(weights["dev"]))
        say(f"{features}: C = {penalty}: dev accuracy {100 * right:.2f} %, {time.perf_counter() - begin:.0f} s")
        if best is None or right > best.dev_accuracy:
            best = Result(right, model.predict(weights["test"]).tolist())
    assert best is not None
    return best


def accuracy(labels: Sequence[str], predictions: Sequence[str]) -> float:
    """The share of predictions that equal their label.

    >>> accuracy(["net", "web"], ["net", "net"])
    0.5
    """
    return sum(a == b for a, b in zip(labels, predictions, strict=True)) / len(labels)


def macro_f1(labels: Sequence[str], predictions: Sequence[str]) -> float:
    """The mean F1 of the sections among the labels.

    >>> macro_f1(["net", "web"], ["net", "net"])  # net: 2 * 1 / (2 + 1), web: 0
    0.3333333333333333
    """
    scores = []
    for section in sorted(set(labels)):
        right = sum(a == b == section for a, b in zip(labels, predictions, strict=True))
        scores.append(2 * right / (labels.count(section) + predictions.count(section)))
    return sum(scores) / len(scores)


def figures(labels: Sequence[str], predictions: Sequence[str]) -> str:
    """Accuracy and macro-F1 in words."""
    return f"test accuracy {100 * accuracy(labels, predictions):.2f} %, macro-F1 {100 * macro_f1(labels, predictions):.2f} %"


def read(path: Path) -> Part:
    """The rows of a file of get_data.py."""
    if not path.is_file():
        raise ValueError(f"{path}: does not exist; write it with: python get_data.py")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return Part([row["text"] for row in rows], [row["label"] for row in rows])


def measure(folder: Path) -> None:
    """Trains and measures both kinds of features, and writes the better one's predictions."""
    try:
        import sklearn
    except ModuleNotFoundError as error:
        raise ValueError(
            "this baseline needs the package scikit-learn; install it with: pip install scikit-learn"
        ) from error
    parts = {name: read(folder / f"{name}.jsonl") for name in ("train", "dev", "test")}
    print(
        f"scikit-learn {sklearn.__version__}; {', '.join(f'{name} {len(part.labels):,}' for name, part in parts.items())}"
    )
    labels = parts["test"].labels
    frequent, _ = Counter(parts["train"].labels).most_common(1)[0]
    always = [frequent] * len(labels)
    print(f"always {frequent}: {figures(labels, always)}", flush=True)
    results = []
    for features in FEATURES:
        begin = time.perf_counter()
        result = classify(parts, features)
        results.append(result)
        seconds = time.perf_counter() - begin
        print(f"{features}: {figures(labels, result.predictions)}, {seconds:.0f} s in all", flush=True)
    path = folder / "bag_of_words.txt"
    write_atomically(path, "".join(f"{label}\n" for label in max(results).predictions))
    print(f"{path}: a section for each row of test.jsonl")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Trains linear classifiers on words and on characters; measures them.")
    parser.add_argument(
        "--data", type=Path, default=Path(__file__).parent / "data", help="folder (default: %(default)s)"
    )
    folder = parser.parse_args(arguments).data
    try:
        measure(folder)
    except (ValueError, OSError) as error:
        print(f"bag_of_words.py: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

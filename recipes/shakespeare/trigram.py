"""A baseline without a network: interpolated modified Kneser-Ney models over token ids (Chen and Goodman 1999).

    python trigram.py [--data FOLDER]

Prints perplexity per token and bits per UTF-8 byte on test.jsonl of models of several orders, trained on train.jsonl. An
order n model predicts a token from the n - 1 tokens before it. In orders above the first, h being a context, h' the context
without its first token, and w a token:

    p(w | h) = (c(h w) - D(c(h w))) / c(h)  +  reserved(h) / c(h) * p(w | h')
    p(w)     = (c(w) - D(c(w))) / c         +  reserved / c * 1 / (V + 1)

- c counts occurrences in the longest n-grams; in shorter ones, the different tokens in front of the n-gram. n-grams at a
  document's start have no token in front, so their occurrences count.
- D takes D1, D2 or D3 off counts of 1, 2, and 3 or more: estimated for every length from how many n-grams occur 1, 2, 3 and 4
  times. reserved(h) is the sum of what is taken off in context h.
- Documents are independent: START precedes each and is never predicted, END follows each and is predicted. So the
  probabilities of the V ids of text and END sum to 1 in every context.
"""

import argparse
import json
import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

START, END = -1, -2  # beside the ids of text, which are 0 to V - 1
CHARACTER_ORDERS = (1, 2, 3, 4, 5, 6, 7)
DEFAULT_DISCOUNTS = (0.5, 1.0, 1.5)  # where the counts allow no estimate, as among a few dozen characters

Ngram = tuple[int, ...]


@dataclass(frozen=True)
class Context:
    """What follows a context h: c(h), how much of it is reserved for the shorter context, and c(h w) less its discount."""

    total: int
    reserved: float
    discounted: Mapping[int, float]


@dataclass(frozen=True)
class KneserNey:
    """An n-gram model. `lengths[k]` has the contexts of k tokens, for k = 0 to order - 1."""

    lengths: Sequence[Mapping[Ngram, Context]]
    vocabulary: int  # V, the number of ids that a text may have

    def probability(self, history: Ngram, token: int) -> float:
        """p(token | the last order - 1 tokens of history). The history starts with START."""
        p = 1 / (self.vocabulary + 1)
        for length, contexts in enumerate(self.lengths):
            context = contexts.get(history[len(history) - length :]) if length <= len(history) else None
            if context is None:  # then no longer one occurs either
                break
            p = (context.discounted.get(token, 0.0) + context.reserved * p) / context.total
        return p

    def log2_probability(self, document: Sequence[int]) -> float:
        """log2 of the probability of a document, its END included."""
        padded = (START, *document, END)
        longest = len(self.lengths) - 1
        return sum(
            math.log2(self.probability(padded[max(0, i - longest) : i], padded[i])) for i in range(1, len(padded))
        )


def log2_probability(
    train: Iterable[Sequence[int]], test: Iterable[Sequence[int]], order: int, vocabulary: int
) -> float:
    """log2 of the probability of all test documents in a model of the train documents. A document is a list of token ids.

    >>> round(log2_probability([[0, 1], [0, 1]], [[0, 1]], order=1, vocabulary=2), 4)  # 0, 1 and END: 1/3 each
    -4.7549
    """
    model = fit(train, order, vocabulary)
    return math.fsum(map(model.log2_probability, test))


def fit(documents: Iterable[Sequence[int]], order: int, vocabulary: int) -> KneserNey:
    """A model of some order, 1 or more. ValueError where an id is not one of 0 to vocabulary - 1."""
    if order < 1:
        raise ValueError(f"order is {order}, expected 1 or more")
    counts = _occurrences(documents, order, vocabulary)
    lengths = []
    for length in range(order, 0, -1):
        lengths.append(_contexts(counts[length]))
        if length > 1:
            counts[length - 1].update(ngram[1:] for ngram in counts[length])  # each different one, once
    return KneserNey(lengths[::-1], vocabulary)


def _occurrences(documents: Iterable[Sequence[int]], order: int, vocabulary: int) -> dict[int, Counter[Ngram]]:
    """length -> how often n-grams occur: those of `order` tokens, and shorter ones at the starts of documents."""
    counts: dict[int, Counter[Ngram]] = {length: Counter() for length in range(1, order + 1)}
    for document in documents:
        if document and not 0 <= min(document) <= max(document) < vocabulary:
            raise ValueError(f"a document has ids {min(document)} to {max(document)}, expected 0 to {vocabulary - 1}")
        padded = (START, *document, END)
        for length in range(2, order):
            if length <= len(padded):
                counts[length][padded[:length]] += 1
        first = 1 if order == 1 else 0  # START alone is not predicted
        counts[order].update(padded[i : i + order] for i in range(first, len(padded) - order + 1))
    return counts


def _contexts(counts: Mapping[Ngram, int]) -> dict[Ngram, Context]:
    """The contexts of n-grams of one length, from their counts."""
    discounts = _discounts(counts)
    followers: dict[Ngram, dict[int, int]] = defaultdict(dict)
    for ngram, count in counts.items():
        followers[ngram[:-1]][ngram[-1]] = count
    contexts = {}
    for history, tokens in followers.items():
        discounted = {token: count - discounts[min(count, 3) - 1] for token, count in tokens.items()}
        total = sum(tokens.values())
        contexts[history] = Context(total, total - math.fsum(discounted.values()), discounted)
    return contexts


def _discounts(counts: Mapping[Ngram, int]) -> tuple[float, float, float]:
    """D1, D2 and D3: `D_i = i - (i + 1) * Y * n_(i+1) / n_i` with `Y = n_1 / (n_1 + 2 n_2)`, n_i n-grams having count i."""
    n = Counter(counts.values())
    if not all(n[i] for i in (1, 2, 3, 4)):
        return DEFAULT_DISCOUNTS
    y = n[1] / (n[1] + 2 * n[2])
    d1, d2, d3 = (i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3))
    return (d1, d2, d3) if 0 < d1 <= 1 and 0 < d2 <= 2 and 0 < d3 <= 3 else DEFAULT_DISCOUNTS


# --- the report


def characters(text: str) -> list[int]:
    """A text as bytes of UTF-8: in English, its characters. Their vocabulary is 256."""
    return list(text.encode())


def report(
    train: Sequence[str],
    test: Sequence[str],
    tokenise: Callable[[str], list[int]] = characters,
    vocabulary: int = 256,
    orders: Iterable[int] = CHARACTER_ORDERS,
) -> None:
    """Prints a line for each order. `tokenise` turns a text into ids of 0 to vocabulary - 1, without a start or end.

    Perplexity is per token, and END is a token of each document. Bits per byte divide by the bytes of the texts in UTF-8, so
    they compare models of different tokens; `tokenise` must keep all of a text, or they come out too low.
    """
    train_ids, test_ids = [[tokenise(text) for text in texts] for texts in (train, test)]
    tokens = sum(len(document) + 1 for document in test_ids)
    size = sum(len(text.encode()) for text in test)
    print(
        f"train: {sum(len(document) + 1 for document in train_ids):,} tokens; test: {tokens:,} tokens, {size:,} bytes"
    )
    print("order  perplexity per token  bits per byte  seconds")
    for order in orders:
        begin = time.perf_counter()
        bits = -log2_probability(train_ids, test_ids, order, vocabulary)
        seconds = time.perf_counter() - begin
        print(f"{order:5}  {2 ** (bits / tokens):20.3f}  {bits / size:13.4f}  {seconds:7.1f}", flush=True)


def texts_of(path: Path) -> list[str]:
    """The texts of a file of get_data.py."""
    if not path.is_file():
        raise ValueError(f"{path}: does not exist; write it with: python get_data.py")
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Prints bits per byte of Kneser-Ney models of characters.")
    parser.add_argument(
        "--data", type=Path, default=Path(__file__).parent / "data", help="folder (default: %(default)s)"
    )
    folder = parser.parse_args(arguments).data
    try:
        report(texts_of(folder / "train.jsonl"), texts_of(folder / "test.jsonl"))
    except (ValueError, OSError) as error:
        print(f"trigram.py: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Learns byte-pair merges (Sennrich et al. 2016, 1508.07909) with the trainer of the `tokenizers` library."""

import json
from collections.abc import Iterator, Mapping

import tokenizers

from transduce.text.learn.candidates import LEAST_REPEATS
from transduce.text.learn.counts import by_count

BREAK = "<"  # parts words that are fed together; spelled text never holds it
FED = 10_000  # characters fed at a time


def learn(
    words: Mapping[str, int], alphabet: list[str], wanted: int
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The wanted number of pieces, or all that the words support where those are fewer; and the merges.

    `words` are made of the alphabet and given with their counts. The alphabet comes first, then the pieces in the order
    in which they were made; pairs that occur once are not merged.
    """
    most = sum(map(len, words)) + len(alphabet)  # the trainer sets aside memory for all that are asked for
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=min(wanted, most),
        min_frequency=LEAST_REPEATS,
        initial_alphabet=alphabet,
        special_tokens=[],
        show_progress=False,
    )
    library = tokenizers.Tokenizer(tokenizers.models.BPE())
    library.pre_tokenizer = tokenizers.pre_tokenizers.Split(BREAK, "removed")
    library.train_from_iterator(_fed(words), trainer)
    model = json.loads(library.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return tuple(pieces), tuple((a, b) for a, b in model["merges"])


def _fed(words: Mapping[str, int]) -> Iterator[str]:
    """The words as often as they are counted, parted by breaks."""
    for word in by_count(words):
        at_once = max(1, FED // (len(word) + 1))
        whole, rest = divmod(words[word], at_once)
        for _ in range(whole):
            yield (word + BREAK) * at_once
        if rest:
            yield (word + BREAK) * rest

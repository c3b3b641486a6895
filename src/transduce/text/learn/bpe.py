"""Learns byte-pair merges (Sennrich et al. 2016, 1508.07909) with the trainer of the `tokenizers` library."""

import json
from collections.abc import Iterator, Mapping

import tokenizers

from transduce.text.learn.candidates import LEAST_REPEATS
from transduce.text.learn.counts import affordable, by_count

BREAK = "<"  # separates words; spelled text never has it
# The trainer lists the places of every pair: about 210 bytes for each character of the distinct words. Text without spaces
# is cut into words of 24 characters that hardly ever repeat; the rarest words are left out.
MOST_CHARACTERS = 1_000_000
BLOCK = 10_000  # characters of a text for the trainer


def learn(
    words: Mapping[str, int], alphabet: list[str], size: int
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """`size` pieces, or all that the words support if those are fewer; and the merges.

    `words`: word -> count, with characters of the alphabet. The alphabet comes first, then the pieces in the order of
    merging. A pair that occurs once is not merged. Of many words, the rarest are left out.
    """
    words = {word: words[word] for word in affordable(words, len, MOST_CHARACTERS)}
    most = sum(map(len, words)) + len(alphabet)  # the trainer allocates memory for `vocab_size` pieces
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=min(size, most),
        min_frequency=LEAST_REPEATS,
        initial_alphabet=alphabet,
        special_tokens=[],
        show_progress=False,
    )
    library = tokenizers.Tokenizer(tokenizers.models.BPE())
    library.pre_tokenizer = tokenizers.pre_tokenizers.Split(BREAK, "removed")
    library.train_from_iterator(_texts(words), trainer)
    model = json.loads(library.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return tuple(pieces), tuple((a, b) for a, b in model["merges"])


def _texts(words: Mapping[str, int]) -> Iterator[str]:
    """Texts in which each word occurs as often as its count, separated by breaks."""
    for word in by_count(words):
        repeats = max(1, BLOCK // (len(word) + 1))
        whole, rest = divmod(words[word], repeats)
        for _ in range(whole):
            yield (word + BREAK) * repeats
        if rest:
            yield (word + BREAK) * rest

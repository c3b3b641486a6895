"""Learns tokenizers from text."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tokenizers

from transduce.text.config import ColumnTokenizer, Kind, TokenizerConfig
from transduce.text.imported_tokenizer import ImportedTokenizer
from transduce.text.learn import bpe, unigram
from transduce.text.learn.counts import by_count, count_characters, count_words, covering, split_words
from transduce.text.learn.sample import sample
from transduce.text.learned_tokenizer import LearnedTokenizer
from transduce.text.spelling import SPACE, Pipeline, refuse_surrogates, speller
from transduce.text.tags import check_set
from transduce.text.tokenizer import Tokenizer
from transduce.text.tokenizer_file import Vocabulary, leading_pieces

COVERAGE = 0.9995  # share of the text whose characters become pieces of subword models; the rest is spelled in bytes


class VocabularyError(ValueError):
    """A number of pieces that the text, or the tags, do not allow."""


@dataclass(frozen=True)
class Wanted:
    """What to learn: `vocabulary` pieces in all, beginning with the `leading` ones, which are not learned.

    `exact`: for subwords, whether any other number is an error.
    """

    kind: Kind
    vocabulary: int
    leading: tuple[str, ...]
    exact: bool

    @property
    def learned(self) -> int:
        """Pieces that are left to learn."""
        return self.vocabulary - len(self.leading)


def train(
    lines: Iterable[str],
    side: ColumnTokenizer,
    config: TokenizerConfig,
    tags: Sequence[str] = (),
    base: Path = Path(),
) -> Tokenizer:
    """Learns a tokenizer of the side's kind and vocabulary from texts; `tags` become special pieces of it.

    Reads `lines` once and learns from at most `config.sample` of them. The same lines and settings give the same
    tokenizer, to the byte. ValueError where the text is empty or holds lone surrogates, where the tags leave no room in
    the vocabulary, and for subwords of an exact vocabulary where the text supports fewer pieces or has more characters.
    Where the side names a file, which may be relative to `base`, it is imported and `lines` are not read.

        train(["a b", "a c"], ColumnTokenizer("words", 6), TokenizerConfig()).pieces(range(6))
            == ["<pad>", "<unk>", "<s>", "</s>", "a", "b"]
    """
    if side.file is not None:
        if tags:
            raise ValueError(f"{side.file}: an imported tokenizer has no tags, found the tag {tags[0]!r}")
        return ImportedTokenizer.load(base / side.file, side.names)
    check_set(tags)
    pipeline = Pipeline(side.kind, config.normalisation, config.lowercase, tuple(tags))
    wanted = Wanted(side.kind, side.vocabulary, leading_pieces(pipeline), config.exact)
    if wanted.learned < 1:
        least = len(wanted.leading) + 1
        raise VocabularyError(
            f"vocabulary = {side.vocabulary} leaves no room beside {len(tags)} tags: set it to {least} or more"
        )
    sampled = sample(lines, config.sample)
    if not sampled:
        raise ValueError("there is no text to learn a tokenizer from: no line holds more than white space")
    return LearnedTokenizer(pipeline, LEARNERS[side.kind](_spelled(sampled, pipeline), wanted))


def _spelled(lines: list[str], pipeline: Pipeline) -> list[str]:
    spell = speller(pipeline).normalize_str
    try:
        return [spell(line) for line in lines]
    except UnicodeEncodeError:
        for line in lines:
            refuse_surrogates(line)
        raise


def _unigram(spelled: list[str], wanted: Wanted) -> Vocabulary:
    words, alphabet = _subword_material(spelled, wanted)
    found = unigram.learn(words, alphabet, max(wanted.learned, len(alphabet)))
    _check_support(len(found), wanted)
    return Vocabulary((*wanted.leading, *found), scores=(*(0.0 for _ in wanted.leading), *found.values()))


def _bpe(spelled: list[str], wanted: Wanted) -> Vocabulary:
    words, alphabet = _subword_material(spelled, wanted)
    pieces, merges = bpe.learn(words, alphabet, max(wanted.learned, len(alphabet)))
    _check_support(len(pieces), wanted)
    return Vocabulary((*wanted.leading, *pieces), merges=merges)


def _characters(spelled: list[str], wanted: Wanted) -> Vocabulary:
    return _most_frequent(count_characters(Counter(spelled)), wanted)


def _words(spelled: list[str], wanted: Wanted) -> Vocabulary:
    split = tokenizers.pre_tokenizers.WhitespaceSplit().pre_tokenize_str
    return _most_frequent(Counter(word for line in spelled for word, _ in split(line)), wanted)


LEARNERS: dict[Kind, Callable[[list[str], Wanted], Vocabulary]] = {
    "unigram": _unigram,
    "bpe": _bpe,
    "characters": _characters,
    "words": _words,
}


def _most_frequent(counts: Counter[str], wanted: Wanted) -> Vocabulary:
    return Vocabulary((*wanted.leading, *by_count(counts)[: wanted.learned]))


def _subword_material(spelled: list[str], wanted: Wanted) -> tuple[dict[str, int], list[str]]:
    """Words with their counts, and the alphabet."""
    words = count_words(spelled)
    characters = count_characters(words)
    characters[SPACE] = words.total()
    alphabet = covering(characters, COVERAGE)
    least = len(wanted.leading) + len(alphabet)
    if wanted.exact and wanted.vocabulary < least:
        raise VocabularyError(
            f"vocabulary = {wanted.vocabulary} is too small for the training text: set it to {least} or more "
            f"({len(wanted.leading)} special and byte pieces and {len(alphabet)} characters), or exact = false, which "
            "takes the nearest number"
        )
    return split_words(words, alphabet), alphabet


def _check_support(found: int, wanted: Wanted) -> None:
    largest = len(wanted.leading) + found
    if wanted.exact and largest < wanted.vocabulary:
        raise VocabularyError(
            f"vocabulary = {wanted.vocabulary} is more than the training text supports, which is {largest} pieces "
            f'of kind "{wanted.kind}": set vocabulary to {largest} or less or exact = false, or give more text'
        )

"""Training of tokenizers from text."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import tokenizers

from transduce.text.config import ColumnTokenizer, Kind, TokenizerConfig
from transduce.text.learn import bpe, unigram
from transduce.text.learn.counts import by_count, count_characters, count_words, covering, split_words
from transduce.text.learn.sample import sample
from transduce.text.learned_tokenizer import LearnedTokenizer
from transduce.text.spelling import SPACE, Pipeline, refuse_surrogates, speller
from transduce.text.tags import check_set
from transduce.text.tokenizer_file import Vocabulary, leading_pieces

COVERAGE = 0.9995  # share of the text whose characters become pieces of subword models; bytes spell the others


class VocabularyError(ValueError):
    """A number of pieces that the text or the tags do not allow."""


@dataclass(frozen=True)
class Goal:
    """The vocabulary to learn: `vocabulary` pieces, of which the first, `leading`, are fixed.

    `exact`: for subwords, whether any other number is an error.
    """

    kind: Kind
    vocabulary: int
    leading: tuple[str, ...]
    exact: bool

    @property
    def free(self) -> int:
        """The number of pieces to learn."""
        return self.vocabulary - len(self.leading)


def train(
    lines: Iterable[str],
    side: ColumnTokenizer,
    config: TokenizerConfig,
    tags: Sequence[str] = (),
) -> LearnedTokenizer:
    """Learns a tokenizer of the kind and vocabulary of `side` from texts; `tags` become special pieces.

    Reads `lines` once and learns from at most `config.sample` of them. The same lines and settings give the same
    tokenizer, to the byte. ValueError for text that is empty or has lone surrogates, for a vocabulary without room beside the tags,
    and for an exact vocabulary of subwords if the text supports fewer pieces or has more characters.

        train(["a b", "a c"], ColumnTokenizer("words", 6), TokenizerConfig()).pieces(range(6))
            == ["<pad>", "<unk>", "<s>", "</s>", "a", "b"]
    """
    check_set(tags)
    pipeline = Pipeline(side.kind, config.normalisation, config.lowercase, tuple(tags))
    goal = Goal(side.kind, side.vocabulary, leading_pieces(pipeline), config.exact)
    if goal.free < 1:
        least = len(goal.leading) + 1
        raise VocabularyError(
            f"vocabulary = {side.vocabulary} leaves no room beside the tags ({len(tags)}): set it to {least} or more"
        )
    texts = sample(lines, config.sample)
    if not texts:
        raise ValueError("there is no text to learn a tokenizer from: every line is blank")
    return LearnedTokenizer(pipeline, LEARNERS[side.kind](_spellings(texts, pipeline), goal))


def _spellings(lines: list[str], pipeline: Pipeline) -> list[str]:
    spell = speller(pipeline).normalize_str
    try:
        return [spell(line) for line in lines]
    except UnicodeEncodeError:
        for line in lines:
            refuse_surrogates(line)
        raise


def _unigram(spellings: list[str], goal: Goal) -> Vocabulary:
    words, alphabet = _subword_material(spellings, goal)
    scores = unigram.learn(words, alphabet, max(goal.free, len(alphabet)))
    _check_support(len(scores), goal)
    return Vocabulary((*goal.leading, *scores), scores=(*(0.0 for _ in goal.leading), *scores.values()))


def _bpe(spellings: list[str], goal: Goal) -> Vocabulary:
    words, alphabet = _subword_material(spellings, goal)
    pieces, merges = bpe.learn(words, alphabet, max(goal.free, len(alphabet)))
    _check_support(len(pieces), goal)
    return Vocabulary((*goal.leading, *pieces), merges=merges)


def _characters(spellings: list[str], goal: Goal) -> Vocabulary:
    return _most_frequent(count_characters(Counter(spellings)), goal)


def _words(spellings: list[str], goal: Goal) -> Vocabulary:
    split = tokenizers.pre_tokenizers.WhitespaceSplit().pre_tokenize_str
    return _most_frequent(Counter(word for line in spellings for word, _ in split(line)), goal)


LEARNERS: dict[Kind, Callable[[list[str], Goal], Vocabulary]] = {
    "unigram": _unigram,
    "bpe": _bpe,
    "characters": _characters,
    "words": _words,
}


def _most_frequent(counts: Counter[str], goal: Goal) -> Vocabulary:
    return Vocabulary((*goal.leading, *by_count(counts)[: goal.free]))


def _subword_material(spellings: list[str], goal: Goal) -> tuple[dict[str, int], list[str]]:
    """Words with their counts, and the alphabet."""
    words = count_words(spellings)
    characters = count_characters(words)
    characters[SPACE] = words.total()
    alphabet = covering(characters, COVERAGE)
    least = len(goal.leading) + len(alphabet)
    if goal.exact and goal.vocabulary < least:
        raise VocabularyError(
            f"vocabulary = {goal.vocabulary} is too small for the training text: set it to {least} or more "
            f"(special and byte pieces: {len(goal.leading)}, characters: {len(alphabet)}), or exact = false for "
            "the nearest number"
        )
    return split_words(words, alphabet), alphabet


def _check_support(count: int, goal: Goal) -> None:
    largest = len(goal.leading) + count
    if goal.exact and largest < goal.vocabulary:
        raise VocabularyError(
            f"vocabulary = {goal.vocabulary} is more than the training text supports, which is {largest} pieces "
            f'of kind "{goal.kind}": set vocabulary to {largest} or less or exact = false, or give more text'
        )

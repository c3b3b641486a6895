"""Trains tokenizers."""

from collections import Counter
from collections.abc import Callable, Iterable

import tokenizers

from transduce.text import bpe, unigram
from transduce.text.config import Kind, SideConfig, TokenizerConfig, reserved
from transduce.text.format import Vocabulary, leading_pieces
from transduce.text.inventory import by_count, count_characters, count_words, covering, split_words
from transduce.text.pipeline import SPACE, Pipeline, refuse_surrogates, speller
from transduce.text.sample import sample
from transduce.text.tokenizer import Tokenizer

COVERAGE = 0.9995  # share of the text whose characters become pieces of subword models; the rest is spelled in bytes


def train(lines: Iterable[str], side: SideConfig, config: TokenizerConfig) -> Tokenizer:
    """Learns a tokenizer of the side's kind and vocabulary from lines of text.

    Of `lines`, which are read once, at most `config.sample` are learned from. The same lines and settings give the same
    tokenizer, to the byte. ValueError where the text is empty or holds lone surrogates, and for subwords of an exact
    vocabulary where it supports fewer pieces or has more characters.

        train(["a b", "a c"], SideConfig("words", 6), TokenizerConfig()).pieces(range(6))
            == ["<pad>", "<unk>", "<s>", "</s>", "a", "b"]
    """
    pipeline = Pipeline(side.kind, config.normalisation, config.lowercase)
    sampled = sample(lines, config.sample)
    if not sampled:
        raise ValueError("there is no text to learn a tokenizer from: no line holds more than white space")
    return Tokenizer(pipeline, LEARNERS[side.kind](_spelled(sampled, pipeline), side, config.exact))


def _spelled(lines: list[str], pipeline: Pipeline) -> list[str]:
    spell = speller(pipeline).normalize_str
    try:
        return [spell(line) for line in lines]
    except UnicodeEncodeError:
        for line in lines:
            refuse_surrogates(line)
        raise


def _unigram(spelled: list[str], side: SideConfig, exact: bool) -> Vocabulary:
    words, alphabet = _subword_material(spelled, side, exact)
    found = unigram.learn(words, alphabet, _wanted(side, alphabet))
    _check_support(len(found), side, exact)
    leading = leading_pieces(side.kind)
    return Vocabulary((*leading, *found), scores=(*(0.0 for _ in leading), *found.values()))


def _bpe(spelled: list[str], side: SideConfig, exact: bool) -> Vocabulary:
    words, alphabet = _subword_material(spelled, side, exact)
    pieces, merges = bpe.learn(words, alphabet, _wanted(side, alphabet))
    _check_support(len(pieces), side, exact)
    return Vocabulary((*leading_pieces(side.kind), *pieces), merges=merges)


def _characters(spelled: list[str], side: SideConfig, exact: bool) -> Vocabulary:
    return _most_frequent(count_characters(Counter(spelled)), side)


def _words(spelled: list[str], side: SideConfig, exact: bool) -> Vocabulary:
    split = tokenizers.pre_tokenizers.WhitespaceSplit().pre_tokenize_str
    return _most_frequent(Counter(word for line in spelled for word, _ in split(line)), side)


LEARNERS: dict[Kind, Callable[[list[str], SideConfig, bool], Vocabulary]] = {
    "unigram": _unigram,
    "bpe": _bpe,
    "characters": _characters,
    "words": _words,
}


def _most_frequent(counts: Counter[str], side: SideConfig) -> Vocabulary:
    return Vocabulary((*leading_pieces(side.kind), *by_count(counts)[: side.vocabulary - reserved(side.kind)]))


def _wanted(side: SideConfig, alphabet: list[str]) -> int:
    """Pieces to learn, the alphabet's among them."""
    return max(side.vocabulary - reserved(side.kind), len(alphabet))


def _subword_material(spelled: list[str], side: SideConfig, exact: bool) -> tuple[dict[str, int], list[str]]:
    """Words with their counts, and the alphabet."""
    words = count_words(spelled)
    characters = count_characters(words)
    characters[SPACE] = words.total()
    alphabet = covering(characters, COVERAGE)
    least = reserved(side.kind) + len(alphabet)
    if exact and side.vocabulary < least:
        raise ValueError(
            f"vocabulary = {side.vocabulary} is too small for the training text: set it to {least} or more "
            f"({reserved(side.kind)} special and byte pieces and {len(alphabet)} characters)"
        )
    return split_words(words, alphabet), alphabet


def _check_support(found: int, side: SideConfig, exact: bool) -> None:
    largest = reserved(side.kind) + found
    if exact and largest < side.vocabulary:
        raise ValueError(
            f"vocabulary = {side.vocabulary} is more than the training text supports, which is {largest} pieces "
            f'of kind "{side.kind}": set vocabulary to {largest} or less, or give more text'
        )

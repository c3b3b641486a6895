"""The unigram trainer against its definition, worked out the long way, and against the library's trainer."""

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import tokenizers as library
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.text.learn import candidates as candidates_module
from transduce.text.learn import unigram
from transduce.text.learn.candidates import candidates
from transduce.text.learn.counts import affordable, count_words, split_words
from transduce.text.learn.lattice import LONGEST_PIECE, best, lattice_of, posterior
from transduce.text.spelling import Pipeline, speller

WORDS = st.dictionaries(st.text("abc", min_size=1, max_size=7), st.integers(1, 5), min_size=1, max_size=8)


def segmentations(word: str) -> Iterator[list[tuple[int, int]]]:
    """All ways to cut a word, as (begin, end) pairs."""
    if not word:
        yield []
    for end in range(1, len(word) + 1):
        for rest in segmentations(word[end:]):
            yield [(0, end), *((a + end, b + end) for a, b in rest)]


@settings(max_examples=60, deadline=None)
@given(words=WORDS, seed=st.integers(0, 2**32 - 1))
def test_posteriors_and_best_scores_are_those_of_all_segmentations(words: dict[str, int], seed: int) -> None:
    ordered = sorted(words, key=len, reverse=True)
    lattice = lattice_of(np.array([len(word) for word in ordered]))
    values = np.random.default_rng(seed).uniform(0.01, 1, lattice.size)
    found, highest = posterior(lattice, values), best(lattice, np.log(values))
    for place, word in enumerate(ordered):
        number = {
            (t, t + k): lattice.begin[t, k] + place for t in range(len(word)) for k in range(1, len(word) - t + 1)
        }
        weights = {tuple(cut): math.prod(values[number[span]] for span in cut) for cut in segmentations(word)}
        assert highest[place] == pytest.approx(math.log(max(weights.values())))
        for span, where in number.items():
            share = sum(weight for cut, weight in weights.items() if span in cut) / sum(weights.values())
            assert found[where] == pytest.approx(share)


@settings(max_examples=60, deadline=None)
@given(words=WORDS)
def test_candidates_are_the_repeated_substrings(words: dict[str, int]) -> None:
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for begin in range(len(word)):
            for end in range(begin + 1, len(word) + 1):
                counts[word[begin:end]] += count
    found = candidates(words, ["c", "b", "a"])
    texts = [found.text(number) for number in range(len(found.frequency))]
    assert len(set(texts)) == len(texts)
    assert dict(zip(texts, found.frequency, strict=True)) == {letter: counts[letter] for letter in "abc"} | {
        text: count for text, count in counts.items() if count > 1 and len(text) > 1
    }
    for place, word in enumerate(found.words):
        for t in range(len(word)):
            for k in range(1, len(word) - t + 1):
                number = found.piece[found.lattice.begin[t, k] + place]
                assert (texts[number] if number < len(texts) else None) == (
                    word[t : t + k] if word[t : t + k] in texts else None
                )


def test_pieces_are_no_longer_than_they_may_be() -> None:
    found = candidates({"ab" * 12: 5}, ["a", "b"])
    assert max(found.length) == LONGEST_PIECE


def test_the_rarest_words_give_way_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates_module, "MOST_SPANS", 9)
    assert candidates({"abc": 5, "cc": 4, "bbb": 3, "a": 9}, ["a", "b", "c"]).words == ("abc", "a")


def test_of_words_that_occur_once_each_script_keeps_its_share() -> None:
    """Not those alone whose letters have the lowest numbers."""
    latin = [chr(97 + n % 26) + chr(97 + n // 26) for n in range(500)]
    han = [chr(0x4E00 + n) + "的" for n in range(500)]
    words = affordable(dict.fromkeys([*latin, *han], 1), len, 1000)
    assert len(words) == 500 and 200 < len([word for word in words if word in han]) < 300
    assert words == affordable(dict.fromkeys([*han, *latin], 1), len, 1000)


def test_digamma_is_that_of_torch() -> None:
    x = np.concatenate([np.linspace(0.5, 20, 200), np.array([1e3, 1e6, 1e9])])
    np.testing.assert_allclose(unigram._digamma(x), torch.digamma(torch.from_numpy(x)).numpy(), rtol=1e-8, atol=1e-9)


def material_of(lines: list[str]) -> tuple[dict[str, int], list[str]]:
    """Words with their counts, and all of their characters."""
    words = count_words(speller(Pipeline()).normalize_str(line) for line in lines)
    alphabet = sorted(set("".join(words)) | {"▁"})
    return split_words(words, alphabet), alphabet


def test_any_size_up_to_the_largest_is_met(lines: list[str]) -> None:
    words, alphabet = material_of(lines)
    largest = len(unigram.learn(words, alphabet, 10**9))
    for wanted in (len(alphabet), len(alphabet) + 1, (len(alphabet) + largest) // 2, largest - 1, largest):
        found = unigram.learn(words, alphabet, wanted)
        assert len(found) == wanted
        assert set(alphabet) <= found.keys()
        assert all(score < 0 for score in found.values())
        assert list(found.values()) == sorted(found.values(), reverse=True)


def test_unseen_lines_take_fewer_pieces_than_with_the_library(lines: list[str]) -> None:
    (words, _), (unseen, _), (_, alphabet) = map(material_of, (lines[:200], lines[200:], lines))
    peer = library.Tokenizer(library.models.Unigram())
    peer.pre_tokenizer = library.pre_tokenizers.Split("<", "removed")
    trainer = library.trainers.UnigramTrainer(vocab_size=250, show_progress=False, initial_alphabet=alphabet)
    peer.train_from_iterator(((word + "<") * count for word, count in words.items()), trainer)
    learned = unigram.learn(words, alphabet, peer.get_vocab_size())
    own = library.Tokenizer(library.models.Unigram([("<unk>", 0.0), *learned.items()], unk_id=0))

    def pieces(tokenizer: library.Tokenizer) -> int:
        return sum(count * len(tokenizer.encode(word).ids) for word, count in unseen.items())

    assert len(learned) == peer.get_vocab_size()
    assert pieces(own) < 0.9 * pieces(peer)

"""The tests agree with sacreBLEU's and with exact enumeration; intervals cover; equal systems are not told apart."""

import itertools
import random
from collections.abc import Sequence

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER
from sacrebleu.significance import PairedTest

from transduce.evaluation.metric import Metric
from transduce.evaluation.metrics import METRICS, OF_NUMBERS
from transduce.evaluation.significance import Interval, bootstrap, compare, interval, randomise

WORDS = [f"word{number}" for number in range(60)] + ["слово", "言葉", "كلمة", "מילה"]


def systems(sentences: int, *noise: float) -> tuple[list[str], list[list[str]]]:
    """References, and systems that get each word wrong with the given probabilities."""
    draw = random.Random(5)
    references = [" ".join(draw.choices(WORDS, k=draw.randint(3, 12))) for _ in range(sentences)]
    return references, [
        [" ".join(w if draw.random() > p else draw.choice(WORDS) for w in line.split()) for line in references]
        for p in noise
    ]


def statistics(metric: Metric, outputs: Sequence[Sequence[str]], references: Sequence[str]) -> list[np.ndarray]:
    return [metric.statistics(each, [[line] for line in references]) for each in outputs]


@pytest.mark.parametrize(("name", "theirs"), [("bleu", BLEU()), ("chrf", CHRF()), ("ter", TER())])
def test_p_values_and_intervals_are_those_of_sacrebleu(name: str, theirs: BLEU | CHRF | TER) -> None:
    references, (first, second) = systems(101, 0.3, 0.35)
    metric = METRICS[name]
    ours = statistics(metric, (first, second), references)
    found = compare(metric, *ours, resamples=300, trials=500)
    named = [("first", first), ("second", second)]
    boot = next(iter(list(PairedTest(named, {name: theirs}, [references], "bs", 300)()[1].values())[1:]))
    swap = next(iter(list(PairedTest(named, {name: theirs}, [references], "ar", 500)()[1].values())[1:]))
    assert (found.baseline, found.other) == pytest.approx((boot[0].score, boot[1].score))
    assert found.bootstrap_p == pytest.approx(boot[1].p_value)
    # TER is a quotient of small whole numbers: two trials may give exactly the same value, which only we count
    ties = 0.05 if name == "ter" else 1e-9
    assert swap[1].p_value - 1e-9 <= found.randomisation_p <= swap[1].p_value + ties
    for each, result in zip(ours, boot, strict=True):
        found_interval = interval(metric, each, resamples=300)
        assert found_interval is not None
        assert (found_interval.high - found_interval.low) / 2 == pytest.approx(result.ci, rel=1e-4)


@pytest.mark.parametrize("name", [name for name, each in METRICS.items() if each not in OF_NUMBERS])
def test_a_system_does_not_differ_from_its_copy(name: str) -> None:
    references, (outputs,) = systems(40, 0.4)
    found = compare(METRICS[name], *statistics(METRICS[name], (outputs, list(outputs)), references), 100, 100)
    assert (found.difference, found.bootstrap_p, found.randomisation_p) == (0, 1, 1)
    assert found.interval == Interval(0.0, 0.0)


@pytest.mark.parametrize("name", [name for name, each in METRICS.items() if each not in OF_NUMBERS])
def test_a_much_better_system_is_found_and_a_slightly_better_one_is_not(name: str) -> None:
    references, (bad, good, much) = systems(150, 0.30, 0.29, 0.05)
    metric = METRICS[name]
    first, second, third = statistics(metric, (bad, good, much), references)
    clear = compare(metric, first, third, 500, 500)
    assert clear.bootstrap_p < 0.01
    assert clear.randomisation_p < 0.01
    assert (clear.difference > 0) == metric.higher_is_better
    assert clear.interval is not None
    assert clear.interval.low * clear.interval.high > 0  # without 0
    unclear = compare(metric, first, second, 500, 500)
    assert unclear.randomisation_p > 0.05
    assert unclear.interval is not None
    assert unclear.interval.low < 0 < unclear.interval.high


def test_randomisation_agrees_with_all_swaps_there_are() -> None:
    """Ten sentences: 1,024 ways to swap. Equal differences are common here, and count."""
    metric = METRICS["exact-match"]
    first = np.array([[1, 1]] * 7 + [[0, 1]] * 3, dtype=np.float64)
    second = np.array([[0, 1]] * 5 + [[1, 1]] * 3 + [[0, 1]] * 2, dtype=np.float64)
    observed = abs(first[:, 0].sum() - second[:, 0].sum())
    ways = list(itertools.product([False, True], repeat=10))
    as_far = 0
    for way in ways:
        swap = np.array(way)[:, None]
        difference = np.where(swap, second, first)[:, 0].sum() - np.where(swap, first, second)[:, 0].sum()
        as_far += abs(difference) >= observed
    found = compare(metric, first, second, resamples=10, trials=20_000)
    assert found.randomisation_p == pytest.approx(as_far / len(ways), abs=0.01)


def test_one_sentence_and_one_changed_sentence_prove_nothing() -> None:
    metric = METRICS["chrf"]
    references, (outputs,) = systems(30, 0.5)
    single = compare(metric, *statistics(metric, (["a wrong thing"], ["the right thing"]), ["the right thing"]))
    assert (single.bootstrap_p, single.randomisation_p) == (1, 1)
    changed = [references[0], *outputs[1:]]
    found = compare(metric, *statistics(metric, (outputs, changed), references), 300, 300)
    assert found.difference > 0
    assert found.randomisation_p == 1
    assert found.bootstrap_p > 0.1


def test_empty_outputs_and_resamples_without_a_value() -> None:
    rates, chrf = METRICS["word-error-rate"], METRICS["chrf"]
    references = ["", "a b", ""]
    ours, theirs = statistics(rates, (["", "", ""], ["", "a b", ""]), references)
    found = interval(rates, ours, 200)  # of some resamples every reference is empty: no rate is defined there
    assert found == Interval(100.0, 100.0)
    assert compare(rates, ours, theirs, 200, 200).interval == Interval(-100.0, -100.0)
    assert interval(rates, ours[:1], 200) is None
    nothing, something = statistics(chrf, (["", ""], ["a b", "c d"]), ["a b", "c d"])
    assert compare(chrf, nothing, something, 200, 200).baseline == 0


def test_intervals_cover_the_truth_and_equal_systems_differ_by_chance_alone() -> None:
    """Word error rates of systems that err in each sentence with a probability of its own; 25 % on the whole."""
    draw = np.random.default_rng(1)
    metric = METRICS["word-error-rate"]
    covered, zero, different = [], [], []
    for _ in range(200):
        length, hardness = draw.integers(5, 30, 150), draw.beta(2, 6, 150)
        first, second = (np.stack([draw.binomial(length, hardness), length], 1).astype(float) for _ in range(2))
        found = interval(metric, first, 200)
        compared = compare(metric, first, second, 200, 200)
        assert found is not None
        assert compared.interval is not None
        covered.append(found.low <= 25 <= found.high)
        zero.append(compared.interval.low <= 0 <= compared.interval.high)
        different.append(compared.randomisation_p < 0.05)
    # 95 %, 95 % and 5 %, give or take four standard errors of 200 trials and what 200 resamples leave open
    assert 0.87 < np.mean(covered) <= 1
    assert 0.87 < np.mean(zero) <= 1
    assert np.mean(different) < 0.12


def test_draws_are_the_same_every_time_and_sums_are_of_whole_sentences() -> None:
    ones = np.ones((50, 1))
    assert (bootstrap(ones, 70) == 50).all()
    numbers = np.arange(50, dtype=np.float64)[:, None]
    assert (bootstrap(numbers, 70) == bootstrap(numbers, 70)).all()
    assert len(np.unique(bootstrap(numbers, 70))) > 30
    first, second = randomise(numbers, 100 + numbers, 70)
    assert (first + second == numbers.sum() * 2 + 100 * 50).all()
    assert ((first - numbers.sum()) % 100 == 0).all()  # as many hundreds as sentences were swapped

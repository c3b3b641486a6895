"""Batch plans: every row once, within the budget, from their arguments alone; with little padding and little time."""

import hashlib
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transduce.data.batching import Costs, by_length, epoch_plan

PAIRS = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), max_size=200)


def lengths(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    source, target = np.array(pairs, np.int32).reshape(-1, 2).T
    return source, target


def sentences(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Lengths as in translation: log-normal, the source a quarter longer or shorter."""
    draw = np.random.default_rng(0)
    target = np.clip(draw.lognormal(2.8, 0.6, count), 1, 250).astype(np.int32)
    source = np.clip(target * draw.lognormal(0, 0.25, count), 1, 250).astype(np.int32)
    return source, target


def padding_share(counts: np.ndarray, plan: list[np.ndarray]) -> float:
    """The share of padding among all positions of the plan's batches."""
    return 1 - int(counts.sum()) / sum(len(batch) * int(counts[batch].max()) for batch in plan)


@given(PAIRS, st.integers(1, 300), st.integers(0, 2**64), st.integers(0, 1000))
def test_every_row_once_and_no_batch_above_its_budget(
    pairs: list[tuple[int, int]], budget: int, seed: int, epoch: int
) -> None:
    source, target = lengths(pairs)
    plan = epoch_plan(Costs(target, source), budget, seed, epoch)
    assert sorted(np.concatenate(plan).tolist() if plan else []) == list(range(len(pairs)))
    for batch in plan:
        fits = len(batch) * target[batch].max() <= budget and len(batch) * source[batch].max() <= 2 * budget
        assert fits or len(batch) == 1


@given(PAIRS, st.integers(1, 300), st.integers(0, 100))
def test_a_plan_depends_on_its_arguments_alone(pairs: list[tuple[int, int]], budget: int, seed: int) -> None:
    source, target = lengths(pairs)
    before = source.copy(), target.copy()
    first = epoch_plan(Costs(target, source), budget, seed, 3)
    np.random.seed(5)
    epoch_plan(Costs(source, target), budget, seed, 4)
    again = epoch_plan(Costs(target.astype(np.int64), source), budget, seed, 3)
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]
    assert (source == before[0]).all() and (target == before[1]).all()


def test_plans_of_translations_are_as_they_always_were() -> None:
    """Another plan would be another training run. The hash is of the rows of all batches of three epochs."""
    draw = np.random.default_rng(0)
    target = np.clip(draw.lognormal(2.8, 0.6, 20000), 1, 250).astype(np.int32)
    source = np.clip(target * draw.lognormal(0, 0.25, 20000), 1, 250).astype(np.int32)
    digest = hashlib.sha256()
    for seed, epoch in ((1, 0), (1, 1), (7, 3)):
        for batch in epoch_plan(Costs(target, source), 4096, seed, epoch):
            digest.update(np.int64(len(batch)).tobytes())
            digest.update(batch.astype("<i8").tobytes())
    assert digest.hexdigest() == "3a8d161c70248c24b9f3294122260701986533e6810c5fc1ff0f98d9c69a7f2d"


def test_a_task_with_one_column_counts_it_once() -> None:
    lengths = sentences(2000)[1]
    plan = epoch_plan(Costs(lengths, lengths), 1000, 1, 0)
    assert all(len(batch) * lengths[batch].max() <= 1000 for batch in plan)
    assert padding_share(lengths, plan) < 0.1


def test_another_process_makes_the_same_plan() -> None:
    program = (
        "import numpy as np; from transduce.data.batching import Costs, epoch_plan;"
        "n = np.arange(1, 500, dtype=np.int32) % 37 + 1;"
        "print([b.tolist() for b in epoch_plan(Costs(n[::-1], n), 200, 7, 2)])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    n = np.arange(1, 500, dtype=np.int32) % 37 + 1
    assert found.strip() == str([batch.tolist() for batch in epoch_plan(Costs(n[::-1], n), 200, 7, 2)])


def test_epochs_and_seeds_differ_in_order_and_in_composition() -> None:
    source, target = sentences(5000)
    plans = [epoch_plan(Costs(target, source), 2048, seed, epoch) for seed, epoch in ((1, 0), (1, 1), (2, 0))]
    together = [{frozenset(batch.tolist()) for batch in plan} for plan in plans]
    for one in range(3):
        for other in range(one):
            assert len(together[one] & together[other]) < len(together[one]) / 5
    # Not from short to long either: a batch's place says nothing about its length.
    longest = np.array([target[batch].max() for batch in plans[0]])
    assert abs(np.corrcoef(np.arange(len(longest)), longest)[0, 1]) < 0.3


def test_padding_is_low_and_batches_are_full() -> None:
    source, target = sentences(36_000)
    plan = epoch_plan(Costs(target, source), 4096, 1, 0)
    assert padding_share(target, plan) < 0.05 and padding_share(source, plan) < 0.15
    assert len(plan) < 1.1 * int(target.sum()) / 4096


@given(st.lists(st.integers(1, 60), max_size=100), st.integers(1, 300))
def test_groups_by_length_hold_every_place_once_within_the_budget(found: list[int], budget: int) -> None:
    groups = by_length(found, budget)
    assert sorted(place for group in groups for place in group) == list(range(len(found)))
    assert [found[place] for group in groups for place in group] == sorted(found)
    assert all(len(group) * max(found[place] for place in group) <= budget or len(group) == 1 for group in groups)


def test_a_million_rows_take_about_a_second() -> None:
    source, target = sentences(1_000_000)
    start = time.process_time()
    plan = epoch_plan(Costs(target, source), 4096, 1, 0)
    assert time.process_time() - start < 5
    assert sum(map(len, plan)) == 1_000_000


def test_mistakes_are_named() -> None:
    one = np.array([1], np.int32)
    with pytest.raises(ValueError, match=r"5,000,000 tokens.*max-length"):
        epoch_plan(Costs(np.array([5_000_000]), one), 10, 1, 0)

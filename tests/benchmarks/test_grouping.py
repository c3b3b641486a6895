"""The order that gives a peer without sorting batches of like lengths."""

from benchmarks.training_speed.grouping import grouped
from hypothesis import given
from hypothesis import strategies as st

Pairs = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=80)


def batches(pairs: list[tuple[int, int]], order: list[int], budget: int) -> list[list[int]]:
    """As Joey NMT's TokenBatchSampler makes them."""
    made, batch, longest = [], [], 0
    for number in order:
        batch.append(number)
        longest = max(longest, pairs[number][0] + 1, pairs[number][1] + 1)
        if longest * len(batch) >= budget:
            made.append(batch)
            batch, longest = [], 0
    return [*made, batch] if batch else made


@given(Pairs, st.integers(1, 300), st.integers(0, 9))
def test_the_batches_are_those_of_the_sorted_pairs(pairs: list[tuple[int, int]], budget: int, seed: int) -> None:
    source, target = [here for here, _ in pairs], [there for _, there in pairs]
    order = grouped(source, target, budget, seed)
    assert sorted(order) == list(range(len(pairs)))
    by_length = sorted(range(len(pairs)), key=lambda number: (max(pairs[number]), source[number]))
    assert sorted(map(sorted, batches(pairs, order, budget))) == sorted(map(sorted, batches(pairs, by_length, budget)))


def test_each_seed_has_its_own_order() -> None:
    lengths = list(range(1, 200))
    orders = {tuple(grouped(lengths, lengths, 256, seed)) for seed in range(5)}
    assert len(orders) == 5

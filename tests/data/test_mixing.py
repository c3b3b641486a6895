"""Weights: how often each row is in an epoch and over many; with weights of 1 nothing changes."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transduce.data.config import Corpus, DataConfig
from transduce.data.loader import Loader
from transduce.data.mixing import Share, WeightedRows
from transduce.data.store import StoreWriter, TokenStore
from transduce.tasks.translation import TRANSLATION

SHARES = st.lists(
    st.builds(Share, st.integers(0, 20), st.sampled_from([0.25, 1 / 3, 0.5, 0.9, 1.0, 1.1, 1.5, 2.0, 3.75, 0.01])),
    min_size=1,
    max_size=4,
).filter(lambda shares: sum(math.floor(rows * weight) for rows, weight in shares) > 0)


@given(SHARES, st.integers(0, 2**40))
def test_every_row_is_seen_as_often_as_its_weight_says(shares: list[Share], seed: int) -> None:
    weighted = WeightedRows(shares, seed)
    total: Counter[int] = Counter()
    for epoch in range(24):
        found = Counter(weighted.of(epoch).tolist())
        assert WeightedRows(shares, seed).of(epoch).tolist() == weighted.of(epoch).tolist()
        total += found
        start = 0
        for rows, weight in shares:
            often = [found[row] for row in range(start, start + rows)]
            assert set(often) <= {math.floor(weight), math.floor(weight) + 1}
            assert abs(sum(often) - rows * weight) < 1 + 1e-6
            assert all(abs(total[row] - (epoch + 1) * weight) < 1 + 1e-6 for row in range(start, start + rows))
            start += rows
        assert set(found) <= set(range(start))


def test_chance_decides_which_rows_come_first() -> None:
    first = [WeightedRows([Share(1000, 0.1)], seed).of(0).tolist() for seed in range(5)]
    assert all(len(rows) == 100 for rows in first)
    shared = [len(set(one) & set(other)) for one in first for other in first if one is not other]
    assert 0 < np.mean(shared) < 25  # 10 in the mean
    assert WeightedRows([Share(1000, 0.1)], 1).of(0).tolist() != WeightedRows([Share(1000, 0.1)], 1).of(1).tolist()


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    draw = np.random.default_rng(0)
    rows = [draw.integers(0, 9, draw.integers(1, 20)).tolist() for _ in range(200)]
    with StoreWriter(tmp_path / "train.arrow", ["source", "target"]) as writer:
        writer.write({"source": row, "target": row} for row in rows)
    return TokenStore(tmp_path / "train.arrow")


def loader_of(store: TokenStore, batch_tokens: int, seed: int, shares: Sequence[Share] = ()) -> Loader:
    return Loader(store, TRANSLATION.cost(store.all_lengths()), batch_tokens, seed, shares)


def test_weights_of_1_leave_the_order_as_it_is(store: TokenStore) -> None:
    plain = loader_of(store, 64, 5)
    weighted = loader_of(store, 64, 5, [Share(150, 1.0), Share(50, 1.0)])
    for epoch in range(3):
        for one, other in zip(plain.plan(epoch), weighted.plan(epoch), strict=True):
            assert one.tolist() == other.tolist()


def test_batches_have_the_rows_of_the_epoch_and_go_on_from_anywhere(store: TokenStore) -> None:
    shares = [Share(150, 0.4), Share(50, 2.5)]
    loader = loader_of(store, 64, 5, shares)
    batches = list(islice(loader.from_position(0, 0), len(loader.plan(0)) + len(loader.plan(1)) + 3))
    for epoch in (0, 1):
        seen = np.concatenate([batch.indices for batch in batches if batch.epoch == epoch])
        assert sorted(seen.tolist()) == sorted(WeightedRows(shares, 5).of(epoch).tolist())
    for batch in batches:
        expected = store.rows("source", batch.indices)
        assert all(one.tolist() == other.tolist() for one, other in zip(batch.columns["source"], expected, strict=True))
        assert len(batch.columns["target"]) * (max(map(len, batch.columns["target"])) + 1) <= 64
    for done in range(0, len(batches) - 3, 7):
        last = batches[done]
        resumed = loader_of(TokenStore(store.path), 64, 5, shares).from_position(last.epoch, last.position + 1)
        assert [batch.indices.tolist() for batch in islice(resumed, 3)] == [
            batch.indices.tolist() for batch in batches[done + 1 : done + 4]
        ]


def test_weights_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="the weights make empty epochs"):
        WeightedRows([Share(10, 0.05)], 1)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf"), 1001.0])
def test_weights_that_are_none(weight: float) -> None:
    with pytest.raises(ValueError, match="weight must be above 0 and at most 1000, found"):
        Corpus(file=Path("a.tsv"), weight=weight)


@pytest.mark.parametrize("part", ["dev", "test"])
def test_only_train_has_weights(part: str) -> None:
    with pytest.raises(ValueError, match=f"{part} has a weight"):
        DataConfig((Corpus(file=Path("a.tsv")),), **{part: Corpus(file=Path("b.tsv"), weight=2.0)})


def test_epochs_that_no_memory_holds_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"epochs of 1,000,000,000 rows, at most 268,435,456 .* lower weight in data\.train"
    ):
        WeightedRows([Share(1_000_000, 1000.0)], 1)

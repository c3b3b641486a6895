"""Going on from any position gives exactly the batches that an uninterrupted run would have seen."""

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from transduce.data.loader import Loader, Rows
from transduce.data.store import StoreWriter, TokenStore
from transduce.tasks.translation import TRANSLATION

ROWS = 300


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    """Row n holds n as its first source token and n + 1 as its last target token."""
    draw = np.random.default_rng(0)
    sources = [[n, *draw.integers(0, 9, draw.integers(0, 20)).tolist()] for n in range(ROWS)]
    targets = [[*draw.integers(0, 9, draw.integers(0, 20)).tolist(), n + 1] for n in range(ROWS)]
    with StoreWriter(tmp_path / "train.arrow", ["source", "target"]) as writer:
        writer.write({"source": s, "target": t} for s, t in zip(sources, targets, strict=True))
    return TokenStore(tmp_path / "train.arrow")


def loader_of(store: TokenStore) -> Loader:
    return Loader(store, TRANSLATION.cost(store.all_lengths()), 128, 3)


def plain(batch: Rows) -> tuple[object, ...]:
    sides = [[row.tolist() for row in rows] for rows in batch.columns.values()]
    return batch.epoch, batch.position, *sides, batch.indices.tolist()


def test_resuming_anywhere_goes_on_identically(store: TokenStore) -> None:
    length = len(loader_of(store).plan(0))
    uninterrupted = [plain(batch) for batch in islice(loader_of(store).from_position(0, 0), 2 * length + 4)]
    for done in range(1, 2 * length + 1):
        epoch, position = uninterrupted[done - 1][:2]
        resumed = loader_of(TokenStore(store.path)).from_position(epoch, position + 1)
        assert [plain(batch) for batch in islice(resumed, 3)] == uninterrupted[done : done + 3]


def test_three_resumes_in_one_epoch_and_one_at_its_end(store: TokenStore) -> None:
    loader = loader_of(store)
    length = len(loader.plan(0))
    uninterrupted = [batch.indices.tolist() for batch in islice(loader.from_position(0, 0), length + 5)]
    cuts = [0, 2, 7, length - 3, length]  # three inside the epoch, one exactly at its end
    pieces = []
    for start, stop in zip(cuts, [*cuts[1:], length + 5], strict=True):
        batches = loader_of(TokenStore(store.path)).from_position(0, start)
        pieces += [batch.indices.tolist() for batch in islice(batches, stop - start)]
    assert pieces == uninterrupted


def test_another_process_sees_the_same_batches(store: TokenStore) -> None:
    program = """
import json, sys
from itertools import islice
from pathlib import Path
from transduce.data.loader import Loader
from transduce.data.store import TokenStore
from transduce.tasks.translation import TRANSLATION
store = TokenStore(Path(sys.argv[1]))
batches = Loader(store, TRANSLATION.cost(store.all_lengths()), 128, 3).from_position(1, 4)
print(json.dumps([batch.indices.tolist() for batch in islice(batches, 30)]))
"""
    found = subprocess.run([sys.executable, "-c", program, store.path], capture_output=True, text=True, check=True)
    here = [batch.indices.tolist() for batch in islice(loader_of(store).from_position(1, 4), 30)]
    assert json.loads(found.stdout) == here


def test_an_epoch_has_every_row_once_and_rows_match_their_indices(store: TokenStore) -> None:
    loader = loader_of(store)
    for epoch in (0, 5):
        batches = list(islice(loader.from_position(epoch, 0), len(loader.plan(epoch))))
        assert {batch.epoch for batch in batches} == {epoch}
        assert sorted(np.concatenate([batch.indices for batch in batches]).tolist()) == list(range(ROWS))
        for batch in batches:
            assert [row[0] for row in batch.columns["source"]] == batch.indices.tolist()
            assert [row[-1] - 1 for row in batch.columns["target"]] == batch.indices.tolist()


def test_the_budget_counts_an_end_token(store: TokenStore) -> None:
    for batch in islice(loader_of(store).from_position(0, 0), 20):
        assert len(batch.columns["target"]) * (max(map(len, batch.columns["target"])) + 1) <= 128
        assert len(batch.columns["source"]) * (max(map(len, batch.columns["source"])) + 1) <= 256


@pytest.mark.parametrize("beyond", [-1, 10_000])
def test_a_position_that_does_not_exist_is_refused(store: TokenStore, beyond: int) -> None:
    with pytest.raises(ValueError, match=f"position {beyond} does not exist"):
        next(loader_of(store).from_position(0, beyond))


def test_an_empty_store_is_refused(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "train.arrow", ["source", "target"]):
        pass
    with pytest.raises(ValueError, match=r"train\.arrow: holds no rows"):
        loader_of(TokenStore(tmp_path / "train.arrow"))

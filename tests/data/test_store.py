"""The token store: what goes in comes out, as views; damage is found."""

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transduce.data.store import BLOCK, StoreWriter, TokenStore

ROWS = st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=8), max_size=20)


def write(path: Path, source: list[list[int]], target: list[list[int]]) -> TokenStore:
    with StoreWriter(path, ["source", "target"]) as writer:
        writer.write({"source": s, "target": t} for s, t in zip(source, target, strict=True))
    return TokenStore(path)


@given(ROWS, st.data())
def test_rows_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[list[int]], data: st.DataObject) -> None:
    store = write(tmp_path_factory.mktemp("store") / "s.arrow", rows, [row[::-1] for row in rows])
    assert len(store) == len(rows) and store.columns == ("source", "target")
    assert store.lengths("source").tolist() == [len(row) for row in rows]
    wanted = data.draw(st.lists(st.integers(0, len(rows) - 1))) if rows else []
    indices = np.array(wanted, np.int64)
    assert [row.tolist() for row in store.rows("source", indices)] == [rows[place] for place in wanted]
    assert [row.tolist() for row in store.rows("target", indices)] == [rows[place][::-1] for place in wanted]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[TokenStore, list[list[int]]]:
    """Several record batches, written in blocks of uneven size."""
    lengths = np.random.default_rng(0).integers(0, 30, 3 * BLOCK + 5)
    rows = [list(range(n, n + int(length))) for n, length in enumerate(lengths)]
    path = tmp_path_factory.mktemp("store") / "large.arrow"
    with StoreWriter(path, ["source", "target"]) as writer:
        for start in range(0, len(rows), 1000):
            writer.write({"source": row, "target": row} for row in rows[start : start + 1000])
    assert writer.rows == len(rows) and writer.tokens == dict.fromkeys(("source", "target"), int(lengths.sum()))
    return TokenStore(path), rows


def test_rows_across_record_batches(large: tuple[TokenStore, list[list[int]]]) -> None:
    store, rows = large
    indices = np.random.default_rng(1).permutation(len(rows))
    assert [row.tolist() for row in store.rows("target", indices)] == [rows[place] for place in indices]
    assert store.lengths("target").tolist() == [len(row) for row in rows]
    assert pa.ipc.open_file(str(store.path)).num_record_batches > 2


def test_rows_are_read_only_views_of_the_file(large: tuple[TokenStore, list[list[int]]]) -> None:
    store, _ = large
    before = pa.total_allocated_bytes()
    views = store.rows("source", np.arange(len(store)))
    assert pa.total_allocated_bytes() <= before  # less, where something of an earlier test is let go of meanwhile
    assert not any(view.flags.owndata or view.flags.writeable for view in views)


def test_a_store_pickles_as_its_path(large: tuple[TokenStore, list[list[int]]]) -> None:
    store, rows = large
    content = pickle.dumps(store)
    assert len(content) < 1000
    assert pickle.loads(content).rows("source", np.array([7]))[0].tolist() == rows[7]


def test_any_arrow_reader_opens_it(tmp_path: Path) -> None:
    write(tmp_path / "s.arrow", [[5, 6], []], [[7], [8, 9]])
    table = pa.ipc.open_file(str(tmp_path / "s.arrow")).read_all()
    assert table.to_pydict() == {"source": [[5, 6], []], "target": [[7], [8, 9]]}


def test_every_truncation_is_found(tmp_path: Path) -> None:
    write(tmp_path / "s.arrow", [[5, 6], [7]] * 3, [[8], [9, 10]] * 3)
    content = (tmp_path / "s.arrow").read_bytes()
    for size in range(0, len(content), 5):
        (tmp_path / "cut.arrow").write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"cut\.arrow: is not a token store or is damaged"):
            TokenStore(tmp_path / "cut.arrow")


def test_flipped_bits_give_an_error_or_rows_but_never_a_crash(tmp_path: Path) -> None:
    write(tmp_path / "s.arrow", [[5, 6], [7]] * 3, [[8], [9, 10]] * 3)
    content = (tmp_path / "s.arrow").read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        (tmp_path / "flipped.arrow").write_bytes(changed)
        try:
            store = TokenStore(tmp_path / "flipped.arrow")
            for column in store.columns:
                assert len(store.rows(column, np.arange(len(store)))) == len(store.lengths(column)) == len(store)
        except ValueError as error:
            assert "flipped.arrow" in str(error)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.arrow").touch()
    (tmp_path / "text.arrow").write_text("source\ttarget\n")
    with pa.OSFile(str(tmp_path / "other.arrow"), "wb") as file:
        table = pa.table({"source": ["a"], "target": ["b"]})
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    for name in ("empty", "text", "other"):
        with pytest.raises(ValueError, match=rf"{name}\.arrow: is not a token store"):
            TokenStore(tmp_path / f"{name}.arrow")
    with pytest.raises(FileNotFoundError):
        TokenStore(tmp_path / "none.arrow")

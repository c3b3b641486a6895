"""The token store: columns of token id lists in one Arrow IPC file, memory-mapped; any Arrow reader opens it.

Letters: N rows.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
from jaxtyping import Int32, Integer

IDS = pa.list_(pa.int32())
BLOCK, BLOCK_TOKENS = 8192, 2_000_000  # of a record batch, about: it is written when it has as many of either
Row = Int32[np.ndarray, " _"]  # token ids


class StoreWriter:
    """Writes a token store in record batches; use as a context manager.

    >>> with StoreWriter(path, ["source", "target"]) as store:
    ...     store.write({"source": [[5, 6], [7]], "target": [[8], [9, 10]]})
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.rows = 0
        self.tokens = dict.fromkeys(columns, 0)
        self._waiting: dict[str, list[Sequence[int]]] = {column: [] for column in columns}
        self._tokens_waiting = 0
        self._schema = pa.schema([pa.field(column, IDS, nullable=False) for column in columns])
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, self._schema)

    def write(self, columns: Mapping[str, Sequence[Sequence[int]]]) -> None:
        """Append rows: as many id lists for every column."""
        lengths = {name: len(columns[name]) for name in self._waiting}
        assert len(set(lengths.values())) == 1, f"expected as many rows in every column, found {lengths}"
        for name, waiting in self._waiting.items():
            waiting.extend(columns[name])
            self._tokens_waiting += sum(map(len, columns[name]))
        if max(map(len, self._waiting.values())) >= BLOCK or self._tokens_waiting >= BLOCK_TOKENS:
            self._flush()

    def _flush(self) -> None:
        batch = pa.record_batch([pa.array(waiting, IDS) for waiting in self._waiting.values()], schema=self._schema)
        self._writer.write_batch(batch)
        self.rows += batch.num_rows
        self._tokens_waiting = 0
        for name, waiting in self._waiting.items():
            self.tokens[name] += len(batch.column(name).values)
            waiting.clear()

    def __enter__(self) -> "StoreWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._flush()
            self._writer.close()


class TokenStore:
    """A token store opened for reading. Rows are read-only views of the mapped file; nothing is loaded before it is
    used.

    ValueError if the file is damaged. Pickles as its path, so loader processes map the file themselves.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            if any(field.type != IDS for field in reader.schema):
                raise pa.ArrowInvalid(f"expected columns of int32 lists, found {reader.schema.to_string()}")
            batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
            for batch in batches:
                batch.validate(full=True)
            self.columns = tuple(reader.schema.names)
            self._offsets = {
                name: [batch.column(name).offsets.to_numpy() for batch in batches] for name in self.columns
            }
            self._values = {name: [batch.column(name).values.to_numpy() for batch in batches] for name in self.columns}
        except FileNotFoundError:
            raise
        except (pa.ArrowException, ValueError, OSError) as error:
            raise ValueError(
                f"{path}: is not a token store, or is damaged ({error}); prepare the data again"
            ) from error
        self._starts = np.cumsum([0] + [batch.num_rows for batch in batches])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __reduce__(self) -> tuple[type["TokenStore"], tuple[Path]]:
        return TokenStore, (self.path,)

    def lengths(self, column: str) -> Int32[np.ndarray, " N"]:
        """Tokens of every row of a column."""
        parts = [np.diff(offsets) for offsets in self._offsets[column]]
        return np.concatenate(parts) if parts else np.zeros(0, np.int32)

    def rows(self, column: str, indices: Integer[np.ndarray, " _"]) -> list[Row]:
        """The token ids of the rows at `indices`, in that order: read-only views, one per row."""
        blocks = np.searchsorted(self._starts, indices, side="right") - 1
        places = (indices - self._starts[blocks]).tolist()
        offsets, values = self._offsets[column], self._values[column]
        views = []
        for block, place in zip(blocks.tolist(), places, strict=True):
            begin, end = offsets[block][place : place + 2].tolist()
            views.append(values[block][begin:end])
        return views

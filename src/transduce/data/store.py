"""The token store: columns of token id lists in one Arrow IPC file, memory-mapped; any Arrow reader opens it.

Letters: N rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
from jaxtyping import Int32, Integer

IDS = pa.list_(pa.int32())
BLOCK, BLOCK_TOKENS = 8192, 2_000_000  # rows and tokens at which a record batch is complete
Row = Int32[np.ndarray, " _"]  # token ids


class StoreWriter:
    """Writes a token store in record batches; use as a context manager.

    >>> with StoreWriter(path, ["source", "target"]) as store:
    ...     store.write([{"source": [5, 6], "target": [8]}, {"source": [7], "target": [9, 10]}])
    """

    def __init__(self, path: Path, columns: Iterable[str]) -> None:
        self._flushed_rows = 0
        self.tokens = dict.fromkeys(columns, 0)
        self._waiting: dict[str, list[Sequence[int]]] = {column: [] for column in self.tokens}
        self._schema = pa.schema([pa.field(column, IDS, nullable=False) for column in self.tokens])
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, self._schema)

    def write(self, rows: Iterable[Mapping[str, Sequence[int]]]) -> None:
        """Append rows, each with the ids of every column."""
        columns, tokens = list(self._waiting.items()), 0
        some = columns[0][1]
        for row in rows:
            for name, waiting in columns:
                ids = row[name]
                waiting.append(ids)
                tokens += len(ids)
            if len(some) >= BLOCK or tokens >= BLOCK_TOKENS:
                self._flush()
                tokens = 0

    @property
    def rows(self) -> int:
        """The number of rows so far."""
        return self._flushed_rows + len(next(iter(self._waiting.values())))

    def _flush(self) -> None:
        columns = zip(self._waiting.values(), self._schema, strict=True)
        batch = pa.record_batch([pa.array(waiting, field.type) for waiting, field in columns], schema=self._schema)
        self._writer.write_batch(batch)
        self._flushed_rows += batch.num_rows
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
    """A token store for reading. Rows are read-only views of the memory-mapped file.

    ValueError for a damaged file. Pickles as its path, so loader processes map the file themselves.
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
            raise ValueError(f"{path}: is not a token store or is damaged ({error}); prepare the data again") from error
        self._starts = np.cumsum([0] + [batch.num_rows for batch in batches])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __reduce__(self) -> tuple[type["TokenStore"], tuple[Path]]:
        return TokenStore, (self.path,)

    def lengths(self, column: str) -> Int32[np.ndarray, " N"]:
        """The number of tokens in every row of a column."""
        parts = [np.diff(offsets) for offsets in self._offsets[column]]
        return np.concatenate(parts) if parts else np.zeros(0, np.int32)

    def all_lengths(self) -> dict[str, Int32[np.ndarray, " N"]]:
        """The lengths of every column."""
        return {column: self.lengths(column) for column in self.columns}

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

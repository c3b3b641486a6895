"""The store of rows: columns of lists in one Arrow IPC file, memory-mapped; any Arrow reader opens it.

A column holds lists of int32 (ids of tokens and labels), uint8 (pixels) or float32 (numbers).
Letters: N rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int32, Integer, UInt8

TYPES = {"int32": pa.int32(), "uint8": pa.uint8(), "float32": pa.float32()}
NO_TYPES: Mapping[str, str] = MappingProxyType({})
LISTS = {name: pa.list_(kind) for name, kind in TYPES.items()}
BLOCK, BLOCK_TOKENS = 8192, 2_000_000  # rows and tokens at which a record batch is complete
Row = Int32[np.ndarray, " _"] | UInt8[np.ndarray, " _"] | Float32[np.ndarray, " _"]
Values = Sequence[int] | np.ndarray


class StoreWriter:
    """Writes a store in record batches; use as a context manager. `types` of columns that do not hold int32.

    >>> with StoreWriter(path, ["source", "target"]) as store:
    ...     store.write([{"source": [5, 6], "target": [8]}, {"source": [7], "target": [9, 10]}])
    """

    def __init__(self, path: Path, columns: Iterable[str], types: Mapping[str, str] = NO_TYPES) -> None:
        self._flushed_rows = 0
        self.tokens = dict.fromkeys(columns, 0)
        self._waiting: dict[str, list[Values]] = {column: [] for column in self.tokens}
        lists = {column: LISTS[types.get(column, "int32")] for column in self.tokens}
        self._schema = pa.schema([pa.field(column, kind, nullable=False) for column, kind in lists.items()])
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, self._schema)

    def write(self, rows: Iterable[Mapping[str, Values]]) -> None:
        """Append rows, each with the ids or numbers of every column."""
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
        batch = pa.record_batch([_array(waiting, field.type) for waiting, field in columns], schema=self._schema)
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


def _array(waiting: list[Values], kind: pa.DataType) -> pa.Array:
    if not any(isinstance(each, np.ndarray) for each in waiting):
        return pa.array(waiting, kind)
    ends = np.cumsum([0, *map(len, waiting)], dtype=np.int32)
    values = np.concatenate(waiting, dtype=kind.value_type.to_pandas_dtype(), casting="same_kind")
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(values), type=kind)


class TokenStore:
    """A store for reading. Rows are read-only views of the memory-mapped file.

    ValueError for a damaged file. Pickles as its path, so loader processes map the file themselves.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            if any(field.type not in LISTS.values() for field in reader.schema):
                expected = ", ".join(LISTS)
                raise pa.ArrowInvalid(f"expected columns of lists of {expected}, found {reader.schema.to_string()}")
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
        """The number of ids or numbers in every row of a column."""
        parts = [np.diff(offsets) for offsets in self._offsets[column]]
        return np.concatenate(parts) if parts else np.zeros(0, np.int32)

    def all_lengths(self) -> dict[str, Int32[np.ndarray, " N"]]:
        """The lengths of every column."""
        return {column: self.lengths(column) for column in self.columns}

    def rows(self, column: str, indices: Integer[np.ndarray, " _"]) -> list[Row]:
        """The rows at `indices`, in that order: read-only views, one per row."""
        blocks = np.searchsorted(self._starts, indices, side="right") - 1
        places = (indices - self._starts[blocks]).tolist()
        offsets, values = self._offsets[column], self._values[column]
        views = []
        for block, place in zip(blocks.tolist(), places, strict=True):
            begin, end = offsets[block][place : place + 2].tolist()
            views.append(values[block][begin:end])
        return views

"""Compressed files as streams of the bytes they hold: gzip (`.gz`) and Zstandard (`.zst`), known by extension.

Memory is bounded whatever the file holds. A file that is cut off, damaged or followed by something else is an error,
never a shorter text; so is one that unpacks to more than text ever does (a decompression bomb).
"""

import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import zstandard

TAKEN = 2048  # bytes unpacked at once: a zstd file can hold 32,768 times as many, so that is 64 MiB at most
BUFFER = 1 << 20
MOST_BYTES = 200 * 10**9  # of a file when unpacked
MOST_RATIO, RATIO_FROM = 1000, 5 * 10**8  # unpacked bytes per packed one, and from how many unpacked ones on it counts
LARGEST_WINDOW = 1 << 27  # bytes that unpacking zstd may look back; the command `zstd` has the same limit


class Unpacker(Protocol):
    """What unpacks one member (gzip) or frame (zstd)."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class Compression(NamedTuple):
    """A way of compressing: its name, how its files begin, what unpacks them, and the bytes that may fill them up."""

    name: str
    starts: tuple[bytes, ...]
    unpacker: Callable[[], Unpacker]
    filler: bytes = b""


COMPRESSIONS = {
    # zeros behind the last member come from tapes and block devices; the command `gzip` leaves them out too
    ".gz": Compression("gzip", (b"\x1f\x8b",), lambda: zlib.decompressobj(zlib.MAX_WBITS | 16), b"\0"),
    ".zst": Compression(
        "zstd",
        (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + kind]) + b"\x2a\x4d\x18" for kind in range(16))),  # frames to be skipped
        lambda: zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).decompressobj(),
    ),
}


def unpacked_name(path: Path) -> Path:
    """The name without the extension of a compression: `unpacked_name(Path("a.csv.gz")) == Path("a.csv")`."""
    return path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path


def unpacked(stream: BufferedReader, path: Path) -> BufferedReader:
    """What an open file holds, unpacked if its name says that it is compressed; closing it closes the file.

    ValueError, naming the file, if it is not what its name says; later, from reading, if it is damaged or cut off.
    """
    compression = COMPRESSIONS.get(path.suffix.lower())
    if compression is None:
        return stream
    if not stream.peek(4).startswith(compression.starts):
        raise ValueError(
            f"{path}: is not compressed with {compression.name}, as its name says; rename it, or get it again"
        )
    return BufferedReader(Unpacked(stream, path, compression), BUFFER)


def bytes_taken(stream: BufferedReader) -> int:
    """How many bytes of its file a stream has read so far."""
    return stream.raw.taken if isinstance(stream.raw, Unpacked) else stream.tell()


class Unpacked(RawIOBase):
    """The bytes that a compressed file holds. `taken` counts those of the file itself."""

    def __init__(self, packed: BufferedReader, path: Path, compression: Compression) -> None:
        self.taken = 0
        self._given = 0
        self._packed, self._path, self._compression = packed, path, compression
        self._blocks = self._unpack()
        self._waiting = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fills the buffer, or as much of it as there is."""
        view, filled = memoryview(buffer), 0
        while filled < len(view):
            if not self._waiting:
                block = next(self._blocks, None)
                if block is None:
                    break
                self._waiting = memoryview(block)
            part = self._waiting[: len(view) - filled]
            view[filled : filled + len(part)] = part
            self._waiting = self._waiting[len(part) :]
            filled += len(part)
        return filled

    def close(self) -> None:
        self._packed.close()
        super().close()

    def _unpack(self) -> Iterator[bytes]:
        unpacker: Unpacker | None = None
        while chunk := self._packed.read(TAKEN):
            self.taken += len(chunk)
            while chunk := chunk if unpacker else chunk.lstrip(self._compression.filler):
                unpacker = unpacker or self._compression.unpacker()
                try:
                    block = unpacker.decompress(chunk)
                except (zlib.error, zstandard.ZstdError) as error:
                    raise ValueError(f"{self._path}: {self._refusal(error)}") from None
                self._given += len(block)
                self._refuse_bomb()
                yield block
                chunk = b""
                if unpacker.eof:
                    chunk, unpacker = unpacker.unused_data, None
        if unpacker is not None:
            raise ValueError(
                f"{self._path}: the {self._compression.name} file ends too early, as if it was cut off; get it again"
            )

    def _refusal(self, error: Exception) -> str:
        if "too much memory" in str(error):  # a whole file, packed with `zstd --long`
            window = LARGEST_WINDOW >> 20
            return f"unpacking it needs a window of more than {window} MiB; unpack it yourself, with zstd -d --long=31"
        return f"the {self._compression.name} file is damaged ({error}); get it again"

    def _refuse_bomb(self) -> None:
        bomb = self._given > RATIO_FROM and self._given > MOST_RATIO * self.taken
        if bomb or self._given > MOST_BYTES:
            raise ValueError(
                f"{self._path}: {self.taken:,} bytes of it unpack to more than {self._given:,}, which looks like a "
                f"decompression bomb; at most {MOST_BYTES:,} bytes and {MOST_RATIO:,} times the file's size are read. "
                "If it is meant to be so, unpack it yourself"
            )

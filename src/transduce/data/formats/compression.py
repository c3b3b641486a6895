"""Compressed files as streams of their content: gzip (`.gz`) and Zstandard (`.zst`), by extension.

Memory is bounded for every content. A truncated or damaged file, and one with trailing data, is an error, never a
shorter text; so is one that unpacks to far more bytes than text does (a decompression bomb).
"""

import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import zstandard

CHUNK = 2048  # bytes to unpack at once: zstd can unpack to 32,768 times as many, 64 MiB
BUFFER = 1 << 20
MOST_BYTES = 200 * 10**9  # of a file when unpacked
MOST_RATIO, RATIO_FROM = (
    1000,
    5 * 10**8,
)  # unpacked bytes per packed byte, and unpacked bytes from which the limit applies
LARGEST_WINDOW = 1 << 27  # bytes of zstd's window; the command `zstd` has the same limit


class Unpacker(Protocol):
    """Unpacks one member (gzip) or frame (zstd)."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class Compression(NamedTuple):
    """A compression: its name, the first bytes of its files, its unpacker, and the bytes of trailing padding."""

    name: str
    starts: tuple[bytes, ...]
    unpacker: Callable[[], Unpacker]
    filler: bytes = b""


COMPRESSIONS = {
    # zeros after the last member come from tapes and block devices; the command `gzip` ignores them too
    ".gz": Compression("gzip", (b"\x1f\x8b",), lambda: zlib.decompressobj(zlib.MAX_WBITS | 16), b"\0"),
    ".zst": Compression(
        "zstd",
        (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + kind]) + b"\x2a\x4d\x18" for kind in range(16))),  # skippable frames
        lambda: zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).decompressobj(),
    ),
}


def unpacked_name(path: Path) -> Path:
    """The name without the extension of a compression: `unpacked_name(Path("a.csv.gz")) == Path("a.csv")`."""
    return path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path


def unpacked(stream: BufferedReader, path: Path) -> BufferedReader:
    """The content of an open file, unpacked if its extension is that of a compression; `close` closes the file too.

    ValueError, naming the file, if extension and content differ; later, from reading, for damaged or truncated data.
    """
    compression = COMPRESSIONS.get(path.suffix.lower())
    if compression is None:
        return stream
    if not stream.peek(4).startswith(compression.starts):
        raise ValueError(
            f"{path}: is not compressed with {compression.name}, as its name says; rename it, or get it again"
        )
    return BufferedReader(Unpacked(stream, path, compression), BUFFER)


def bytes_read(stream: BufferedReader) -> int:
    """The number of bytes of its file that a stream has read so far."""
    return stream.raw.packed_bytes if isinstance(stream.raw, Unpacked) else stream.tell()


class Unpacked(RawIOBase):
    """The content of a compressed file. `packed_bytes` counts the bytes that it has read of the file."""

    def __init__(self, packed: BufferedReader, path: Path, compression: Compression) -> None:
        self.packed_bytes = 0
        self._unpacked_bytes = 0
        self._packed, self._path, self._compression = packed, path, compression
        self._blocks = self._unpack()
        self._waiting = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fills the buffer, or its beginning at the end of the file."""
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
        while chunk := self._packed.read(CHUNK):
            self.packed_bytes += len(chunk)
            while chunk := chunk if unpacker else chunk.lstrip(self._compression.filler):
                unpacker = unpacker or self._compression.unpacker()
                try:
                    block = unpacker.decompress(chunk)
                except (zlib.error, zstandard.ZstdError) as error:
                    raise ValueError(f"{self._path}: {self._refusal(error)}") from None
                self._unpacked_bytes += len(block)
                self._refuse_bomb()
                yield block
                chunk = b""
                if unpacker.eof:
                    chunk, unpacker = unpacker.unused_data, None
        if unpacker is not None:
            raise ValueError(
                f"{self._path}: the {self._compression.name} file ends too early, as if truncated; get it again"
            )

    def _refusal(self, error: Exception) -> str:
        if "too much memory" in str(error):  # a whole file, packed with `zstd --long`
            window = LARGEST_WINDOW >> 20
            return f"unpacking it needs a window of more than {window} MiB; unpack it yourself, with zstd -d --long=31"
        return f"the {self._compression.name} file is damaged ({error}); get it again"

    def _refuse_bomb(self) -> None:
        bomb = self._unpacked_bytes > RATIO_FROM and self._unpacked_bytes > MOST_RATIO * self.packed_bytes
        if bomb or self._unpacked_bytes > MOST_BYTES:
            raise ValueError(
                f"{self._path}: {self.packed_bytes:,} bytes of it unpack to more than {self._unpacked_bytes:,}, which looks like "
                f"a decompression bomb; the limits are {MOST_BYTES:,} bytes and {MOST_RATIO:,} times the file's size. "
                "If the file is right, unpack it yourself"
            )

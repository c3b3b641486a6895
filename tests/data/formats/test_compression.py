"""Compressed files: the same bytes as unpacked ones; whatever is cut, damaged or a bomb is refused by name."""

import gzip
import hashlib
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pairs import aligned
from pairs import pairs as read_pairs
from transduce.data.config import Corpus
from transduce.data.findings import Findings
from transduce.data.formats import compression
from transduce.data.formats.lines import LineRules, facts, lines, open_text

Pack = Callable[[bytes], bytes]


def pzstd(content: bytes) -> bytes:
    """Two frames and two to be skipped, as parallel compressors write them; one frame does not say its size."""
    skipped = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
    half = len(content) // 2
    stream = zstandard.ZstdCompressor().compressobj()
    second = stream.compress(content[half:]) + stream.flush()
    return skipped + zstandard.compress(content[:half]) + skipped + second


def members(content: bytes) -> bytes:
    """Several gzip members, one of them empty, as `cat a.gz b.gz` makes them."""
    half = len(content) // 2
    return gzip.compress(content[:half]) + gzip.compress(b"") + gzip.compress(content[half:])


PACKS: dict[str, tuple[str, Pack]] = {
    "gzip": (".gz", gzip.compress),
    "gzip members": (".gz", members),
    "zstd": (".zst", zstandard.compress),
    "zstd frames": (".zst", pzstd),
    "upper case": (".GZ", gzip.compress),
}
TEXT = "".join(f"line {n} ü 日本\n" for n in range(40)).encode()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("pack", PACKS)
@given(content=st.binary(min_size=1, max_size=4000).filter(lambda content: b"\0" not in content))  # no UTF-16
def test_reading_gives_the_bytes_that_were_packed(
    tmp_path_factory: pytest.TempPathFactory, pack: str, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("packed")
    extension, compress = PACKS[pack]
    path = write(folder / f"corpus.en{extension}", compress(b"x" + content))
    with open_text(path) as stream:
        assert stream.read() == b"x" + content
    found, plain = facts(path, empty=True), facts(write(folder / "corpus.en", b"x" + content), empty=True)
    assert (found.lines, found.sha256) == (plain.lines, plain.sha256)


@pytest.mark.parametrize("pack", PACKS)
def test_all_formats_may_be_packed(tmp_path: Path, pack: str) -> None:
    extension, compress = PACKS[pack]
    pairs = [(f"source {n}", f"ziel {n}") for n in range(500)]
    contents = {
        "pairs.tsv": "".join(f"{source}\t{target}\n" for source, target in pairs),
        "pairs.csv": "source,target\n" + "".join(f"{source},{target}\n" for source, target in pairs),
        "pairs.jsonl": "".join(json.dumps({"source": source, "target": target}) + "\n" for source, target in pairs),
        "side.en": "".join(f"{source}\n" for source, _ in pairs),
        "side.de": "".join(f"{target}\n" for _, target in pairs),
    }
    paths = {name: write(tmp_path / f"{name}{extension}", compress(text.encode())) for name, text in contents.items()}
    corpora = [Corpus(file=paths[name]) for name in ("pairs.tsv", "pairs.csv", "pairs.jsonl")]
    for corpus in [*corpora, aligned(paths["side.en"], paths["side.de"])]:
        assert [pair[:2] for pair in read_pairs(corpus, LineRules(), Findings())] == pairs
    assert list(lines(paths["side.de"])) == [target for _, target in pairs]


@pytest.mark.parametrize("pack", ["gzip", "zstd"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, pack: str) -> None:
    extension, compress = PACKS[pack]
    whole = compress(TEXT)
    for end in range(len(whole)):
        path = write(tmp_path / f"corpus.en{extension}", whole[:end])
        for read in (facts, lambda path: list(lines(path))):
            with pytest.raises(ValueError, match=rf"corpus\.en\{extension}: (.*ends too early|is not compressed with)"):
                read(path)
    assert facts(write(path, whole)).lines == 40


@pytest.mark.parametrize("pack", ["gzip members", "zstd frames"])
def test_several_parts_are_never_cut_silently_but_between_them(tmp_path: Path, pack: str) -> None:
    extension, compress = PACKS[pack]
    whole = compress(TEXT)
    kept = set()
    for end in range(4, len(whole)):
        try:
            kept.add(facts(write(tmp_path / f"corpus.en{extension}", whole[:end])).sha256)
        except ValueError as error:
            assert f"corpus.en{extension}" in str(error)
    assert kept <= {hashlib.sha256(TEXT[: len(TEXT) // 2]).hexdigest()}  # a first part alone is a whole file too


def test_zeros_behind_a_gzip_file_are_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "f.txt.gz"
    path.write_bytes(gzip.compress(b"one\n") + bytes(4000) + gzip.compress(b"two\n") + bytes(512))
    with open_text(path) as stream:
        assert stream.read() == b"one\ntwo\n" == gzip.decompress(path.read_bytes())


@pytest.mark.parametrize("pack", ["gzip", "zstd"])
def test_damage_is_refused_or_changes_nothing(tmp_path: Path, pack: str) -> None:
    """gzip has a checksum; zstd files have one if written so, as the command `zstd` does."""
    extension, compress = PACKS[pack]
    if pack == "zstd":
        compress = zstandard.ZstdCompressor(write_checksum=True).compress
    whole = compress(TEXT)
    for place in range(len(whole)):
        path = write(
            tmp_path / f"corpus.en{extension}", whole[:place] + bytes([whole[place] ^ 0x11]) + whole[place + 1 :]
        )
        try:
            with open_text(path) as stream:
                assert stream.read() == TEXT  # a flag or a date in the header
        except ValueError as error:
            assert f"corpus.en{extension}: " in str(error)


@pytest.mark.parametrize("pack", ["gzip", "zstd"])
@pytest.mark.parametrize("rest", [b"junk", b"\n", TEXT])
def test_what_follows_an_archive_is_refused(tmp_path: Path, pack: str, rest: bytes) -> None:
    extension, compress = PACKS[pack]
    with pytest.raises(ValueError, match=r"is damaged|ends too early"):
        facts(write(tmp_path / f"corpus.en{extension}", compress(TEXT) + rest))


def packed(content: bytes) -> bytes:
    """Without the time of day, as parallel test processes must find the same parameters."""
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.gz", b"plain text", "not compressed with gzip, as its name says"),
        ("a.zst", b"plain text", "not compressed with zstd, as its name says"),
        ("a.gz", zstandard.compress(b"text"), "not compressed with gzip"),
        ("a.gz", b"", "not compressed with gzip"),
        ("a.gz", packed(b""), "the file is empty"),
        ("a.zst", zstandard.compress(b""), "the file is empty"),
        ("a.gz", packed(packed(b"text")), r"is compressed \(gzip\)"),
        ("a.gz", packed("text".encode("utf-16")), "UTF-16"),
        ("a.en", packed(b"text"), r"is compressed \(gzip\), not UTF-8 text; name it \.gz or unpack it"),
        ("a.en", zstandard.compress(b"text"), r"is compressed \(zstd\), not UTF-8 text; name it \.zst or unpack it"),
    ],
)
def test_files_that_are_not_what_their_name_says(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}: .*{words}"):
        facts(write(tmp_path / name, content))


@pytest.mark.parametrize("pack", ["gzip", "zstd"])
def test_a_bomb_is_refused_in_little_memory(tmp_path: Path, pack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    extension, compress = PACKS[pack]
    monkeypatch.setattr(compression, "RATIO_FROM", 10_000_000)
    monkeypatch.setattr(compression, "MOST_RATIO", 500)
    path = write(tmp_path / f"bomb.en{extension}", compress(b"\0" * 200_000_000))
    tracemalloc.start()
    with pytest.raises(ValueError, match=rf"bomb\.en\{extension}: .*decompression bomb"):
        facts(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="the limits are 1,000 bytes"):
        facts(write(tmp_path / "a.gz", gzip.compress(b"abc\n" * 300)))
    assert facts(write(tmp_path / "a.gz", gzip.compress(b"abc\n" * 200))).lines == 200


def test_a_window_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=28)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    content = packer.compress(b"text\n" * 100_000) + packer.flush()
    with pytest.raises(ValueError, match=r"needs a window of more than 128 MiB; unpack it yourself"):
        facts(write(tmp_path / "a.zst", content))


def test_progress_hears_the_bytes_of_the_file(tmp_path: Path) -> None:
    content = b"".join(b"%d\n" % (n * 7919 % 1_000_003) for n in range(500_000))
    for path in (
        write(tmp_path / "a", content),
        write(tmp_path / "a.gz", gzip.compress(content)),
        write(tmp_path / "a.zst", zstandard.compress(content)),
    ):
        heard: list[int] = []
        facts(path, heard.append)
        assert sum(heard) == path.stat().st_size and len(heard) > 1


def test_closing_closes_the_file(tmp_path: Path) -> None:
    stream = open_text(write(tmp_path / "a.gz", gzip.compress(b"text")))
    assert isinstance(stream.raw, compression.Unpacked)
    packed = stream.raw._packed
    stream.close()
    assert packed.closed and isinstance(packed, io.BufferedReader)

"""Lines: where they end, what is cleaned and counted, what stops reading; and how much memory a long one takes."""

import hashlib
import io
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transduce.data.findings import Findings
from transduce.data.formats.conversion import to_utf8
from transduce.data.formats.lines import BadLine, LineRules, aligned, facts, lines, open_text, stream_lines

DROP = LineRules("drop")


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def read(content: bytes, limit: int = 100) -> tuple[list[str | BadLine], Findings]:
    findings = Findings()
    return list(stream_lines(io.BytesIO(content), "f", limit, findings)), findings


@given(st.lists(st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"])), min_size=1))
def test_lines_end_at_newline_only(texts: list[str]) -> None:
    """Whatever else splitlines() would split at (\\x0b, \\x0c, \\x1c, \\x85, \\u2028, a lone \\r) is part of a line."""
    kept = [text.removeprefix("\ufeff") if number == 0 else text for number, text in enumerate(texts)]
    found, _ = read("".join(text + "\n" for text in texts).encode(), limit=10_000)
    assert found == [text.removesuffix("\r") for text in kept]


def test_last_line_without_newline_is_a_line() -> None:
    assert read(b"a\nb")[0] == ["a", "b"]
    assert read(b"a\n\n")[0] == ["a", ""]
    assert read(b"")[0] == []


def test_byte_order_mark_and_carriage_returns_are_removed_and_counted() -> None:
    found, findings = read(b"\xef\xbb\xbfone\r\ntwo\r\nmid\rdle\nlast\r")
    assert found == ["one", "two", "mid\rdle", "last"]
    assert findings.noted.counts == {"byte order mark removed": 1, "carriage return removed": 3}
    assert findings.noted.tree()["carriage return removed"]["examples"][-1] == {"where": "f:4"}
    found, findings = read(b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\nth\xef\xbb\xbfree\n")  # two files joined
    assert found == ["one", "two", "th\ufeffree"]
    assert findings.noted.counts == {"byte order mark removed": 2}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"caf\xe9", "invalid UTF-8"),
        (b"\xed\xa0\x80", "invalid UTF-8"),  # half of a surrogate pair
        (b"\xc0\xaf", "invalid UTF-8"),  # an overlong slash
        (b"a\0b", "NUL character"),
        (b"x" * 101, "line too long"),
        (b"x" * 5000, "line too long"),
    ],
)
def test_bad_lines_are_named_and_reading_goes_on_at_the_next_line(line: bytes, reason: str) -> None:
    for end in (b"\n", b"\r\n"):
        found, _ = read(b"good\n" + line + end + b"next\n")
        assert found[0] == "good" and found[2:] == ["next"]
        assert isinstance(found[1], BadLine) and found[1][:2] == ("f:2", reason)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"", b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize(("length", "good"), [(99, True), (100, True), (101, False), (102, False), (106, False)])
def test_limit_counts_the_text_alone(start: bytes, end: bytes, length: int, good: bool) -> None:
    found, _ = read(start + b"x" * length + end)
    assert len(found) == 1 and (found[0] == "x" * length) == good
    if end.endswith(b"\n"):
        assert read(start + b"x" * length + end + b"next")[0][1:] == ["next"]


def test_memory_of_a_long_line_is_bounded(tmp_path: Path) -> None:
    with (tmp_path / "long").open("wb") as stream:
        stream.write(b"short\n")
        for _ in range(30):
            stream.write(b"x" * 1_000_000)
        stream.write(b"\nafter\n")
    tracemalloc.start()
    rows = [row for _, row in aligned([tmp_path / "long"], LineRules("drop", 100_000), Findings())]
    assert facts(tmp_path / "long").lines == 3
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == [("short",), ("after",)]
    assert peak < 4_000_000, f"{peak:,} bytes for a line of 30,000,000"


@given(st.binary(max_size=300).filter(lambda content: b"\0" not in content))
def test_facts_agree_with_reading(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = write(tmp_path_factory.mktemp("facts") / "f", b"x" + content)
    found = facts(path, empty=True)
    assert found.lines == len(list(stream_lines(io.BytesIO(b"x" + content), "f", 10, Findings())))
    assert found.lines == len(list(io.BytesIO(b"x" + content)))
    assert found.sha256 == hashlib.sha256(b"x" + content).hexdigest()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("hallo\n".encode("utf-16"), "UTF-16 text.* iconv -f UTF-16 -t UTF-8 < .*corpus.en > .*new-corpus.en"),
        (b"\xfe\xff" + "hallo\n".encode("utf-16-be"), "UTF-16"),
        ("hallo\n".encode("utf-32"), "UTF-32"),
        ("hallo\n".encode("utf-16-le"), "iconv -f UTF-16LE"),
        ("Привет, мир. Это текст.\n".encode("utf-16-be") * 9, "iconv -f UTF-16BE"),
        (b"one\rtwo\rthree\r", r"is one line with 3 carriage returns.* tr '\\r' '\\n' < .*corpus.en >"),
        (b"\x1f\x8b\x08\x00rest", "gzip"),
        (b"PK\x03\x04rest", "zip"),
        (b"", "is empty"),
    ],
)
def test_files_that_are_no_text_are_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    path = write(tmp_path / "corpus.en", content)
    with pytest.raises(ValueError, match=rf"corpus\.en: .*{words}"):
        facts(path)


def test_missing_files_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in ((tmp_path / "none", "no such file"), (tmp_path, "folder"), (tmp_path / "pipe", "pipe")):
        with pytest.raises(ValueError, match=words):
            open_text(path)


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path / "secret", b"x")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ValueError, match=r"secret: cannot be read \(Permission denied\)"):
        open_text(path)


def test_lines_of_one_file_stop_at_a_bad_one(tmp_path: Path) -> None:
    assert list(lines(write(tmp_path / "good", b"a\n\nb"))) == ["a", "", "b"]
    with pytest.raises(ValueError, match=r"bad:2: invalid UTF-8 \(0xff at byte 3 of the line\)"):
        list(lines(write(tmp_path / "bad", b"a\nbc\xff\n")))


def test_unequal_files_name_both_full_counts(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.en", b"1\n2\n3\n4\n5"), write(tmp_path / "a.de", b"1\n2\n")
    with pytest.raises(ValueError, match=r"a\.en has 5.*a\.de has 2"):
        list(aligned([a, b], LineRules(), Findings()))


def test_a_bad_line_drops_its_partner_too_and_keeps_the_rest_aligned(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", b"1\n\xff\n3\n4\n"), write(tmp_path / "b", b"1\n2\n3\n\0\n")
    findings = Findings()
    assert list(aligned([a, b], DROP, findings)) == [(1, ("1", "1")), (3, ("3", "3"))]
    assert findings.dropped.counts == {"invalid UTF-8": 1, "NUL character": 1}
    with pytest.raises(ValueError, match=r'a:2: invalid UTF-8 .*bad-lines = "drop"'):
        list(aligned([a, b], LineRules(), Findings()))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Schöne Grüße aus Köln – „danke“".encode("cp1252"),
            "looks like WINDOWS-1252.* iconv -f WINDOWS-1252 -t UTF-8 <",
        ),
        ("Привет, мир".encode("cp1251"), "another encoding, convert it: iconv -f ENCODING"),
        ("中文文本".encode("gbk"), "another encoding, convert it: iconv -f ENCODING"),
        ("Grüße und ein defektes Byte".encode() + b"\xe4", "another encoding, convert it: iconv -f ENCODING"),
    ],
)
def test_the_message_names_the_likely_encoding(tmp_path: Path, text: bytes, words: str) -> None:
    path = write(tmp_path / "a.en", b"fine\n" + text + b"\n")
    with pytest.raises(ValueError, match=rf"a\.en:2: invalid UTF-8.*{words}.*; otherwise correct the line"):
        list(lines(path))


def test_a_compressed_file_is_unpacked_before_its_conversion() -> None:
    assert to_utf8("my texts/a.tsv.gz", "UTF-16") == (
        "convert it: zcat 'my texts/a.tsv.gz' | iconv -f UTF-16 -t UTF-8 > 'my texts/new-a.tsv'"
    )


def test_carriage_returns_within_lines_and_documents_stay(tmp_path: Path) -> None:
    assert facts(write(tmp_path / "a", b"one\rtwo\rthree\nfour\n")).lines == 2
    assert facts(write(tmp_path / "a", b"one\r\n")).lines == 1
    assert facts(write(tmp_path / "a", b"one\rtwo\rthree"), empty=True).lines == 1

"""Files that are not TOML are refused with the place."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from transduce import config
from transduce.config.toml import inline


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = 1\nb = \n", ":2:5: not TOML: Invalid value"),
        (b"a = 1\na = 2\n", ":2:6: not TOML: Cannot overwrite a value"),
        (b"a = [1,\n", ":2:1: not TOML: "),
        (b"a = 1\nb = 'caf\xe9'\n", ":2:9: not UTF-8: byte 0xe9; expected a TOML file"),
        (b"a = " + b"[" * 10_000, ": not TOML: nested too deeply"),
        (b"a = " + b"9" * 10_000, ": not TOML: "),
        (b"\x00\x01", ":1:1: not TOML: "),
        (b"#" * (2 * 2**20 + 1), ": is larger than 2097152 bytes, expected a TOML file"),
        (b"b = 1\n" + b".".join([b"a"] * 500_000) + b" = 1", ":2: a key has more than 100 parts"),
        (b"[" + b" . ".join([b'"a b"'] * 100_000) + b"]", ":1: a key has more than 100 parts"),
        (b".".join([b'"\\""'] * 100_000) + b" = 1", ":1: a key has more than 100 parts"),
        (b".".join([b"a"] * 60) + b" = 1", ": not TOML: tables are nested more than 20 deep"),
        (b"a = " + b"[" * 30 + b"]" * 30, ": not TOML: tables are nested more than 20 deep"),
    ],
)
def test_files_that_are_not_toml_are_refused_with_the_place(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        config.read(path)
    assert str(caught.value).startswith(f"{path}{message}")


def test_keys_in_messages_are_quoted_where_they_must_be() -> None:
    assert inline({"a-b": 1, "\x1b]0;x": {"c d": True}}) == '{ a-b = 1, "\\u001b]0;x" = { "c d" = true } }'


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"absent.toml: no such file$"):
        config.read(tmp_path / "absent.toml")
    with pytest.raises(ValueError, match=r": is a folder, expected a TOML file$"):
        config.read(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"cannot be read: Not a directory$"):
        config.read(tmp_path / "file" / "run.toml")


def test_a_byte_order_mark_and_carriage_returns_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 'x'\r\n")
    assert config.read(path) == {"a": 1, "b": "x"}


@dataclass(frozen=True)
class Files:
    file: Annotated[Path, "a file"]
    others: Annotated[tuple[Path, ...], "more files"] = ()


ADVICE = "in double quotes a backslash begins an escape: write a Windows path in single quotes, "


@pytest.mark.parametrize(
    ("line", "example"),
    [
        (r'file = "C:\data\pairs.tsv"', r"C:\data\pairs.tsv"),
        (r'file = "C:\Users\me\train.tsv"', r"C:\Users\me\train.tsv"),
        (r'file = "C:\umlaute.tsv"', r"C:\umlaute.tsv"),
        (r'file = "C:\U0011ffff"', r"C:\U0011ffff"),
        ('file = "C:\\new\\"', "C:\\new\\"),
        (r'file = "C:\new\train.tsv"', r"C:\new\train.tsv"),
        (r'file = "a.tsv"; others = ["b.tsv", "C:\text\b.tsv"]'.replace("; ", "\n"), r"C:\text\b.tsv"),
    ],
)
def test_a_windows_path_in_double_quotes_gets_advice(tmp_path: Path, line: str, example: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f"# a comment\n{line}\n")
    with pytest.raises(ValueError) as caught:
        config.build(Files, config.read(path), str(path))
    assert str(caught.value).endswith(f"{ADVICE}'{example}', or with /") and f"{path}:" in str(caught.value)
    path.write_text(line.replace('"', "'"))
    assert str(config.build(Files, config.read(path), str(path)).file) in line


def test_a_windows_path_of_set_gets_advice() -> None:
    assert config.override({}, [r"file=C:\new\train.tsv"]) == {"file": r"C:\new\train.tsv"}
    with pytest.raises(
        ValueError, match=r"^--set: the value of file is not TOML: Unescaped .*single quotes, 'C:\\data'"
    ):
        config.override({}, [r'file="C:\data"'])
    with pytest.raises(ValueError, match=r"--set: file has control characters.*'C:\\new'"):
        config.build(Files, config.override({}, [r'file="C:\new"']), "run.toml")


def test_other_mistakes_in_a_text_get_no_advice_on_paths(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('a = "no end\n')
    with pytest.raises(ValueError, match=r"run.toml:1:12: not TOML: Illegal character '\\n'$"):
        config.read(path)

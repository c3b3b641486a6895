"""CSV: what Python's csv module writes is read back; the header finds the columns; what is wrong is named or dropped."""

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairs import Pair, named, pairs
from transduce.data.config import Columns, Corpus
from transduce.data.findings import Findings
from transduce.data.formats.lines import LineRules

CELL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.sampled_from('",;\n\r\t '))
FILLED = CELL.filter(str.strip)
STOP, DROP = LineRules(), LineRules("drop")


def read(
    path: Path, content: str | bytes, rules: LineRules = STOP, columns: Columns | None = None
) -> tuple[list[Pair], Findings]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    findings = Findings()
    return list(pairs(Corpus(file=path, columns=columns), rules, findings)), findings


def one_line(cell: str) -> str:
    return re.sub("\r?\n", " ", cell)


@given(
    rows=st.lists(st.tuples(FILLED, FILLED, CELL), min_size=1),
    # "unix" quotes everything; told otherwise it leaves carriage returns bare, which the module itself cannot read
    style=st.sampled_from([("excel", csv.QUOTE_MINIMAL), ("excel", csv.QUOTE_ALL), ("unix", csv.QUOTE_ALL)]),
    delimiter=st.sampled_from(",;\t"),
)
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str]],
    style: tuple[str, int],
    delimiter: str,
) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, style[0], quoting=style[1], delimiter=delimiter)  # type: ignore[arg-type]
    writer.writerow(["de", "group", "en"])
    writer.writerows((target, group, source) for source, target, group in rows)
    path = tmp_path_factory.mktemp("csv") / "f.csv"
    found, _ = read(path, buffer.getvalue(), columns=named("en", "de"))
    expected = [tuple(map(one_line, row)) for row in rows]
    assert [pair[:3] for pair in found] == [row for row in expected if row[0].strip() and row[1].strip()]


def test_header_columns_tags_and_places(tmp_path: Path) -> None:
    text = (
        '\ufefflang, en ,de,file\r\nde,one,eins,a.txt\r\n\r\n"de formal","two\r\nor 2",zwei,b.txt\r\n,three,drei,\r\n'
    )
    columns = named("en", "de", "lang", "file")
    found, findings = read(tmp_path / "f.csv", text, columns=columns)
    where = f"{tmp_path}/f.csv"
    assert found == [
        Pair("one", "eins", "a.txt", f"{where}:2", ("de",)),
        Pair("two or 2", "zwei", "b.txt", f"{where}:4", ("de", "formal")),
        Pair("three", "drei", "", f"{where}:6", ()),
    ]
    assert findings.noted.counts["blank line skipped"] == 1
    assert findings.noted.counts["line break in a quoted cell became a space"] == 1


def test_tag_and_group_are_found_by_default_and_can_be_left_out(tmp_path: Path) -> None:
    text = "source,target,tag,group\na,b,de,g\n"
    assert read(tmp_path / "f.csv", text)[0][0][2:5:2] == ("g", ("de",))
    assert read(tmp_path / "f.csv", text, columns=named(tag="", group=""))[0][0][2:5:2] == ("", ())
    assert read(tmp_path / "f.csv", "source,target\na,b\n")[0][0][2:5:2] == ("", ())


@pytest.mark.parametrize(
    ("header", "columns", "words"),
    [
        ("en,de,lang", named(), r"has no column 'source'; .*found 'en', 'de', 'lang'"),
        ("Source,target", named(), "has no column 'source'; did you mean 'Source'"),
        ("en,de", named("en", "de", "lang"), "has no column 'lang'"),
        ("en,de", named("en", "de", group="group"), "has no column 'group'"),
        ("en,de,de", named("en", "de"), "2 columns are called 'de'"),
        ("en:de", named("en", "de"), "has no column 'en'; .*found 'en:de'"),
        ("", named(), "has no header"),
        ("\xff", named(), "invalid UTF-8"),
    ],
)
def test_a_header_without_the_columns(tmp_path: Path, header: str, columns: Columns, words: str) -> None:
    content = b"\xff\n" if header == "\xff" else f"{header}\n".encode()
    for rules in (STOP, DROP):
        with pytest.raises(ValueError, match=rf"f\.csv.*{words}"):
            read(tmp_path / "f.csv", content, rules, columns)


@pytest.mark.parametrize(
    ("row", "line", "words"),
    [
        (b"a\n", 3, r"wrong number of columns \(expected 3 as in the header, found 1\)"),
        (b"a,b,c,d\n", 3, "wrong number of columns .*found 4"),
        (b"a,\xff,c\n", 3, "invalid UTF-8"),
        (b'"a\nb \xff","c\nd",e\n', 4, "invalid UTF-8"),
        (b"a,b\0,c\n", 3, "NUL"),
        (b"a,b,<x>\n", 3, "not a tag"),
        (b"a\rb,b,c\n", 3, "not CSV .*new-line character"),
    ],
)
def test_bad_rows_are_named_or_dropped(tmp_path: Path, row: bytes, line: int, words: str) -> None:
    content = b"source,target,tag\ngood,gut,de\n" + row + b"next,naechste,\n"
    with pytest.raises(ValueError, match=rf"f\.csv:{line}: {words}.*correct the line, or set data\.bad-lines"):
        read(tmp_path / "f.csv", content, LineRules(max_line_bytes=200))
    found, findings = read(tmp_path / "f.csv", content, LineRules("drop", 200))
    assert [pair.source for pair in found] == ["good", "next"] and sum(findings.dropped.counts.values()) == 1


def test_damage_within_a_quoted_cell_takes_its_whole_row(tmp_path: Path) -> None:
    content = b'source,target\na,b\n"one\ntwo \xff",",\nx,y"\nc,d\n'
    found, findings = read(tmp_path / "f.csv", content, DROP)
    assert [pair[:2] for pair in found] == [("a", "b"), ("c", "d")]
    assert findings.dropped.counts == {"invalid UTF-8": 1}


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        (b'c,"d\n' + b"e,f\n" * 3, "the file ends within a quoted cell"),
        (b'c,"' + b"x\n" * 150 + b'"\n', "the row has more than 100 characters"),
        (b"c," + b"x" * 500 + b"\n", "the row has more than 100 characters"),
        (b"c," + b"x" * 101, "the row has more than 100 characters"),
    ],
)
def test_a_row_without_an_end_stops_in_any_case(tmp_path: Path, rest: bytes, words: str) -> None:
    """Nothing tells where the next row begins, and a guess could take any part of the file for text or for rows."""
    for rules in (LineRules(max_line_bytes=100), LineRules("drop", 100)):
        with pytest.raises(ValueError, match=rf"f\.csv:3( to \d+)?: {words}: is a quote not closed\?"):
            read(tmp_path / "f.csv", b"source,target\na,b\n" + rest + b"g,h\n", rules)
    assert len(read(tmp_path / "f.csv", b"source,target\na,b\nc," + b"x" * 98, LineRules(max_line_bytes=100))[0]) == 2


def test_a_quote_that_is_not_closed_takes_no_more_than_some_lines(tmp_path: Path) -> None:
    """It ends at the next quote of the file, and all between would become one cell."""
    content = 'source,target\na,b\n5,"inch\n' + "c,d\n" * 999 + '7,inch"\n'
    for rules in (LineRules(), DROP):
        with pytest.raises(ValueError, match=r"f\.csv:3 to 103: the row has more than 100 lines: is a quote"):
            read(tmp_path / "f.csv", content, rules)
    found, findings = read(tmp_path / "f.csv", 'source,target\n5,"inch\nc,d\nx,"y"\ne,f\n', DROP)
    assert [pair[:2] for pair in found] == [("e", "f")]
    (example,) = findings.dropped.tree()["not CSV"]["examples"]
    assert example["where"].endswith("f.csv:2 to 4")


def test_a_row_may_have_as_many_lines_as_the_rules_say(tmp_path: Path) -> None:
    content = 'source,target\n"' + "line\n" * 149 + 'last",b\n'
    found, _ = read(tmp_path / "f.csv", content, LineRules(max_row_lines=150))
    assert found[0].source == "line " * 149 + "last"
    words = r"f\.csv:2 to 151: .* more than 149 lines: .*; if the row is that long, raise data\.max-row-lines"
    with pytest.raises(ValueError, match=words):
        read(tmp_path / "f.csv", content, LineRules(max_row_lines=149))


@pytest.mark.parametrize("start", ["\n", "\n\n", "sep=;\n", "SEP=;\n\n"])
def test_what_spreadsheets_put_before_the_header(tmp_path: Path, start: str) -> None:
    found, _ = read(tmp_path / "f.csv", f"{start}source;target\na;b\n")
    assert [(pair.source, pair.target) for pair in found] == [("a", "b")]
    assert found[0].where.endswith(f":{start.count(chr(10)) + 2}")


def test_cells_longer_than_the_modules_own_limit(tmp_path: Path) -> None:
    long = "word " * 60_000
    found, _ = read(tmp_path / "f.csv", f'source,target\n"{long}",b\n')
    assert found[0].source == long


def test_columns_where_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "f.tsv").write_text("a\tb\n")
    with pytest.raises(ValueError, match=r"f\.tsv: columns is for files with column names, but a \.tsv file has none"):
        list(pairs(Corpus(file=tmp_path / "f.tsv", columns=named("en", "de")), STOP, Findings()))
    with pytest.raises(ValueError, match="columns needs file: aligned files"):
        Corpus(files={"source": Path("a"), "target": Path("b")}, columns=named("en", "de"))


def test_lines_of_spaces_are_blank(tmp_path: Path) -> None:
    found, findings = read(tmp_path / "f.csv", "  \nsource,target\n   \na,b\n \n")
    assert [(pair.source, pair.where.rpartition(":")[2]) for pair in found] == [("a", "4")]
    assert findings.noted.counts["blank line skipped"] == 3


def test_a_header_after_many_blank_lines(tmp_path: Path) -> None:
    for mark in ",;":
        found, _ = read(tmp_path / "f.csv", "\n" * 5000 + f"source{mark}target\na{mark}b\n")
        assert [(pair.source, pair.where.rpartition(":")[2]) for pair in found] == [("a", "5002")]


def test_columns_that_nobody_asked_for_may_be_left_out(tmp_path: Path) -> None:
    content = "source,target,tag,tag\na,b,de,fr\n"
    with pytest.raises(ValueError, match=r"2 columns are called 'tag'; .* columns = \{ tag = \"\" \}"):
        read(tmp_path / "f.csv", content)
    assert len(read(tmp_path / "f.csv", content, columns=named(tag=""))[0]) == 1


def test_a_text_that_is_no_csv_is_shown_in_part(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no column 'source'") as caught:
        read(tmp_path / "f.csv", "word " * 10_000)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize("mark", [",", ";"])
def test_blanks_beside_a_quoted_cell_are_no_text(tmp_path: Path, mark: str) -> None:
    rows = [
        '"source", "target"',
        '"A.", "B, or ""C""; "',
        'plain,  "two\nlines, ""x"", "',
        '"a, ""b"" ", " c"',
        " d , e",
        '"f" ,  " g "  ',
        '"h\ni"  ,"j" ',
    ]
    found, findings = read(tmp_path / "f.csv", "\n".join(row.replace(",", mark) for row in rows) + "\n")
    expected = [("A.", 'B, or "C"; '), ("plain", 'two lines, "x", '), ('a, "b" ', " c"), (" d ", " e")]
    expected += [("f", " g "), ("h i", "j")]
    assert [pair[:2] for pair in found] == [
        (source.replace(",", mark), target.replace(",", mark)) for source, target in expected
    ]
    assert findings.noted.counts["blank beside a quoted cell removed"] == 6  # in the header too


def test_a_blank_before_a_quote_inside_a_cell_stays(tmp_path: Path) -> None:
    found, findings = read(tmp_path / "f.csv", 'source,target\n"he said, ""yes"", twice",5 "inch"\n"a\n, ""b"" c",d\n')
    assert [pair[:2] for pair in found] == [('he said, "yes", twice', '5 "inch"'), ('a , "b" c', "d")]
    assert "blank beside a quoted cell removed" not in findings.noted.counts


def test_blanks_around_names_do_not_count_and_those_of_texts_do(tmp_path: Path) -> None:
    found, _ = read(tmp_path / "f.csv", "source , target, tag\n one, eins , de\n")
    assert [(pair.source, pair.target, pair.tags) for pair in found] == [(" one", " eins ", ("de",))]


def test_text_behind_a_quoted_cell_is_still_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"f\.csv:2: not CSV"):
        read(tmp_path / "f.csv", 'source,target\n"one" two,zwei\n')

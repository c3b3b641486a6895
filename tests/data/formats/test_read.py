"""Examples from aligned files, TSV and JSON Lines, and every way in which a line of those can be wrong."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairs import aligned, named, pairs
from record_types import CLASSIFICATION
from transduce.data.config import Columns, Corpus, DataConfig
from transduce.data.findings import Findings
from transduce.data.formats.lines import LineRules
from transduce.data.formats.read import header_warnings, read_records
from transduce.data.record_keys import read_keys
from transduce.data.scan import find_origins
from transduce.tasks.translation import TRANSLATION

STOP = LineRules()
FIELD = st.text(st.characters(exclude_characters="\0\r\n\t", exclude_categories=["Cs"]), min_size=1).filter(str.strip)


def read(path: Path, content: str | bytes, rules: LineRules = STOP) -> tuple[list[tuple[str, str, str]], Findings]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    findings = Findings()
    return [example[:3] for example in pairs(Corpus(file=path), rules, findings)], findings


@given(st.lists(st.tuples(FIELD, FIELD, FIELD), min_size=1))
def test_all_formats_give_the_same_examples(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("formats")
    for number, name in enumerate(("source", "target", "group")):
        # A leading line keeps a byte order mark that the text itself may begin with.
        (folder / name).write_bytes("".join(f"{line}\n" for line in ["first", *(row[number] for row in rows)]).encode())
    two = aligned(folder / "source", folder / "target", folder / "group")
    expected = [example[:3] for example in pairs(two, LineRules(), Findings())]
    assert expected == [("first",) * 3, *rows]
    everything = [("first",) * 3, *rows]
    assert read(folder / "f.tsv", "".join("\t".join(row) + "\n" for row in everything))[0] == expected
    keys = ("source", "target", "group")
    for ascii_only in (True, False):
        records = [json.dumps(dict(zip(keys, row, strict=True)), ensure_ascii=ascii_only) for row in everything]
        assert read(folder / "f.jsonl", "\n".join(records))[0] == expected


@pytest.mark.parametrize("row", ["source\ttarget", "English\tGerman", "de\ten\tdomain"])
def test_a_first_row_that_looks_like_a_header_is_warned_of(tmp_path: Path, row: str) -> None:
    examples, findings = read(tmp_path / "f.tsv", f"\n{row}\none\teins\nsource\ttarget\n")
    assert len(examples) == 3  # the row stays
    (warning,) = header_warnings(findings)
    assert warning.startswith(f"{tmp_path / 'f.tsv'}:2: the first row looks like a header ({row.split()[0]} -> ")
    assert not list(header_warnings(read(tmp_path / "g.tsv", f"one\teins\n{row}\n")[1]))


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "null", "[1]", '{"a": 1}'])
def test_a_label_that_is_no_value_is_named_or_dropped(tmp_path: Path, value: str) -> None:
    path, findings = tmp_path / "f.jsonl", Findings()
    path.write_text(f'{{"text": "a", "label": 7}}\n{{"text": "b", "label": {value}}}\n')
    with pytest.raises(ValueError, match=r'f\.jsonl:2: (not a label|wrong type) \("label"'):
        list(read_records(Corpus(file=path), CLASSIFICATION.columns, STOP, findings))
    records = read_records(Corpus(file=path), CLASSIFICATION.columns, LineRules("drop"), findings)
    assert [record.values["label"] for record in records] == ["7"]


def test_places_and_optional_groups(tmp_path: Path) -> None:
    path = tmp_path / "f.tsv"
    path.write_text("a\tb\n\nc\td\tg\n")
    found = list(pairs(Corpus(file=path), LineRules(), Findings()))
    assert [(example.group, example.where) for example in found] == [("", f"{path}:1"), ("g", f"{path}:3")]
    assert read(tmp_path / "f.JSONL", '{"target": "b", "source": "a", "id": 7}\n')[0] == [("a", "b", "")]


def test_tabs_are_text_in_aligned_files(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("a\tb\n")
    (tmp_path / "t").write_text("c\n")
    found = list(pairs(aligned(tmp_path / "s", tmp_path / "t"), LineRules(), Findings()))
    assert [example[:2] for example in found] == [("a\tb", "c")]


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("f.tsv", "one column", "wrong number of columns .*found 1 column"),
        ("f.tsv", "a\tb\tc\td\te", "wrong number of columns .*found 5 columns"),
        ("f.jsonl", "{", "not JSON .*column 2"),
        ("f.jsonl", "[" * 100_000, "not JSON"),
        ("f.jsonl", '{"source": "a", "target": ' + "9" * 10_000 + "}", "not JSON"),
        ("f.jsonl", '["a", "b"]', "not a JSON object .*an array"),
        ("f.jsonl", '{"source": "a"}', 'missing key .*no "target"'),
        ("f.jsonl", '{"source": "a", "target": 5}', 'wrong type .*"target" must be a string, found a number'),
        ("f.jsonl", '{"source": null, "target": "b"}', "wrong type .*null"),
        ("f.jsonl", '{"source": "a", "target": "b", "group": true}', 'wrong type .*"group".*a boolean'),
        ("f.jsonl", r'{"source": "\ud800", "target": "b"}', "not text"),
        ("f.jsonl", r'{"source": "a\u0000", "target": "b"}', "not text"),
        (
            "f.jsonl",
            '{"source": "a", "target": "b", "tags": [1]}',
            r'wrong type .*"tags" must be a string or a list of strings, found an array; .* columns = \{ tag = "" \} reads none',
        ),
        (
            "f.jsonl",
            '{"source": "a", "target": "b", "tag": 5}',
            'wrong type .*"tag" must be a string or a list of strings, found a number',
        ),
        ("f.jsonl", '{"source": "a", "target": "b", "tags": ["d e"]}', "not a tag .*no white space"),
        ("f.jsonl", '{"source": "a", "target": "b", "tag": "a b c d e f g h i"}', 'not a tag .*columns = { tag = "" }'),
        ("f.tsv", "a\tb\tc\t<d>", "not a tag"),
    ],
)
def test_bad_lines_are_named_or_dropped(tmp_path: Path, name: str, line: str, words: str) -> None:
    good = "a\tb\n" if name == "f.tsv" else '{"source": "a", "target": "b"}\n'
    with pytest.raises(ValueError, match=rf"{name}:2: {words}.*correct the line, or set data\.bad-lines"):
        read(tmp_path / name, good + line + "\n" + good)
    found, findings = read(tmp_path / name, good + line + "\n" + good, LineRules("drop"))
    assert found == [("a", "b", "")] * 2 and sum(findings.dropped.counts.values()) == 1
    json.dumps(findings.dropped.tree()).encode()  # goes into a report


def test_bad_bytes_are_bad_lines_here_too(tmp_path: Path) -> None:
    found, findings = read(tmp_path / "f.tsv", b"a\tb\n\xff\tb\nc\td\n", LineRules("drop"))
    assert found == [("a", "b", ""), ("c", "d", "")] and findings.dropped.counts == {"invalid UTF-8": 1}


@pytest.mark.parametrize("blank", ["", " ", "\t", "\u00a0", "\u3000 ", "\x1f", "\u2028"])
def test_empty_columns_are_dropped_and_counted(tmp_path: Path, blank: str) -> None:
    (tmp_path / "s").write_text(f"one\n{blank}\nthree\n", newline="\n")
    (tmp_path / "t").write_text(f"{blank}\ntwo\nthree\n", newline="\n")
    findings = Findings()
    found = list(pairs(aligned(tmp_path / "s", tmp_path / "t"), LineRules(), findings))
    assert [example[:2] for example in found] == [("three", "three")]
    assert findings.dropped.counts == {"empty target": 1, "empty source": 1}
    assert findings.dropped.tree()["empty source"]["examples"][0]["where"].endswith("s:2")


def test_unusual_characters_are_kept_and_counted(tmp_path: Path) -> None:
    rows = [("a\x0bb", "c\u202ed"), ("tab\u00a0space", "z\u200djoined"), ("x\x85y", "z\u2028w")]
    found, findings = read(tmp_path / "f.tsv", "".join("\t".join(row) + "\n" for row in rows))
    assert [row[:2] for row in found] == rows
    assert findings.noted.counts == {"control character kept": 3, "bidirectional control character kept": 1}


def test_line_breaks_inside_json_strings_become_spaces(tmp_path: Path) -> None:
    found, findings = read(tmp_path / "f.jsonl", r'{"source": "a\nb\r\nc", "target": "d"}')
    assert found == [("a b c", "d", "")] and list(findings.noted.counts.values()) == [1]


@pytest.mark.parametrize("name", ["f.text", "f", "f.gz", "f.doc.zst"])
def test_unknown_extensions_list_the_known(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"unknown extension.*\.csv, \.tsv, \.jsonl"):
        read(tmp_path / name, "a\tb\n")


@pytest.mark.parametrize(
    ("record", "columns", "expected"),
    [
        ({"source": "a", "target": "b", "tag": "de formal"}, None, ("a", "b", "", ("de", "formal"))),
        ({"source": "a", "target": "b", "tag": ["de", "formal"]}, None, ("a", "b", "", ("de", "formal"))),
        ({"source": "a", "target": "b", "tags": ["de"], "group": "g"}, None, ("a", "b", "g", ("de",))),
        ({"source": "a", "target": "b", "tag": None, "group": None}, None, ("a", "b", "", ())),
        ({"source": "a", "target": "b", "tag": ""}, None, ("a", "b", "", ())),
        ({"en": "a", "de": "b", "tag": "x"}, named("en", "de"), ("a", "b", "", ("x",))),
        ({"en": "a", "de": "b", "tag": "x", "group": "g"}, named("en", "de", "", ""), ("a", "b", "", ())),
        (
            {"en": "a", "de": "b", "lang": "x", "file": "g"},
            named("en", "de", "lang", "file"),
            ("a", "b", "g", ("x",)),
        ),
        ({"en": "a", "de": "b", "lang": None, "file": None}, named("en", "de", "lang", "file"), ("a", "b", "", ())),
    ],
)
def test_keys_of_json_lines(
    tmp_path: Path, record: dict[str, object], columns: Columns | None, expected: tuple[object, ...]
) -> None:
    (tmp_path / "f.jsonl").write_text(json.dumps(record) + "\n")
    (found,) = pairs(Corpus(file=tmp_path / "f.jsonl", columns=columns), STOP, Findings())
    assert (found.source, found.target, found.group, found.tags) == expected


@pytest.mark.parametrize(
    ("columns", "words"),
    [(named("en"), 'no "en"'), (named(tag="lang"), 'no "lang"'), (named(group="file"), 'no "file"')],
)
def test_keys_that_are_named_must_be_there(tmp_path: Path, columns: Columns, words: str) -> None:
    (tmp_path / "f.jsonl").write_text('{"source": "a", "target": "b"}\n')
    with pytest.raises(ValueError, match=f"f.jsonl:1: missing key .{words}"):
        list(pairs(Corpus(file=tmp_path / "f.jsonl", columns=columns), STOP, Findings()))


def test_tags_of_a_corpus_follow_those_of_its_pairs(tmp_path: Path) -> None:
    (tmp_path / "f.tsv").write_text("a\tb\t\tde\nc\td\te\tx\nf\tg\n")
    found = pairs(Corpus(file=tmp_path / "f.tsv", tag="de formal"), STOP, Findings())
    assert [pair.tags for pair in found] == [("de", "formal"), ("x", "de", "formal"), ("de", "formal")]
    (tmp_path / "s").write_text("a\n")
    found = pairs(aligned(tmp_path / "s", tmp_path / "s", tag="de"), STOP, Findings())
    assert [pair.tags for pair in found] == [("de",)]


def test_more_tags_than_a_source_can_have_are_named_or_dropped(tmp_path: Path) -> None:
    (tmp_path / "f.tsv").write_text("a\tb\t\tde\nc\td\t\t1 2 3 4 5 6 7 8\n")
    corpus, findings = Corpus(file=tmp_path / "f.tsv", tag="x"), Findings()
    with pytest.raises(ValueError, match=r"f\.tsv:2: not a tag \(9 tags, at most 8 are allowed"):
        list(pairs(corpus, STOP, findings))
    assert [pair.tags for pair in pairs(corpus, LineRules("drop"), findings)] == [("de", "x")]
    assert findings.dropped.counts == {"not a tag": 1}


def test_a_column_of_text_is_no_column_of_tags(tmp_path: Path) -> None:
    rows = "".join(f"a\tb\t\tword{n}\n" for n in range(1200))
    (tmp_path / "f.tsv").write_text(rows)
    origin = find_origins(TRANSLATION, DataConfig((Corpus(file=tmp_path / "f.tsv"),)), tmp_path)["train"]
    with pytest.raises(ValueError, match=r"f\.tsv:1001: more than 1,000 different tags by this line .*right one"):
        read_keys(origin, Findings())


@pytest.mark.parametrize("text", ['[{"source": "a", "target": "b"}]\n', '[\n{"source": "a", "target": "b"}\n]\n'])
def test_an_array_is_told_from_json_lines(tmp_path: Path, text: str) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text(text)
    with pytest.raises(
        ValueError, match=r"f\.jsonl: is a JSON array, expected an object on each line; convert it: python3"
    ) as caught:
        list(pairs(Corpus(file=path), LineRules(), Findings()))
    with pytest.raises(ValueError, match="is a JSON array"):  # before the lines are counted
        find_origins(TRANSLATION, DataConfig(train=(Corpus(file=path),)), tmp_path)
    command = str(caught.value).partition("convert it: ")[2]
    subprocess.run(command, shell=True, check=True)
    converted = list(pairs(Corpus(file=tmp_path / "new-f.jsonl"), LineRules(), Findings()))
    assert [pair[:2] for pair in converted] == [("a", "b")]


def test_a_missing_key_tells_how_keys_are_named(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_text('{"en": "a", "de": "b"}\n')
    words = r'no "source"; the keys are "en", "de"\); name the keys, in a run file by columns = \{ source = "\.\.\.", target'
    with pytest.raises(ValueError, match=words):
        list(pairs(Corpus(file=tmp_path / "f.jsonl"), LineRules(), Findings()))

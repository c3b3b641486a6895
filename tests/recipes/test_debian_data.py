"""The documentation recipe: what its parsers read, that no document and no source is in two parts, and that apt is
asked once. No network: apt-get and dpkg-deb are played by a script.
"""

import doctest
import importlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from recipe_scripts import RECIPES, importable, load_script

RECIPE = RECIPES / "debian-en-de"
lxml = pytest.importorskip("lxml")
polib = pytest.importorskip("polib")


@pytest.fixture(scope="module", autouse=True)
def recipe_folder() -> Iterator[None]:
    with importable(RECIPE):
        yield


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    return load_script(RECIPE / "get_data.py")


@pytest.fixture(scope="module")
def texts() -> ModuleType:
    return importlib.import_module("parallel_text")


@pytest.fixture(scope="module")
def held_out() -> ModuleType:
    return importlib.import_module("held_out")


@pytest.fixture(scope="module")
def apt() -> ModuleType:
    with importable(RECIPES):
        return importlib.import_module("apt_packages")


# --- what the parsers read


def test_the_examples_in_the_docstrings(texts: ModuleType, held_out: ModuleType) -> None:
    for module in (texts, held_out):
        found = doctest.testmod(module)
        assert found.attempted and not found.failed


def html(*body: str) -> str:
    return f"<!DOCTYPE html><html><head><title>x</title></head><body>{''.join(body)}</body></html>"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_help_is_joined_by_file_id_and_occurrence(texts: ModuleType, tmp_path: Path) -> None:
    english = [
        '<p>Help for everything</p><h1 id="hd_id1">A <b>bold</b>\n  title</h1>',
        '<p id="par_id2">one</p><p id="par_id2">two<br>lines &amp; <img alt="no" src="x"></p><p id="par_id3">alone</p>',
    ]
    german = [
        '<h1 id="hd_id1">Ein <b>fetter</b> Titel</h1><p id="par_id2">eins</p>',
        '<p id="par_id2">zwei<br>Zeilen &amp;</p><p id="bm_id9">Marke</p>',
    ]
    write(tmp_path / "en-US/text/swriter/a.html", html(*english))
    write(tmp_path / "de/text/swriter/a.html", html(*german))
    write(tmp_path / "en-US/text/swriter/only-english.html", html('<p id="par_id1">x</p>'))
    assert list(texts.help_pairs(tmp_path, "de")) == [
        ("A bold title", "Ein fetter Titel", "help", "swriter/a.html"),
        ("one", "eins", "help", "swriter/a.html"),
        ("two lines &", "zwei Zeilen &", "help", "swriter/a.html"),
    ]


def test_of_variants_for_several_systems_one_is_read(texts: ModuleType, tmp_path: Path) -> None:
    both = (
        'Choose <span class="switchinline"><span hidden="true" id="MACx_1" class="MAC"><b>Preferences</b></span>'
        '<span hidden="true" id="defaultx_1"><b>Tools - Options</b></span></span> now'
    )
    first = 'See <span class="switchinline"><span id="WRITERx" class="WRITER">text</span><span id="CALCx">cell</span></span>.'
    write(tmp_path / "a.html", html(f'<p id="par_1">{both}</p><p id="par_2">{first}</p>'))
    assert list(texts.paragraphs(tmp_path / "a.html").values()) == ["Choose Tools - Options now", "See text."]


@pytest.mark.parametrize("content", [b"", b"<p id='par_1'>\xff</p>"])
def test_what_is_not_html_is_named(texts: ModuleType, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.html").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.html: is not HTML in UTF-8"):
        texts.paragraphs(tmp_path / "a.html")


def mo_file(path: Path, *entries: tuple[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    catalogue = polib.POFile()
    catalogue.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    for number, (source, target) in enumerate(entries):
        catalogue.append(polib.POEntry(msgctxt=f"ID_{number}", msgid=source, msgstr=target))
    catalogue.append(
        polib.POEntry(msgid="%1 page", msgid_plural="%1 pages", msgstr_plural={0: "%1 Seite", 1: "%1 Seiten"})
    )
    catalogue.save_as_mofile(str(path))


def test_the_interface(texts: ModuleType, tmp_path: Path) -> None:
    mo_file(tmp_path / "sfx.mo", ("Save _As\n now", "Spei~chern unter\njetzt"), ("$(ARG1) is %s", "$(ARG1) ist %s"))
    found = list(texts.interface_pairs([tmp_path / "sfx.mo"]))
    assert {(pair.source, pair.target) for pair in found} == {
        ("Save As now", "Speichern unter jetzt"),
        ("$(ARG1) is %s", "$(ARG1) ist %s"),
        ("%1 page", "%1 Seite"),
        ("%1 pages", "%1 Seiten"),
    }
    assert {pair[2:] for pair in found} == {("interface", "sfx.mo")}


@pytest.mark.parametrize(
    "content", [b"", b"\xde\x12\x04\x95", b"no .mo file at all", b"\xde\x12\x04\x95" + b"\xff" * 40]
)
def test_a_damaged_mo_file_is_named(texts: ModuleType, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.mo").write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.mo: is not a readable \.mo file"):
        list(texts.interface_pairs([tmp_path / "bad.mo"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("_File", "File"),
        ("E~xit...", "Exit..."),
        ("PDF_/A version:", "PDF/A version:"),
        ("Search & replace", "Search & replace"),
        ("%FILE_NAME in %PATH_NAME", "%FILE_NAME in %PATH_NAME"),
        ("%FILE_NAME", "%FILE_NAME"),
        ("STDDEV_POP", "STDDEV_POP"),
        ("_this_", "this_"),
        ("a_b and c_d", "a_b and c_d"),
        ("one ~ two _", "one ~ two _"),
        ("The result is rounded to the decimals of To_currency, or to none at all where that is 0.",) * 2,
    ],
)
def test_accelerators(texts: ModuleType, text: str, expected: str) -> None:
    assert texts.without_accelerator(text) == expected


ENGLISH = """\
Package: foo
Description-md5: 01
Description-en: game of stones
 The first paragraph
 has two lines.
 .
 Features:
  * many
    stones
  * few rules
 and an end.

Package: bar
Description-md5: 02
Description-en: a bar
 One.
 .
 Two.

Package: only-english
Description-md5: 03
Description-en: nothing

"""
GERMAN = """\
Package: foo
Description-md5: 01
Description-de: Spiel der Steine
 Der erste Absatz hat eine Zeile.
 .
 Eigenschaften:
  - viele Steine
  - wenige
    Regeln
 und ein Ende.

Package: bar
Description-md5: 02
Description-de: eine Bar
 Eins und zwei.

Package: bar
Description-md5: 99
Description-de: eine alte Beschreibung

Description-de: ohne Namen
"""


def test_package_descriptions(texts: ModuleType, tmp_path: Path) -> None:
    write(tmp_path / "en", ENGLISH)
    write(tmp_path / "de", GERMAN)
    assert [pair[:2] + pair[3:] for pair in texts.description_pairs(tmp_path / "en", tmp_path / "de", "de")] == [
        ("a bar", "eine Bar", "bar"),  # paragraphs that do not match in number are left out
        ("game of stones", "Spiel der Steine", "foo"),
        ("The first paragraph has two lines.", "Der erste Absatz hat eine Zeile.", "foo"),
        ("Features:", "Eigenschaften:", "foo"),
        ("many stones", "viele Steine", "foo"),
        ("few rules", "wenige Regeln", "foo"),
        ("and an end.", "und ein Ende.", "foo"),
    ]


def test_placeholders_of_translators_are_left_out(texts: ModuleType, tmp_path: Path) -> None:
    write(tmp_path / "en", "Package: a\nDescription-md5: 1\nDescription-en: short\n long\n")
    write(tmp_path / "de", "Package: a\nDescription-md5: 1\nDescription-de: kurz\n <trans>\n")
    assert [pair.target for pair in texts.description_pairs(tmp_path / "en", tmp_path / "de", "de")] == ["kurz"]


# --- cleaning and splitting


def pairs_of(texts: ModuleType, documents: int, each: int, group: str = "help") -> list[tuple[str, ...]]:
    return [
        texts.Pair(f"source {number} of {name} {group}", f"target {number} {name}", group, f"document-{name}")
        for name in range(documents)
        for number in range(each)
    ]


def test_useless_pairs_are_counted(texts: ModuleType, held_out: ModuleType) -> None:
    sides = {
        "empty": ("word", ""),
        "untranslated": ("same", "same"),
        "no words": ("1 + 1 = 2", "1 + 1 = zwei"),
        "capitals only": ("BINOMDIST", "BINOMVERT"),
        "unprintable": ("bullet \ue4c4", "Punkt \ue4c4"),
        "length ratio": ("short", "viel länger, als eine Übersetzung sein sollte"),
    }
    dropped: Counter[tuple[str, str]] = Counter()
    kept = held_out.usable(
        [texts.Pair(*each, "help", "a") for each in [*sides.values(), ("OK, go", "Gut, los")]], dropped
    )
    assert [pair.source for pair in kept] == ["OK, go"]
    assert dropped == {("help", reason): 1 for reason in sides}


def test_no_document_and_no_source_is_in_two_parts(texts: ModuleType, held_out: ModuleType) -> None:
    pairs = pairs_of(texts, 60, 5) + pairs_of(texts, 40, 3, "packages")
    pairs += [texts.Pair("On  every page:", f"Überall {n % 4}", "help", f"document-{n}") for n in range(60)]
    dropped: Counter[tuple[str, str]] = Counter()
    parts = held_out.split(pairs, dropped, {"help": 20, "packages": 10})
    assert set(parts) == {"train", "dev", "test"}
    for first, second in (("train", "dev"), ("train", "test"), ("dev", "test")):
        documents = [{pair[2:] for pair in parts[name]} for name in (first, second)]
        assert not documents[0] & documents[1]
        sources = [{held_out.words_key(pair.source) for pair in parts[name]} for name in (first, second)]
        assert not sources[0] & sources[1]
    for name in ("dev", "test"):
        counts = Counter(pair.group for pair in parts[name])
        assert 20 <= counts["help"] <= 25 and 10 <= counts["packages"] <= 12
        assert len({held_out.words_key(pair.source) for pair in parts[name]}) == len(parts[name])
    assert sum(map(len, parts.values())) + dropped.total() == len(pairs)
    assert held_out.split(pairs, Counter(), {"help": 20, "packages": 10}) == parts


def test_case_spaces_and_punctuation_make_no_other_source(held_out: ModuleType) -> None:
    assert held_out.words_key("Save As...") == held_out.words_key(" save  as") != held_out.words_key("save as well")


def test_a_document_far_too_large_is_passed_over(texts: ModuleType, held_out: ModuleType) -> None:
    pairs = pairs_of(texts, 30, 4)
    pairs += [texts.Pair(f"large {n}", f"groß {n}", "help", f"large-{name}") for name in range(9) for n in range(300)]
    parts = held_out.split(pairs, Counter(), {"help": 10})
    assert {pair.document.partition("-")[0] for pair in parts["test"] + parts["dev"]} == {"document"}


def test_too_few_documents(texts: ModuleType, held_out: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"test should have 10 pairs of packages .* but only 0"):
        held_out.split(pairs_of(texts, 9, 9), Counter(), {"help": 20, "packages": 10})


# --- from apt to the files, without a network

PROGRAM = """\
#!{python}
import pathlib, shutil, sys
made, log = pathlib.Path({made!r}), pathlib.Path({log!r})
name, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
with log.open("a") as stream:
    stream.write(" ".join([name, *arguments]) + "\\n")
if name == "dpkg-deb" and arguments[0] == "--extract":
    shutil.unpack_archive(arguments[1], arguments[2], "tar")
elif name == "dpkg-deb":
    print("4:7.4-1")
elif "update" in arguments:
    print("W: Some index files failed to download.", file=sys.stderr)
elif "indextargets" in arguments:
    for language in ("en", "de"):
        print(f"{{language}}\\tmain\\tToy 12 toy/main Translation-{{language}}\\t{{made}}/Translation-{{language}}")
        print(f"{{language}}\\tnon-free\\tToy 12 toy/non-free\\t{{made}}/absent")
else:
    for package in arguments[2:]:
        if not (made / package).exists():
            sys.exit(f"E: Unable to locate package {{package}}")
        shutil.copy(made / package, f"{{package}}_4%3a7.4-1_all.deb")
"""


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held_out: ModuleType) -> Path:
    """A folder of made-up packages, which programs called apt-get and dpkg-deb serve; each call is a line of log.txt."""
    made = tmp_path / "made"
    for code in ("en-US", "de"):
        side = tmp_path / f"help-{code}"
        for file in range(30):
            body = [f'<p id="par_id{n}">{code} paragraph {n} of file {file}</p>' for n in range(4)]
            write(side / f"usr/share/libreoffice/help/{code}/text/swriter/{file}.html", html(*body))
        archive(side, made / f"libreoffice-help-{code.lower()}")
    for file in range(12):
        entries = [(f"_Label {n} of {file}", f"_Beschriftung {n} von {file}") for n in range(4)]
        mo_file(tmp_path / f"l10n/usr/lib/libreoffice/program/resource/de/LC_MESSAGES/{file}.mo", *entries)
    archive(tmp_path / "l10n", made / "libreoffice-l10n-de")
    for code, word in (("en", "package"), ("de", "Paket")):
        stanzas = [f"Package: p{n}\nDescription-md5: {n}\nDescription-{code}: {word} {n}\n {word}\n" for n in range(40)]
        write(made / f"Translation-{code}", "\n".join(stanzas))
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("apt-get", "dpkg-deb"):
        write(programs / name, PROGRAM.format(python=sys.executable, made=str(made), log=str(tmp_path / "log.txt")))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(held_out, "HELD_OUT", {"help": 12, "interface": 8, "packages": 6})
    return tmp_path


def archive(folder: Path, name: Path) -> None:
    name.parent.mkdir(exist_ok=True)
    shutil.move(shutil.make_archive(str(folder), "tar", folder), name)


def calls(system: Path) -> list[str]:
    return (system / "log.txt").read_text().splitlines()


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def rows_of(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").removesuffix("\n").split("\n")]


def test_the_files(recipe: ModuleType, system: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = system / 'my "data"; too'
    assert recipe.main(["--out", str(out)]) == 0
    said = capsys.readouterr()
    parts = {name: rows_of(out / f"{name}.jsonl") for name in ("train", "dev", "test")}
    for name, rows in parts.items():
        counts = Counter(row["group"] for row in rows)
        line = next(line for line in said.out.splitlines() if line.startswith(name)).split()
        assert line[1:] == [str(counts[group]) for group in ("help", "interface", "packages")] + [str(len(rows))]
        assert {tuple(row) for row in rows} == {("source", "target", "group", "document")}
    documents = {name: {(row["group"], row["document"]) for row in rows} for name, rows in parts.items()}
    assert not documents["train"] & documents["test"] and not documents["train"] & documents["dev"]
    assert {"source": "Label 1 of 3", "target": "Beschriftung 1 von 3", "group": "interface", "document": "3.mo"} in [
        row for rows in parts.values() for row in rows
    ]
    listed = (out / "SOURCES.txt").read_text()
    assert "libreoffice-help-de 4:7.4-1" in listed and "Toy 12 toy/main Translation-de" in listed
    assert "MPL-2.0" in listed and said.out in listed
    assert sorted(path.name for path in out.iterdir()) == [
        "SOURCES.txt", "dev.jsonl", "downloads", "test.jsonl", "train.jsonl",
    ]  # fmt: skip


def test_a_second_run_downloads_nothing_and_writes_the_same(
    recipe: ModuleType, system: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(system)
    assert recipe.main(["--out", "data"]) == 0
    before, asked = files(system / "data"), calls(system)
    assert recipe.main(["--out", "data"]) == 0
    assert files(system / "data") == before
    assert all(call.startswith("dpkg-deb --extract") for call in calls(system)[len(asked) :])
    assert "already downloaded" in capsys.readouterr().err

    with (system / "data/downloads/en-de/Translation-de").open("a") as stream:
        stream.write("damage")
    assert recipe.main(["--out", "data"]) == 0
    assert "downloading again: " in capsys.readouterr().err
    assert files(system / "data") == before


def test_a_package_that_is_not_there(recipe: ModuleType, system: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (system / "made/libreoffice-l10n-de").unlink()
    assert recipe.main(["--out", str(system / "data")]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("get_data.py: error: apt-get -q download failed")
    assert "Unable to locate package libreoffice-l10n-de" in message
    assert not list((system / "data/downloads").iterdir())


def test_mirrors_without_descriptions(recipe: ModuleType, system: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.main(["--out", str(system / "data"), "--language", "it"]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "no package descriptions in 'it'" in message and "Some index files failed to download" in message


def test_a_system_without_apt(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert recipe.main(["--out", str(tmp_path / "data")]) == 2
    assert "this system has no apt-get and no dpkg-deb" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_a_missing_python_package(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "parallel_text", raising=False)
    monkeypatch.delitem(sys.modules, "held_out", raising=False)
    monkeypatch.setitem(sys.modules, "polib", None)
    assert recipe.main(["--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "get_data.py: error: this recipe needs the Python package polib; install what it needs with: pip install lxml polib\n"
    )


@pytest.mark.skipif(shutil.which("apt-config") is None, reason="needs apt")
def test_apt_keeps_to_folders_of_its_own(apt: ModuleType, tmp_path: Path) -> None:
    environment = apt.configured(tmp_path, ["en", "de"])
    done = subprocess.run(
        ["apt-config", "dump"], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    assert not done.stderr
    settings = done.stdout.splitlines()
    assert f'Dir::State::lists "{tmp_path}/lists";' in settings and f'Dir::Cache "{tmp_path}/cache";' in settings
    assert [line for line in settings if line.startswith("Acquire::Languages:: ")][:2] == [
        'Acquire::Languages:: "en";',
        'Acquire::Languages:: "de";',
    ]
    assert not [line for line in settings if line.startswith(("APT::Update::Post-Invoke", "AptCli::Hooks"))]
    kinds = {line.split("::")[3] for line in settings if line.startswith("Acquire::IndexTargets::deb::")}
    assert {kind.split(" ")[0] for kind in kinds} == {"Packages", "Translations"}


def test_a_temporary_folder_that_apt_cannot_be_told_of(apt: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="set TMPDIR"):
        apt.configured(tmp_path / 'a "name"', ["en"])

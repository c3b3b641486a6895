"""Prepare: from files to stores, tokenizers and a report; what is shared, what is refused, what survives a kill."""

import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairs import aligned as two_files
from pairs import named, pairs
from preparing import prepare_data
from transduce.data.cleaning.rules import Clean
from transduce.data.config import Corpus, DataConfig, Split
from transduce.data.findings import Findings
from transduce.data.formats.lines import LineRules
from transduce.data.keys import text_key
from transduce.data.loader import Loader
from transduce.files.lock import path_lock
from transduce.tasks.references import Item, items
from transduce.tasks.translation import TRANSLATION
from transduce.text.config import ColumnTokenizer, TokenizerConfig
from transduce.text.tokenizer import Tokenizer
from transduce.workflows.prepare import run as module
from transduce.workflows.prepare.run import Prepared

CHARACTERS = TokenizerConfig("characters", 400)
Pairs = list[tuple[str, str]]


def tsv(path: Path, pairs: list[tuple[str, ...]]) -> Corpus:
    path.write_bytes("".join("\t".join(pair) + "\n" for pair in pairs).encode())
    return Corpus(file=path)


def run(folder: Path, tokenizer: TokenizerConfig = CHARACTERS, seed: int = 1, **data: object) -> Prepared:
    return prepare_data(TRANSLATION, DataConfig(**data), tokenizer, seed, folder, folder / "prepared")  # type: ignore[arg-type]


def decoded(prepared: Prepared, part: str) -> Pairs:
    """The pairs of a part, from its ids."""
    store = getattr(prepared, part)
    everything = np.arange(len(store))
    sides = (store.rows("source", everything), store.rows("target", everything))
    tokenizers = (prepared.processors.tokenizer("source"), prepared.processors.tokenizer("target"))
    texts = [
        tokenizer.decode_batch([row.tolist() for row in rows])
        for tokenizer, rows in zip(tokenizers, sides, strict=True)
    ]
    return list(zip(*texts, strict=True))


def texts(prepared: Prepared, part: Literal["dev", "test"]) -> list[tuple[str, list[str]]]:
    """Sources and their references."""
    return [(item.record.values["source"], item.references) for item in held_out(prepared, part)]


def held_out(prepared: Prepared, part: Literal["dev", "test"]) -> list[Item]:
    return items(TRANSLATION, prepared.records(part))


def source_of(prepared: Prepared) -> Tokenizer:
    return prepared.processors.tokenizer("source")


def loader(prepared: Prepared, weights: Sequence[float] = ()) -> Loader:
    return prepared.loader(TRANSLATION.cost(prepared.train.all_lengths()), 200, 1, weights)


def numbered(count: int) -> Pairs:
    return [(f"source {n}", f"target {n}") for n in range(count)]


def test_every_pair_comes_back_from_one_of_the_parts(tmp_path: Path) -> None:
    pairs = numbered(200)
    (tmp_path / "s.en").write_text("".join(f"{source}\n" for source, _ in pairs))
    (tmp_path / "t.de").write_text("".join(f"{target}\n" for _, target in pairs))
    prepared = run(tmp_path, train=(two_files(Path("s.en"), Path("t.de")),), split=Split(dev=20, test=30))
    parts = {part: decoded(prepared, part) for part in ("train", "dev", "test")}
    assert {part: len(rows) for part, rows in parts.items()} == {"train": 150, "dev": 20, "test": 30}
    assert sorted(chain.from_iterable(parts.values())) == sorted(pairs)
    assert texts(prepared, "test") == [(source, [target]) for source, target in parts["test"]]
    assert texts(prepared, "dev") == [(source, [target]) for source, target in parts["dev"]]
    assert parts["train"] == [pair for pair in pairs if pair in set(parts["train"])]  # in the order of the files


def test_the_report_is_on_disk_and_in_words(tmp_path: Path) -> None:
    corpus = tsv(tmp_path / "f.tsv", [*numbered(20), ("", "nothing"), ("x" * 300, "long"), ("a\r", "b\r")])
    prepared = run(tmp_path, train=(corpus,), dev=tsv(tmp_path / "d.tsv", [("source 3", "t"), ("new", "t")]))
    assert json.loads((prepared.folder / "report.json").read_bytes()) == prepared.report
    assert prepared.report["parts"]["train"]["records"] == 20 and prepared.report["parts"]["dev"]["records"] == 2
    dropped = prepared.report["origins"]["train"]["dropped"]
    assert {reason: found["count"] for reason, found in dropped.items()} == {
        "empty source": 1,
        "longer than max-length": 1,
        "source occurs in dev": 1,
    }
    (example,) = dropped["longer than max-length"]["examples"]
    assert example["where"] == f"{tmp_path}/f.tsv:22" and example["text"].startswith("300 and 4 tokens: xxxx")
    store = prepared.train
    assert prepared.report["parts"]["train"]["tokens"]["source"] == store.lengths("source").sum()
    assert prepared.report["parts"]["train"]["tokens"]["target"] == store.lengths("target").sum()
    text = "\n".join(prepared.summary())
    for words in (
        "train: 20 pairs",
        "dev: 2 pairs",
        "empty source, 1 pair",
        "f.tsv:21",
        "carriage return removed, 1 time",
        "pieces for source and target",
    ):
        assert words in text


SOURCES = st.sampled_from(["a", "A", "b", " b", "c", "d", "é", "e\u0301", "f  g", "f g", "h", "i", "j", "", "\u3000"])


@settings(max_examples=20, deadline=None)
@given(
    train=st.lists(st.tuples(SOURCES, st.sampled_from("xyz")), min_size=1, max_size=40),
    dev=st.lists(st.tuples(SOURCES, st.sampled_from("xyz")), max_size=4),
    split=st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
def test_no_source_in_two_parts_and_every_line_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, train: Pairs, dev: Pairs, split: tuple[int, int]
) -> None:
    folder = tmp_path_factory.mktemp("prepare")
    data: dict[str, object] = {"train": (tsv(folder / "train.tsv", train),)}
    if dev:
        data["dev"] = tsv(folder / "dev.tsv", dev)
    if split[1] or (split[0] and not dev):
        data["split"] = Split(0 if dev else split[0], split[1])
    try:
        prepared = run(folder, **data)
    except ValueError as error:
        assert re.search("are left|needs|no usable pair", str(error))
        return
    keys = {
        part: {text_key(source) for source, _ in decoded(prepared, part)}
        for part in ("train", "dev", "test")
        if getattr(prepared, part) is not None
    }
    assert not keys["train"] & keys.get("dev", set()) and not keys["train"] & keys.get("test", set())
    assert not keys.get("dev", set()) & keys.get("test", set())
    read = sum(origin["lines"] for origin in prepared.report["origins"].values())
    dropped = [found["count"] for origin in prepared.report["origins"].values() for found in origin["dropped"].values()]
    assert read == sum(dropped) + sum(part["records"] for part in prepared.report["parts"].values())


def test_keys_that_begin_as_a_pickle_does_are_no_reason_to_prepare_again(tmp_path: Path) -> None:
    """The key of this source begins with the bytes 80 02."""
    assert text_key("sentence 3626").to_bytes(8, "little").startswith(b"\x80\x02")
    train = (tsv(tmp_path / "f.tsv", [("sentence 3626", "x")]),)
    assert [run(tmp_path, train=train).reused for _ in range(2)] == [False, True]


def test_alternatives_stay_together(tmp_path: Path) -> None:
    """As in a pronouncing dictionary: a word with several lines is in one part, with all of them."""
    pairs = [(f"word{n}", f"{n} {alternative}") for alternative in range(3) for n in range(0, 60, 1 + alternative)]
    prepared = run(tmp_path, train=(tsv(tmp_path / "f.tsv", pairs),), split=Split(dev=10, test=15))
    test = texts(prepared, "test")
    assert len(test) == 15 and len(texts(prepared, "dev")) == 10
    for source, references in test:
        assert references == [target for word, target in pairs if word == source]
    assert prepared.test is not None and len(prepared.test) == sum(len(references) for _, references in test) > 15


def test_the_split_depends_on_the_sources_alone(tmp_path: Path) -> None:
    pairs = numbered(60)
    first = run(tmp_path, train=(tsv(tmp_path / "a.tsv", pairs),), split=Split(5, 5), seed=1)
    again = [pairs[place] for place in np.random.default_rng(0).permutation(60)] + pairs[:20]
    corpora = (tsv(tmp_path / "b.tsv", again[:30]), tsv(tmp_path / "c.tsv", again[30:]))
    other = run(tmp_path, TokenizerConfig("words", 50), train=corpora, split=Split(5, 5), seed=2)
    for part in ("dev", "test"):
        assert sorted(texts(first, part)) == sorted(texts(other, part))


@pytest.mark.parametrize("aligned", [True, False])
def test_split_by_group(tmp_path: Path, aligned: bool) -> None:
    triples = [(f"s{n}", f"t{n}", f"page {n % 20}") for n in range(200)]
    if aligned:
        for number, name in enumerate(("source", "target", "group")):
            (tmp_path / name).write_text("".join(f"{triple[number]}\n" for triple in triples))
        corpus = two_files(Path("source"), Path("target"), Path("group"))
    else:
        corpus = tsv(tmp_path / "f.tsv", triples)
    prepared = run(tmp_path, train=(corpus,), split=Split(dev=15, test=10, by="group"))
    group = {source: name for source, _, name in triples}
    groups = {part: {group[source] for source, _ in decoded(prepared, part)} for part in ("train", "dev", "test")}
    assert {part: len(names) for part, names in groups.items()} == {"train": 17, "dev": 2, "test": 1}
    assert len(set.union(*groups.values())) == 20


def test_tokenizers_learn_from_train_alone(tmp_path: Path) -> None:
    corpus = tsv(tmp_path / "f.tsv", [(f"common only{n}", f"ziel{n}") for n in range(50)])
    prepared = run(tmp_path, TokenizerConfig("words", 1000), train=(corpus,), split=Split(dev=5, test=5))
    known = set(source_of(prepared).pieces(range(source_of(prepared).size)))
    assert all(source.split()[1] not in known for part in ("dev", "test") for source, _ in texts(prepared, part))
    assert {"common"} < known and prepared.processors["source"] is prepared.processors["target"]


def test_one_tokenizer_per_side(tmp_path: Path) -> None:
    tokenizer = TokenizerConfig(
        shared=False, columns={"source": ColumnTokenizer("words", 300), "target": ColumnTokenizer("characters", 300)}
    )
    prepared = run(tmp_path, tokenizer, train=(tsv(tmp_path / "f.tsv", numbered(20)),))
    assert (source_of(prepared).kind, prepared.processors.tokenizer("target").kind) == ("words", "characters")
    assert sorted(decoded(prepared, "train")) == sorted(numbered(20))
    assert prepared.dev is None and prepared.test is None


def test_the_same_request_finds_the_folder_and_another_does_not(tmp_path: Path) -> None:
    corpus = tsv(tmp_path / "f.tsv", numbered(30))
    first = run(tmp_path, train=(corpus,))
    written = (first.folder / "train.arrow").stat().st_mtime_ns
    moved = tmp_path / "elsewhere.tsv"
    moved.write_bytes((tmp_path / "f.tsv").read_bytes())
    for again in (run(tmp_path, train=(corpus,)), run(tmp_path, seed=2, train=(Corpus(file=moved),))):
        assert again.reused and not first.reused and again.folder == first.folder and again.report == first.report
    assert (first.folder / "train.arrow").stat().st_mtime_ns == written
    others = [
        run(tmp_path, train=(corpus,), clean=Clean(max_length=20)),
        run(tmp_path, train=(corpus,), split=Split(dev=1)),
        run(tmp_path, train=(corpus, corpus)),
        run(tmp_path, TokenizerConfig("characters", 401), train=(corpus,)),
        run(tmp_path, train=(tsv(tmp_path / "g.tsv", [*numbered(29), ("source 29", "another")]),)),
    ]
    assert len({other.folder for other in others} | {first.folder}) == 6 and not any(other.reused for other in others)


def test_the_seed_counts_only_where_it_draws(tmp_path: Path) -> None:
    corpus = tsv(tmp_path / "f.tsv", [(f"s{n}", f"t{n}") for n in range(40)])
    sampled = TokenizerConfig("words", 1000, sample=20)
    one, two, same = (run(tmp_path, sampled, seed=seed, train=(corpus,)) for seed in (1, 2, 1))
    assert one.folder != two.folder and same.folder == one.folder
    known = [set(source_of(found).pieces(range(source_of(found).size))) for found in (one, two)]
    assert known[0] != known[1] and len(known[0]) == len(known[1]) == 4 + 20


@pytest.mark.parametrize("name", ["train.arrow", "report.json", "tokenizer.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_folder_is_made_again(tmp_path: Path, name: str, damage: str) -> None:
    corpus = tsv(tmp_path / "f.tsv", numbered(10))
    path = run(tmp_path, train=(corpus,)).folder / name
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[:-7])
    elif damage == "flip":
        path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    prepared = run(tmp_path, train=(corpus,))
    assert not prepared.reused and path.read_bytes() == content
    assert decoded(prepared, "train") == numbered(10)


def test_a_kill_leaves_no_half_folder_and_the_next_run_cleans_up(tmp_path: Path) -> None:
    tsv(tmp_path / "f.tsv", numbered(10))
    program = """
import os, signal, sys
from pathlib import Path
from transduce.data.cleaning.rules import Clean
from transduce.data.config import Corpus, DataConfig
from transduce.tasks.translation import TRANSLATION
from transduce.text.config import TokenizerConfig
from transduce.data.scan import find_origins
from transduce.workflows.prepare import run as prepare
if sys.argv[1] != "none":
    setattr(prepare, sys.argv[1], lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
data = DataConfig((Corpus(file=Path("f.tsv")),))
settings, origins = TokenizerConfig("characters", 300), find_origins(TRANSLATION, data, Path())
prepare.prepare(prepare.Plan(TRANSLATION, data, settings, 1, Path("prepared"), origins))
"""
    for point in ("Learning", "write_manifest"):
        killed = subprocess.run([sys.executable, "-c", program, point], cwd=tmp_path, stderr=subprocess.DEVNULL)
        assert killed.returncode == -signal.SIGKILL
        assert not [path for path in (tmp_path / "prepared").iterdir() if not path.name.startswith(".")]
    subprocess.run([sys.executable, "-c", program, "none"], cwd=tmp_path, check=True, stderr=subprocess.DEVNULL)
    (folder,) = (tmp_path / "prepared").iterdir()
    assert (folder / "manifest.json").exists()


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


BAD: dict[str, tuple[Callable[[Path], dict[str, object]], str]] = {
    "unequal": (
        lambda p: {"train": (two_files(_write(p / "a.en", b"1\n2\n3"), _write(p / "a.de", b"1\n2\n")),)},
        r"a\.en has 3, .*a\.de has 2",
    ),
    "empty file": (
        lambda p: {"train": (two_files(_write(p / "a.en", b""), _write(p / "a.de", b"1\n")),)},
        r"a\.en: the file is empty",
    ),
    "nothing but blanks": (
        lambda p: {"train": (two_files(_write(p / "a.en", b"\n \n"), _write(p / "a.de", b"1\n2\n")),)},
        r"a\.en.*no usable pair \(dropped: empty source, 2 times\)",
    ),
    "bad UTF-8": (
        lambda p: {"train": (Corpus(file=_write(p / "a.tsv", b"a\tb\n\xff\tb\n")),)},
        r"a\.tsv:2: invalid UTF-8",
    ),
    "NUL": (lambda p: {"train": (Corpus(file=_write(p / "a.tsv", b"a\tb\0\n")),)}, r"a\.tsv:1: NUL"),
    "long line": (
        lambda p: {"train": (Corpus(file=_write(p / "a.tsv", b"a\tb\n" + b"x" * 10_000_000)),)},
        r"a\.tsv:2: line too long \(more than 1,000,000 bytes\)",
    ),
    "UTF-16": (lambda p: {"train": (Corpus(file=_write(p / "a.tsv", "a\tb\n".encode("utf-16"))),)}, "UTF-16"),
    "missing": (
        lambda p: {"train": (two_files(Path("no.en"), Path("no.de")),)},
        r"no\.en: no such file; data\.train names it",
    ),
    "folder": (lambda p: {"train": (two_files(p, p),)}, "folder"),
    "extension": (lambda p: {"train": (Corpus(file=_write(p / "a.doc", b"a,b\n")),)}, r"\.csv, \.tsv, \.jsonl"),
    "no group": (
        lambda p: {"train": (tsv(p / "a.tsv", [("a", "b", "g"), ("c", "d")]),), "split": Split(dev=1, by="group")},
        r"a\.tsv:2: this pair has no group",
    ),
    "too much": (
        lambda p: {"train": (tsv(p / "a.tsv", numbered(5)),), "split": Split(dev=3, test=3)},
        r"data\.split\.dev needs 3 distinct sources, but .* have only 2",
    ),
    "all held out": (
        lambda p: {"train": (tsv(p / "a.tsv", numbered(4)),), "split": Split(2, 2)},
        "no pairs are left to train",
    ),
    "all too long": (
        lambda p: {"train": (tsv(p / "a.tsv", numbered(5)),), "clean": Clean(max_length=3)},
        r"no train pairs are left \(left out: longer than max-length, 5 times\); data.clean.max-length, now 3, and",
    ),
    "bad dev": (
        lambda p: {"train": (tsv(p / "a.tsv", numbered(5)),), "dev": Corpus(file=_write(p / "d.tsv", b"one\n"))},
        r"d\.tsv:1: wrong number of columns",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    data, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        run(tmp_path, **data(tmp_path))
    assert not list((tmp_path / "prepared").iterdir() if (tmp_path / "prepared").exists() else [])


def test_bad_lines_can_be_dropped_instead(tmp_path: Path) -> None:
    lines = [
        b"source 0\ttarget 0",
        b"\xff\tb",
        b"x" * 10_000_000 + b"\ty",
        b"nul\0\tb",
        b"one column",
        b"source 1\ttarget 1",
    ]
    corpus = Corpus(file=_write(tmp_path / "f.tsv", b"\xef\xbb\xbf" + b"\r\n".join(lines)))
    prepared = run(tmp_path, train=(corpus,), bad_lines="drop")
    assert decoded(prepared, "train") == numbered(2)
    assert {reason: found["count"] for reason, found in prepared.report["origins"]["train"]["dropped"].items()} == {
        "invalid UTF-8": 1,
        "line too long": 1,
        "NUL character": 1,
        "wrong number of columns": 1,
    }
    assert set(prepared.report["origins"]["train"]["noted"]) == {"byte order mark removed", "carriage return removed"}


def test_unwritable_root(tmp_path: Path) -> None:
    (tmp_path / "prepared").write_text("a file where the folder should be")
    with pytest.raises((OSError, ValueError), match="prepared"):
        run(tmp_path, train=(tsv(tmp_path / "f.tsv", numbered(5)),))


def test_tags_become_tokens_before_the_source(tmp_path: Path) -> None:
    """From the tag column and from the corpus; a tag-less pair has none, and text that looks like a tag stays text."""
    rows = [(f"number {n}", f"zahl {n}", "", "de formal" if n % 2 else "de") for n in range(20)]
    first = tsv(tmp_path / "a.tsv", [*rows, ("<tag:de> x", "y"), ("plain", "z")])
    second = replace(tsv(tmp_path / "b.tsv", [("number 3", "nombre 3")]), tag="fr")
    prepared = run(tmp_path, train=(first, second), split=Split(dev=4))
    assert source_of(prepared).tags == ("de", "formal", "fr") and prepared.report["tags"] == ["de", "formal", "fr"]
    assert prepared.dev is not None
    for part in ("train", "dev"):
        store = getattr(prepared, part)
        found = store.rows("source", np.arange(len(store)))
        for row, (source, target) in zip(found, decoded(prepared, part), strict=True):
            tags = [tag for text, _, _, tag in rows if text == source and not target.startswith("nombre")]
            names = tags[0].split() if tags else ["fr"] * target.startswith("nombre")
            ids = source_of(prepared).tag_ids(names)
            assert row[: len(ids)].tolist() == ids and not set(row[len(ids) :].tolist()) & {4, 5, 6}
    dev, source = prepared.dev.rows("source", np.arange(len(prepared.dev))), source_of(prepared)
    for record, row in zip(prepared.records("dev"), dev, strict=True):
        assert row.tolist() == source.tag_ids(record.tags) + source.encode(record.values["source"])


def test_a_number_held_out_is_held_out_in_all_languages(tmp_path: Path) -> None:
    rows = [(f"{n}", f"{tag} {n}", "", tag) for n in range(40) for tag in ("de", "fr", "it")]
    prepared = run(tmp_path, train=(tsv(tmp_path / "a.tsv", rows),), split=Split(dev=3, test=5))
    sources = {part: {record.values["source"] for record in prepared.records(part)} for part in ("dev", "test")}
    assert len(sources["dev"]) == 3 and len(sources["test"]) == 5
    assert len(held_out(prepared, "dev")) == 9 and {record.tags for record in prepared.records("dev")} == {
        ("de",),
        ("fr",),
        ("it",),
    }
    assert not {source for source, _ in decoded(prepared, "train")} & (sources["dev"] | sources["test"])
    again = read_pairs_again(prepared, tmp_path)
    assert again == [(*record.values.values(), record.tags) for record in prepared.records("test")]


def read_pairs_again(prepared: Prepared, folder: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    """test.jsonl is itself a corpus."""
    corpus = Corpus(file=prepared.folder / "test.jsonl")
    return [(pair.source, pair.target, pair.tags) for pair in pairs(corpus, LineRules(), Findings())]


def test_tags_that_train_does_not_have(tmp_path: Path) -> None:
    train = tsv(tmp_path / "a.tsv", [(f"s{n}", f"t{n}", "g", "de") for n in range(9)])
    dev = tsv(tmp_path / "d.tsv", [("x", "y", "", "de"), ("x", "y", "", "dde")])
    with pytest.raises(ValueError, match=r"d\.tsv:2: unknown tag 'dde': no pair to train on.*did you mean 'de'\?"):
        run(tmp_path, train=(train,), dev=dev)
    rows = [(f"s{n}", f"t{n}", f"g{n}", f"tag{n}") for n in range(9)]
    prepared = run(
        tmp_path,
        train=(tsv(tmp_path / "b.tsv", [*rows, *[(f"u{n}", "t", "g", "de") for n in range(9)]]),),
        split=Split(dev=9),
    )
    dropped = prepared.report["origins"]["train"]["dropped"]["held out, but its tag occurs in no train pair"]["count"]
    assert dropped + sum(part["records"] for part in prepared.report["parts"].values()) == 18
    assert all(record.tags == ("de",) for record in prepared.records("dev")) and dropped > 0


def test_tokenizers_of_a_model_are_used_as_they_are(tmp_path: Path) -> None:
    rows = [(f"s{n}", f"t{n}", "", "de" if n % 2 else "fr") for n in range(20)]
    first = run(tmp_path, train=(tsv(tmp_path / "a.tsv", rows),))
    other = DataConfig((tsv(tmp_path / "b.tsv", [("s1 zzz", "t", "", "fr")]),))
    root = tmp_path / "prepared"
    prepared = prepare_data(TRANSLATION, other, CHARACTERS, 1, tmp_path, root, first.processors)
    assert (prepared.folder / "tokenizer.json").read_bytes() == (first.folder / "tokenizer.json").read_bytes()
    assert source_of(prepared).tags == ("de", "fr") and decoded(prepared, "train") == [("s1 zzz", "t")]
    assert prepare_data(TRANSLATION, other, TokenizerConfig("words", 50), 2, tmp_path, root, prepared.processors).reused
    assert prepare_data(TRANSLATION, other, CHARACTERS, 1, tmp_path, root).folder != prepared.folder
    strange = DataConfig((tsv(tmp_path / "c.tsv", [("s", "t", "", "it")]),))
    with pytest.raises(ValueError, match=r"c\.tsv:1: unknown tag 'it': the model has not learnt it; known: de, fr"):
        prepare_data(TRANSLATION, strange, CHARACTERS, 1, tmp_path, root, first.processors)


def test_cleaning_is_counted_with_examples_and_leaves_held_out_pairs(tmp_path: Path) -> None:
    good = [(f"house number {n}", f"Haus Nummer {n}") for n in range(30)]
    bad = [
        good[0],
        ("fine", "Ã¼bel"),
        ("same", "same"),
        ("Привет", "Haus"),
        ("--- 1", "x"),
        ("one", "a b c d e f g h i"),
    ]
    clean = Clean(drop_copies=True, scripts={"source": "Latin"}, min_letters=0.5, max_ratio=4.0)
    dev = tsv(tmp_path / "d.tsv", [*bad[1:], ("house number 3", "x")])
    prepared = run(tmp_path, train=(tsv(tmp_path / "f.tsv", [*good, *bad]),), dev=dev, clean=clean)
    dropped = prepared.report["origins"]["train"]["dropped"]
    # all that is bad is in dev as well, but for the repetition
    assert {reason: found["count"] for reason, found in dropped.items()} == {"duplicate": 1, "source occurs in dev": 6}
    assert prepared.report["parts"]["dev"]["records"] == 6 and not prepared.report["origins"]["dev"]["dropped"]
    prepared = run(tmp_path, train=(tsv(tmp_path / "f.tsv", [*good, *bad]),), clean=clean)
    dropped = prepared.report["origins"]["train"]["dropped"]
    assert {reason: found["count"] for reason, found in dropped.items()} == {
        "duplicate": 1,
        "damaged encoding": 1,
        "target equals source": 1,
        "wrong script": 1,
        "too few letters": 1,
        "length ratio above max-ratio": 1,
    }
    assert decoded(prepared, "train") == good
    text = "\n".join(prepared.summary())
    assert f"damaged encoding, 1 pair ({tmp_path}/f.tsv:32: fine -> Ã¼bel)" in text
    assert "3 and 17 tokens: one -> a b c d" in text
    known = set(source_of(prepared).pieces(range(source_of(prepared).size)))
    assert "Ã" not in known and "П" not in known  # nothing is learnt from what is left out


def test_weights_share_a_folder_and_reach_the_loader(tmp_path: Path) -> None:
    corpora = (
        tsv(tmp_path / "a.tsv", [*numbered(40), ("", "x")]),
        tsv(tmp_path / "b.tsv", [*numbered(5), ("own", "y")]),
    )
    first = run(tmp_path, train=corpora)
    again = run(tmp_path, train=(replace(corpora[0], weight=0.5), replace(corpora[1], weight=3.0)))
    assert again.reused and again.folder == first.folder and first.report["corpora"] == [40, 1]
    seen = np.concatenate(loader(again, [0.5, 3.0]).plan(0))
    assert len(seen) == 23 and seen.tolist().count(40) == 3
    assert np.concatenate(loader(first).plan(0)).tolist() == np.concatenate(loader(first, [1.0, 1.0]).plan(0)).tolist()


def test_columns_and_tags_are_part_of_what_a_folder_is(tmp_path: Path) -> None:
    _write(tmp_path / "f.csv", b"en,de,fr\n" + b"".join(b"one %d,eins %d,un %d\n" % (n, n, n) for n in range(9)))
    german = Corpus(file=tmp_path / "f.csv", columns=named("en", "de"))
    french = Corpus(file=tmp_path / "f.csv", columns=named("en", "fr"))
    found = [run(tmp_path, train=(corpus,)) for corpus in (german, french, replace(french, tag="fr"))]
    assert len({prepared.folder for prepared in found}) == 3
    both = run(tmp_path, train=(replace(german, tag="de"), replace(french, tag="fr")), split=Split(dev=2))
    assert both.report["parts"]["train"]["records"] == 14 and len(held_out(both, "dev")) == 4


def test_a_test_set_that_is_wholly_in_train(tmp_path: Path) -> None:
    train, test = tsv(tmp_path / "f.tsv", numbered(20)), tsv(tmp_path / "t.tsv", numbered(5))
    prepared = run(tmp_path, train=(train,), test=test)
    assert prepared.summary()[0].startswith("warning: every source of the test files occurs in the train files too")
    assert prepared.report["overlap"] == {"test": {"keys": 5, "in_train": 5}}
    with pytest.raises(ValueError, match="no pairs are left to train on: of 20, 20 are removed"):
        run(tmp_path, train=(train,), test=train)


def test_a_dev_set_without_the_tags_of_train_is_warned_of(tmp_path: Path) -> None:
    train = (replace(tsv(tmp_path / "f.tsv", numbered(20)), tag="de"),)
    dev = tsv(tmp_path / "d.tsv", [("own", "x")])
    prepared = run(tmp_path, train=train, dev=dev)
    assert prepared.summary()[0].startswith(
        "warning: 1 of 1 dev pairs has no tag, but every pair to train on has one (de)"
    )
    assert not run(tmp_path, train=train, dev=replace(dev, tag="de")).report["warnings"]


def test_what_a_kill_left_goes_though_a_setting_changed(tmp_path: Path) -> None:
    corpus, root = tsv(tmp_path / "f.tsv", numbered(10)), tmp_path / "prepared"
    for name in (".0123456789abcdef.00000000.tmp", ".0123456789abcdef.11111111.tmp"):
        (root / name).mkdir(parents=True)
        (root / name / "train.arrow").touch()
    with path_lock(root / ".0123456789abcdef.11111111.tmp"):
        prepared = run(tmp_path, train=(corpus,))
    assert {path.name for path in root.iterdir()} == {".0123456789abcdef.11111111.tmp", prepared.folder.name}


def test_rows_of_many_lines_are_read_where_the_run_file_says_so(tmp_path: Path) -> None:
    corpus = Corpus(file=_write(tmp_path / "f.csv", b'source,target\n"' + b"a\n" * 101 + b'a",b\n'))
    with pytest.raises(ValueError, match=r"more than 100 lines: .* raise data\.max-row-lines in a run file"):
        run(tmp_path, train=(corpus,))
    assert run(tmp_path, train=(corpus,), max_row_lines=102).report["parts"]["train"]["records"] == 1


def test_packed_files_are_the_same_data(tmp_path: Path) -> None:
    corpus = tsv(tmp_path / "f.tsv", numbered(30))
    packed = _write(tmp_path / "g.tsv.gz", gzip.compress((tmp_path / "f.tsv").read_bytes()))
    assert run(tmp_path, train=(Corpus(file=packed),)).folder == run(tmp_path, train=(corpus,)).folder
    cut = _write(tmp_path / "h.tsv.gz", packed.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"h\.tsv\.gz: the gzip file ends too early"):
        run(tmp_path, train=(Corpus(file=cut),))


def test_a_vocabulary_that_the_text_does_not_fill_is_told(tmp_path: Path) -> None:
    prepared = run(tmp_path, TokenizerConfig("characters", 5000), train=(tsv(tmp_path / "f.tsv", numbered(5)),))
    size = source_of(prepared).size
    assert (
        f"tokenizer: {size} pieces for source and target (vocabulary = 5,000; the text has no more)"
        in prepared.summary()
    )


def test_a_file_that_somebody_writes_to_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many lines as before, so that only the folder's name would be wrong."""
    corpus = tsv(tmp_path / "a.tsv", numbered(20))
    build = module._build

    def meanwhile(*arguments: object) -> object:
        tsv(tmp_path / "a.tsv", [(source.upper(), target) for source, target in numbered(20)])
        os.utime(tmp_path / "a.tsv", (1, 1))
        return build(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_build", meanwhile)
    with pytest.raises(ValueError, match=r"a\.tsv: changed during reading; start again"):
        run(tmp_path, train=(corpus,))
    assert not list((tmp_path / "prepared").iterdir())


def test_a_file_that_is_only_touched_meanwhile_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = tsv(tmp_path / "a.tsv", numbered(20))
    build = module._build
    monkeypatch.setattr(
        module, "_build", lambda *arguments: (os.utime(tmp_path / "a.tsv", (1, 1)), build(*arguments))[1]
    )
    assert run(tmp_path, train=(corpus,)).report["parts"]["train"]["records"] == 20


def test_a_corpus_with_a_tag_that_the_model_to_go_on_with_has_not_learnt(tmp_path: Path) -> None:
    first = run(tmp_path, train=(replace(tsv(tmp_path / "a.tsv", numbered(20)), tag="de"),))
    data = DataConfig(train=(Corpus(file=tmp_path / "a.tsv", tag="fr"),))
    with pytest.raises(ValueError, match=r"data\.train: tag = 'fr' is unknown: the model has not learnt it; known: de"):
        prepare_data(TRANSLATION, data, CHARACTERS, 1, tmp_path, tmp_path / "prepared", first.processors)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (TokenizerConfig(vocabulary=261), r"^\[tokenizer\] vocabulary = 261 is too small .*, or exact = false"),
        (
            TokenizerConfig(vocabulary=9000, shared=False),
            r"^\[tokenizer\] vocabulary = 9000 is more .* \(of the sources\)$",
        ),
        (
            TokenizerConfig("characters", 400, shared=False, columns={"target": ColumnTokenizer("bpe", 9000)}),
            r"^\[tokenizer\.target\] vocabulary = 9000 is more .* \(of the targets\)$",
        ),
    ],
)
def test_a_vocabulary_that_does_not_suit_the_text_is_named_with_its_table(
    tmp_path: Path, config: TokenizerConfig, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        run(tmp_path, config, train=(tsv(tmp_path / "a.tsv", numbered(20)),))


def test_records_to_train_on_are_shown_as_they_are_read(tmp_path: Path) -> None:
    rows = [(f"s {n}", f"t {n}", f"g {n}", "de") for n in range(30)]
    rows[15] = ("x" * 300, "too long", "g", "de")
    prepared = run(tmp_path, train=(tsv(tmp_path / "f.tsv", rows),))
    assert [example["where"].rpartition(":")[2] for example in prepared.report["examples"]] == ["5", "15", "26"]
    assert prepared.summary()[-6:-1] == [
        f"a train pair, {tmp_path}/f.tsv:26:",
        "  source: s 25",
        "  target: t 25",
        "  group: g 25",
        "  tags: de",
    ]


def test_many_records_beyond_max_length_give_a_warning(tmp_path: Path) -> None:
    long = [(f"s {n}", "t " * 150 + str(n)) for n in range(8)]
    words = "train files: 8 pairs left out, and 30 not, as a text has more tokens than data.clean.max-length = 250: raise it"
    (warning,) = run(tmp_path, train=(tsv(tmp_path / "f.tsv", numbered(30) + long),)).report["warnings"]
    assert warning.startswith(words)
    assert not run(tmp_path, train=(tsv(tmp_path / "f.tsv", numbered(30) + long[:2]),)).report["warnings"]


@pytest.mark.parametrize("settings", [{"kind": "unigram"}, {"kind": "bpe", "shared": False}])
def test_tokenizers_learn_nothing_from_records_that_are_too_long(tmp_path: Path, settings: dict[str, object]) -> None:
    """Else they would fill the vocabulary with pieces that no record in use has."""
    draw = random.Random(1)
    good = [(f"two {n}", f"zwei {n}") for n in range(300)]
    garbage = [("".join(draw.choices("pqvxyz ", k=1500)), "y") for _ in range(60)]
    tokenizer = TokenizerConfig(vocabulary=2000, exact=False, **settings)  # type: ignore[arg-type]
    clean, mixed = (
        run(tmp_path, tokenizer, train=(tsv(tmp_path / f"{len(rows)}.tsv", rows),)) for rows in (good, good + garbage)
    )
    assert mixed.report["parts"]["train"]["records"] == 300
    assert source_of(mixed).sha256() == source_of(clean).sha256()


def test_a_few_long_records_do_not_make_tokenizers_learn_twice(tmp_path: Path) -> None:
    rows = [*numbered(300), ("x y " * 65 + "z", "z")]
    prepared = run(tmp_path, train=(tsv(tmp_path / "f.tsv", rows),))
    assert prepared.report["parts"]["train"]["records"] == 300
    assert "x" in source_of(prepared).pieces(range(source_of(prepared).size))


def test_texts_of_another_length_than_the_other_teach_tokenizers_nothing(tmp_path: Path) -> None:
    rows = [*numbered(50), *((f"q {n}", "qq " * 40) for n in range(20))]
    clean = Clean(max_ratio=4.0)
    prepared = run(
        tmp_path, TokenizerConfig("bpe", 400, exact=False), train=(tsv(tmp_path / "f.tsv", rows),), clean=clean
    )
    assert prepared.report["parts"]["train"]["records"] == 50
    assert "q" not in source_of(prepared).pieces(range(source_of(prepared).size))

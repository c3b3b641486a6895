"""Pairs from text of one language: what they hold, what is left out, and that a broken run goes on as if it had not been."""

import gzip
import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

import tiny_model
from pairs import pairs as read_pairs
from transduce.cli.main import main
from transduce.data.config import Corpus
from transduce.data.findings import Findings
from transduce.data.formats.lines import LineRules
from transduce.decoding.strategies.sampling import Sampling
from transduce.models.model import Model, load
from transduce.tasks.outputs import Output
from transduce.workflows.back_translate import run as module
from transduce.workflows.back_translate.run import PairCounts, Synthesis, back_translate
from transduce.workflows.predict.line_batches import Line
from transduce.workflows.predict.method import Method

WORDS = tiny_model.WORDS
LINES = [f"{WORDS[i % 90]} {WORDS[i * 7 % 90]}" for i in range(60)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load(folder, "cpu")


@pytest.fixture(autouse=True)
def babble_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model with random weights never ends its outputs; here that shall be no flaw."""
    flaw = module._flaw
    monkeypatch.setattr(module, "_flaw", lambda line, output: flaw(line, replace(output, ended=True)))


def wanted(model: Model, **changes: Any) -> Synthesis:
    return Synthesis(Method(model.decoding(**changes)))


def text(folder: Path, lines: Sequence[str], name: str = "text.de") -> Path:
    (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder / name


def pairs(path: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    """As training reads them."""
    found = read_pairs(Corpus(file=path), LineRules(), Findings())
    return [(each.source, each.target, each.tags) for each in found]


@pytest.mark.parametrize("name", ["out.jsonl", "out.tsv", "out.ndjson.gz", "out.jsonl.zst"])
def test_each_line_becomes_the_target_of_its_translation(model: Model, tmp_path: Path, name: str) -> None:
    made = back_translate(model, [text(tmp_path, LINES)], tmp_path / name, wanted(model))
    found = pairs(tmp_path / name)
    expected = dict(zip(LINES, model.translate(LINES), strict=True))
    assert found and all(expected[target] == source for source, target, _ in found)
    assert {tags for *_, tags in found} == {("synthetic",)}
    assert made.pairs == len(found) and made.lines == len(LINES) == len(found) + sum(made.left_out.values())
    assert [target for _, target, _ in found] == [line for line in LINES if line in {each[1] for each in found}]


def test_tags_are_those_asked_for(model: Model, tmp_path: Path) -> None:
    for name, tags in (("none.jsonl", ()), ("none.tsv", ()), ("two.jsonl", ("bt", "de")), ("two.tsv", ("bt", "de"))):
        back_translate(model, [text(tmp_path, LINES)], tmp_path / name, replace(wanted(model), tags=tags))
        assert {found for *_, found in pairs(tmp_path / name)} == {tags}


def test_compressed_text_and_several_files(model: Model, tmp_path: Path) -> None:
    packed = "\n".join(LINES[:20]).encode()
    (tmp_path / "a.de.gz").write_bytes(gzip.compress(packed))
    (tmp_path / "b.de.zst").write_bytes(zstandard.compress(packed))
    paths = [tmp_path / "a.de.gz", tmp_path / "b.de.zst", text(tmp_path, LINES[20:])]
    assert back_translate(model, paths, tmp_path / "out.tsv", wanted(model)).lines == 80


def test_unusable_lines_are_counted(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "text.de"
    long = " ".join(WORDS[:60])
    path.write_bytes("\n".join([LINES[0], "", "  ", long, "bad"]).encode() + b"\xff\n" + f"{LINES[1]}\n".encode())
    made = back_translate(model, [path], tmp_path / "out.tsv", wanted(model))
    assert made.lines == 6
    assert made.left_out["blank"] == 2
    assert made.left_out["longer than the model takes"] == made.left_out["with a fault (invalid UTF-8)"] == 1
    assert str(PairCounts(5, 2, 0, made.left_out)).startswith("2 pairs from 5 lines; left out: 2 blank, 1 longer than")


@pytest.mark.parametrize(
    ("line", "output", "flaw"),
    [
        ("ein Haus", Output("a house", -1.0, -1.0), None),
        ("ein Haus", Output(" ", -1.0, -1.0), "with an output that is empty"),
        ("Debian  12", Output("debian 12", -1.0, -1.0), "with an output that is the line itself"),
        ("ein Haus", Output("a house", -1.0, -1.0, source_cut=True), "longer than the model takes"),
        ("ein Haus", Output("a a a", -1.0, -1.0, ended=False), "with an output cut at its longest length"),
        (" ", Output("", 0.0, 0.0), "blank"),
        ("ein Haus", Output("a\0 house", -1.0, -1.0), "with an output that is no text"),
        ("ein Haus", Output("a \ufffd house", -1.0, -1.0), "with an output that is no text"),
    ],
)
def test_flaws(monkeypatch: pytest.MonkeyPatch, line: str, output: Output, flaw: str | None) -> None:
    monkeypatch.undo()
    assert module._flaw(Line(1, "f:1", line), output) == flaw
    assert module._flaw(Line(1, "f:1", "", fault="line too long"), output) == "with a fault (line too long)"


@pytest.mark.parametrize("sampling", [None, Sampling(top_p=0.9)])
@pytest.mark.parametrize("broken_at", [0, 2])
def test_a_broken_run_goes_on_as_if_it_had_not_been(
    model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    sampling: Sampling | None,
    broken_at: int,
) -> None:
    source = text(tmp_path, ["", *LINES, "", *LINES])
    asked = wanted(model, sampling=sampling)
    whole = back_translate(model, [source], tmp_path / "whole.tsv", asked)

    calls, outputs = 0, Method.outputs

    def interrupted(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == broken_at + 1:
            raise KeyboardInterrupt
        return outputs(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Method, "outputs", interrupted)
        with pytest.raises(KeyboardInterrupt):
            back_translate(model, [source], tmp_path / "out.tsv", asked)
    assert not (tmp_path / "out.tsv").exists()
    caplog.set_level(logging.INFO, "transduce")
    assert back_translate(model, [source], tmp_path / "out.tsv", asked) == whole
    assert caplog.messages == ([] if broken_at == 0 else ["resuming after line 48 of 122"])
    assert (tmp_path / "out.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()
    assert {entry.name for entry in tmp_path.iterdir()} == {"text.de", "out.tsv", "whole.tsv"}


def test_a_broken_run_does_not_go_on_with_other_settings_or_text(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source, out = text(tmp_path, LINES), tmp_path / "out.tsv"
    with monkeypatch.context() as patched:
        patched.setattr("transduce.files.resumable_output.ResumableOutput.finish", lambda file: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            back_translate(model, [source], out, wanted(model))
    with pytest.raises(ValueError, match=r"out\.tsv\.part was begun with another decoding: .* or --force"):
        back_translate(model, [source], out, wanted(model, beam=1))
    with pytest.raises(ValueError, match=r"was begun with another text"):
        back_translate(model, [text(tmp_path, LINES[1:])], out, wanted(model))
    text(tmp_path, LINES)
    shorter = replace(model, generation=replace(model.generation, max_source=2))
    with pytest.raises(ValueError, match=r"was begun with another max_source"):
        back_translate(shorter, [source], out, wanted(model))
    caplog.set_level(logging.INFO, "transduce")
    assert model.folder is not None
    moved = Path(shutil.copytree(model.folder, tmp_path / "windows"))
    for path in (*moved.glob("*.toml"), *moved.glob("*.json")):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert back_translate(load(moved, "cpu"), [source], out, wanted(model, batch_tokens=64)).lines == len(LINES)
    assert caplog.messages == [f"resuming after line {len(LINES)} of {len(LINES)}"]
    source = text(tmp_path, LINES[1:])
    assert back_translate(model, [source], out, wanted(model, beam=1), force=True).lines == 59


def test_what_is_refused(model: Model, tmp_path: Path) -> None:
    source = text(tmp_path, LINES)
    out = tmp_path / "out.jsonl"

    def refused(match: str, sources: Sequence[Path], output: Path, asked: Synthesis | None = None) -> None:
        with pytest.raises((ValueError, OSError), match=match):
            back_translate(model, sources, output, asked or wanted(model))
        assert not list(tmp_path.glob("*.part*"))

    refused(r"out\.txt: the output must end in \.jsonl, \.ndjson, \.tsv", [source], tmp_path / "out.txt")
    refused("no such folder", [source], tmp_path / "no" / "out.tsv")
    refused(r"text\.de\.2: no such file", [source, tmp_path / "text.de.2"], out)
    refused("unknown tag|no tags are known", [source], out, replace(wanted(model), model_tags=("xx",)))
    refused("a tag has no white space", [source], out, replace(wanted(model), tags=("<b>",)))
    pairs_file = text(tmp_path, ["a\tb"], "pairs.tsv")
    refused(r"pairs\.tsv: a \.tsv file holds pairs", [pairs_file], out)
    refused(r"pairs\.tsv: is a file to be translated", [source, pairs_file], pairs_file)
    refused("no pair came of it: 0 pairs from 2 lines; left out: 2 blank", [text(tmp_path, ["", " "], "blank")], out)
    text(tmp_path, ["mine"], "out.jsonl")
    refused(r"out\.jsonl: exists already", [source], out)
    assert out.read_text() == "mine\n"
    cut = tmp_path / "cut.de.gz"
    cut.write_bytes(gzip.compress("\n".join(LINES).encode())[:-12])
    refused(r"cut\.de\.gz: the gzip file ends too early", [cut], tmp_path / "other.tsv")


def test_an_output_is_replaced_by_force(model: Model, tmp_path: Path) -> None:
    out = text(tmp_path, ["mine"], "out.jsonl")
    back_translate(model, [text(tmp_path, LINES)], out, wanted(model), force=True)
    assert len(pairs(out)) > 0


def test_the_command_prints_the_line_for_the_run_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text(tmp_path, LINES)
    arguments = ["back-translate", str(folder), "text.de", "--output", "syn.jsonl.gz", "--device", "cpu"]
    assert main([*arguments, "--sample", "--top-k", "5"]) == 0
    out, err = capfd.readouterr()
    assert out == '{ file = "syn.jsonl.gz", weight = 1.0 }\n'
    assert "pairs from 60 lines" in err
    (tmp_path / "run.toml").write_text(
        f"data = {{ train = [{out.strip()}], split = {{ dev = 3 }} }}\ntokenizer = {{ kind = 'words' }}\n"
    )
    assert main(["prepare", "run.toml"]) == 0
    assert main(arguments) == 2
    assert "exists already" in capfd.readouterr().err
    assert main([*arguments, "--untagged", "--tag", "x"]) == 2
    assert "give one of them" in capfd.readouterr().err


def test_ctrl_c_says_that_the_same_command_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Method, "outputs", interrupted)
    source = text(tmp_path, LINES)
    assert main(["back-translate", str(folder), str(source), "--output", str(tmp_path / "o.tsv")]) == 130
    assert "the same command continues" in capfd.readouterr().err


def test_a_tag_without_a_name_is_refused(model: Model, tmp_path: Path) -> None:
    """As from a variable of the shell that is not set; pairs without a tag have an option of their own."""
    with pytest.raises(ValueError, match="--tag names no tag; for pairs without one give --untagged"):
        back_translate(model, [text(tmp_path, LINES)], tmp_path / "out.tsv", replace(wanted(model), tags=("",)))

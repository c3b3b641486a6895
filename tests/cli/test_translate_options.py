"""The options of `transduce translate`, on a tiny model with tags; pipes and plain lines are in other files."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import tiny_model
import transduce
from transduce.cli.main import main
from transduce.decoding.config import Decoding
from transduce.decoding.strategies.sampling import Sampling
from transduce.machine.devices import Devices
from transduce.models.model import Model

SOURCES = ["bar", "", "dar kus", "mit dar bis kos", "nut"]
Run = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model.write(tmp_path_factory.mktemp("tagged"), tags=("de", "formal", "fr")))


@pytest.fixture(scope="module")
def model(folder: str) -> Model:
    return transduce.load(folder, "cpu")


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transduce.machine.devices.devices_of_machine", Devices)


@pytest.fixture
def run(folder: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Translates SOURCES, or the file named; what was written and said."""

    def translate(*options: str, file: str | None = None, code: int = 0) -> tuple[str, str]:
        if file is None:
            file = write(tmp_path / "sources", "".join(f"{line}\n" for line in SOURCES))
        assert main(["translate", folder, file, *options]) == code
        out, err = capfd.readouterr()
        return out, tiny_model.without_notes(err)

    return translate


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def texts(model: Model, settings: Decoding | None = None, **more: object) -> str:
    return "".join(f"{text}\n" for text in model.translate(SOURCES, **vars(settings or model.decoding()), **more))


def test_sampling(run: Run, model: Model, tmp_path: Path) -> None:
    options = ["--sample", "--temperature", "0.8", "--top-k", "20", "--top-p", "0.95", "--min-p", "0.01", "--seed", "3"]
    settings = model.decoding(sampling=Sampling(temperature=0.8, top_k=20, top_p=0.95, min_p=0.01, seed=3))
    drawn = texts(model, settings)
    assert run(*options) == (drawn, "")
    assert drawn != texts(model)
    assert run(*options[:-1], "4")[0] != drawn
    first, second = write(tmp_path / "a", "bar\n\ndar kus\n"), write(tmp_path / "b", "mit dar bis kos\nnut\n")
    assert run(*options, second, file=first)[0] == drawn
    rows = run("--sample", "--n-best", "5")[0].splitlines()
    assert [row.split("\t")[:2] for row in rows[:6]] == [["1", str(rank)] for rank in range(1, 6)] + [["2", "1"]]


def test_settings_of_the_search(run: Run, model: Model) -> None:
    settings = model.decoding(beam=4, groups=2, diversity=0.5, max_length=6, alpha=0.5, no_repeat_ngram=1)
    options = "--beam 4 --groups 2 --diversity 0.5 --max-length 6 --alpha 0.5 --no-repeat-ngram 1".split(" ")  # noqa: SIM905
    assert run(*options) == (texts(model, settings), "")
    lengths = [len(line.split()) for line in run("--min-length", "8", "--repetition-penalty", "1.5")[0].splitlines()]
    assert min(lengths[:1] + lengths[2:]) >= 7  # the end is a token too
    penalised = model.decoding(coverage_penalty=0.3, batch_tokens=64, max_ratio=1.0, max_extra=3)
    options = "--coverage-penalty 0.3 --batch-tokens 64 --max-ratio 1 --max-extra 3".split(" ")  # noqa: SIM905
    assert run(*options)[0] == texts(model, penalised)


def test_tags(run: Run, model: Model) -> None:
    assert run("--tag", "fr", "--tag", "formal") == (texts(model, tags=[("fr", "formal")] * 5), "")
    assert texts(model, tags=[("fr", "formal")] * 5) != texts(model)
    out, err = run("--tag", "ge", code=2)
    assert out == ""
    assert "'ge'" in err and "known: de, formal, fr" in err


@pytest.mark.parametrize(
    ("tags", "options", "said"),
    [
        (("de", "synthetic"), [], "--tag is not given; the model knows de\n"),
        (("de",), ["--tag", "de"], ""),
        (("synthetic",), [], ""),
        ((), [], ""),
    ],
)
def test_a_forgotten_tag(
    tags: tuple[str, ...], options: list[str], said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = str(tiny_model.write(tmp_path / "model", tags=tags))
    assert main(["translate", folder, write(tmp_path / "f", "bar\n"), "--max-length", "2", *options]) == 0
    err = "".join(line for line in capfd.readouterr().err.splitlines(keepends=True) if "is not given" in line)
    assert err == said


def test_one_prefix_for_all(run: Run) -> None:
    out, _ = run("--prefix", "lot nas")
    assert [line.startswith("lot nas ") or not line for line in out.splitlines()] == [True] * 5
    assert out.splitlines()[1] == ""
    assert (
        "the prefix has the word 'Baum', which is none of the model's target words"
        in run("--prefix", "Baum", code=2)[1]
    )


def test_a_prefix_for_each(run: Run, tmp_path: Path, model: Model) -> None:
    prefixes = write(tmp_path / "prefixes", "lot\nnas\n\nkus kus\ndor")
    out = run("--prefixes", prefixes)[0].splitlines()
    assert [line.split()[:2] for line in (out[0], out[3], out[4])][1] == ["kus", "kus"]
    assert (out[0].split()[0], out[4].split()[0], out[1]) == ("lot", "dor", "")
    assert out[2] == model.translate(["dar kus"])[0]
    short = write(tmp_path / "short", "lot\n")
    out, err = run("--prefixes", short, code=2)
    assert (out, err) == ("", f"transduce: error: {short} has 1 line, but the input has 5; each line has its prefix\n")


def test_a_prefix_that_contradicts_the_maximum_length(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "f", "\nbar\n")
    out, err = run("--prefix", "lot nas kus", "--max-length", "3", file=path, code=2)
    assert out == "\n"
    assert err == (
        f"transduce: error: {path}:2: the prefix has 3 tokens, but the output may have at most 3, its end included; "
        "shorten the prefix, or raise max-length, max-ratio or max-extra\n"
    )


def test_ensembles(run: Run, folder: str, model: Model, tmp_path: Path) -> None:
    assert run("--ensemble", folder, "--ensemble", folder) == (texts(model), "")
    other = tiny_model.write(tmp_path / "other", shared=False)
    out, err = run("--ensemble", str(other), code=2)
    assert out == ""
    assert err.startswith(f"transduce: error: {folder} and {other} have different source vocabularies (words, ")


def test_minimum_bayes_risk(run: Run, model: Model) -> None:
    drawn, _ = run("--mbr", "6", "--top-p", "0.9")
    candidates = model.translate_n_best(SOURCES, n_best=6, sampling=Sampling(top_p=0.9))
    assert all(
        line in {each.text for each in found} for line, found in zip(drawn.splitlines(), candidates, strict=True)
    )
    searched, _ = run("--mbr", "6", "--mbr-of", "beam")
    candidates = model.translate_n_best(SOURCES, n_best=6)
    assert all(
        line in {each.text for each in found} for line, found in zip(searched.splitlines(), candidates, strict=True)
    )
    assert drawn != searched
    assert run("--mbr", "1", "--mbr-of", "beam")[0] == texts(model)


def test_confidence_stands_before_the_text(run: Run, model: Model) -> None:
    found = model.translate_n_best(SOURCES)
    rows = [row.split("\t") for row in run("--confidence")[0].splitlines()]
    assert rows == [[f"{outputs[0].confidence:.4f}", outputs[0].text] for outputs in found]
    columns = [row.split("\t") for row in run("--confidence", "--n-best", "2")[0].splitlines()]
    assert {len(row) for row in columns} == {5}
    assert columns[0][3] == rows[0][0]


def test_json(run: Run, model: Model) -> None:
    rows = [json.loads(row) for row in run("--json", "--tag", "de")[0].splitlines()]
    assert [row["text"] for row in rows] == model.translate(SOURCES, tags=[("de",)] * 5)
    assert [row["line"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[1] == {
        "line": 2, "rank": 1, "text": "", "score": 0.0, "confidence": 1.0,
        "ended": True, "source_cut": False, "tags": ["de"], "tokens": [],
    }  # fmt: skip


def test_alignments_beside_the_output(run: Run, model: Model, tmp_path: Path) -> None:
    path = tmp_path / "links"
    assert run("--alignments", str(path)) == (texts(model), "")
    links = path.read_text().split("\n")
    assert len(links) == 6 and links[1] == links[5] == ""
    assert any(links)
    source = write(tmp_path / "source", "bar\n")
    out, err = run("--alignments", source, file=source, code=2)
    assert out == "" and f"--alignments {source} is a file that is read; name another, or it would be lost" in err
    assert Path(source).read_text() == "bar\n"


def test_sentences_of_paragraphs(run: Run, model: Model, tmp_path: Path) -> None:
    path = write(tmp_path / "letter", "Bar dar.  Mit dar?\n\n" + "Nut lot. " * 50 + "\n")
    first, second, nut = model.translate(["Bar dar.", "Mit dar?", "Nut lot."])
    assert run("--split-sentences", "en", file=path) == (f"{first}  {second}\n\n" + f"{nut} " * 50 + "\n", "")
    assert "longer than the 40 tokens" in run(file=path)[1]
    assert "expected a language code such as en" in run("--split-sentences", "english", file=path, code=2)[1]


def test_bad_lines_can_be_blank(run: Run, model: Model, tmp_path: Path) -> None:
    path = write(tmp_path / "bad", b"bar\nb\xe4r\nnut\n")
    bar, nut = model.translate(["bar", "nut"])
    out, err = run("--bad-lines", "blank", file=path)
    assert (out, err) == (f"{bar}\n\n{nut}\n", f"warning: {path}:2: invalid UTF-8 (0xe4 at byte 2 of the line)\n")


def test_a_packed_file_is_unpacked(run: Run, model: Model, tmp_path: Path) -> None:
    content = "".join(f"{line}\n" for line in SOURCES).encode()
    path = write(tmp_path / "sources.gz", gzip.compress(content))
    assert run(file=path)[0] == texts(model)
    cut = write(tmp_path / "cut.gz", gzip.compress(content)[:-5])
    assert f"transduce: error: {cut}: " in run(file=cut, code=2)[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--temperature 0.5", "--temperature goes with --sample or --mbr N"),
        ("--min-p 0.5 --mbr 4 --mbr-of beam", "--min-p goes with --sample or --mbr N"),
        ("--sample --beam 4", "--beam searches, --sample draws: give one of them"),
        ("--sample --groups 2 --diversity 1", "groups must be 1 with sampling"),
        ("--sample --temperature 0", "temperature must be above 0"),
        ("--mbr 4 --n-best 2", "--mbr chooses one output of its N: leave out --n-best"),
        ("--mbr-of beam", "--mbr-of goes with --mbr N"),
        ("--mbr 0", "--mbr must be at least 1, found 0"),
        ("--mbr 8 --mbr-of beam --beam 4", "n-best must be at most beam (4), found 8"),
        ("--min-length 300", "min-length must be at most max-length (10), found 300"),
        ("--groups 3 --diversity 1 --beam 4", "groups must divide beam (4) evenly, found 3"),
        ("--prefix a --prefixes b", "--prefix is for all lines, --prefixes for one each: give one of them"),
        ("--split-sentences en --n-best 2", "--split-sentences gives one output of each line: leave out --n-best"),
        ("--split-sentences en --prefix a", "--prefix is for whole lines: leave it out, or --split-sentences"),
        ("--split-sentences en --alignments a", "--alignments is for whole lines"),
        ("--alignments a --n-best 2", "--alignments are those of one output of each line: leave out --n-best"),
        ("--tag de --tag de", "the tag 'de' occurs twice"),
        ("--prefixes none.txt", "none.txt: no such file"),
    ],
)
def test_options_that_do_not_go_together(run: Run, options: str, message: str) -> None:
    out, err = run(*options.split(" "), code=2)
    assert out == ""
    assert message in err

"""Evaluation: which pairs are read, and that the figures are those of the metrics and of the model's own scores."""

import math
from pathlib import Path

import pytest
import sacrebleu
import torch

import tiny_model
from transduce.evaluation.metrics import METRICS
from transduce.workflows.evaluate import HeldOut, evaluate, read_aligned, read_pairs, write_translations
from transduce.workflows.model import Model, load

SOURCES = ("bar", "dar kus", "mit dar bis kos", "nut")
REFERENCES = (("mit mit",), ("lot lot kus", "nus nus"), ("ler ler ler ler",), ("das",))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(tiny_model.write(tmp_path_factory.mktemp("tiny"), shared=False), "cpu")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_metrics_compare_the_model_s_outputs_with_all_references(model: Model) -> None:
    found = evaluate(model, HeldOut(SOURCES, REFERENCES), beam=3)
    assert found.translations == tuple(model.translate(SOURCES, beam_size=3))
    assert [score.name for score in found.scores] == list(METRICS)
    streams = [[refs[0] for refs in REFERENCES], [refs[1] if len(refs) > 1 else None for refs in REFERENCES]]
    expected = sacrebleu.corpus_chrf(list(found.translations), streams).score  # type: ignore[arg-type]
    chrf = next(score for score in found.scores if score.name == "chrf")
    assert chrf.value == pytest.approx(expected)
    assert found.sentences == 4
    assert found.cut == 0


def test_perplexity_is_of_the_first_references_one_token_after_the_other(model: Model) -> None:
    found = evaluate(model, HeldOut(SOURCES, REFERENCES), metrics=["chrf"])
    total, tokens = 0.0, 0
    start, end = model.spec.generation.start, model.spec.generation.end
    for source, references in zip(SOURCES, REFERENCES, strict=True):
        ids = torch.tensor([[*model.tokenizers.source.encode(source), end]])
        target = [*model.tokenizers.target.encode(references[0]), end]
        for place, token in enumerate(target):
            prefix = torch.tensor([[start, *target[:place]]])
            with torch.no_grad():
                logits = model.network(ids, torch.tensor([ids.shape[1]]), prefix)[0, -1]
            total += float(logits.double().log_softmax(0)[token])
            tokens += 1
    assert found.target_tokens == tokens
    assert found.perplexity == pytest.approx(math.exp(-total / tokens), rel=1e-5)


def test_translations_are_written_one_a_line(model: Model, tmp_path: Path) -> None:
    found = evaluate(model, HeldOut(SOURCES, REFERENCES), metrics=["bleu"])
    write_translations(tmp_path / "out.txt", found)
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "".join(f"{text}\n" for text in found.translations)


def test_long_sources_are_counted(model: Model) -> None:
    sources = (" ".join(tiny_model.WORDS[:60]), "bar")
    assert evaluate(model, HeldOut(sources, REFERENCES[:2]), metrics=["chrf"]).cut == 1


@pytest.mark.parametrize(
    ("name", "message"), [("chr", "unknown metric 'chr'; did you mean 'chrf'?"), ("zzz", "known: bleu, chrf")]
)
def test_an_unknown_metric_is_refused_before_the_work(model: Model, name: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        evaluate(model, HeldOut(SOURCES, REFERENCES), metrics=["bleu", name])
    assert message in str(error.value)


def test_aligned_files_keep_every_line(tmp_path: Path) -> None:
    source = write(tmp_path / "s", "a\n\nb\u2028c\r\n")
    references = [write(tmp_path / "r1", "1\n2\n3"), write(tmp_path / "r2", "x\ny\nz\n")]
    assert read_aligned(source, references) == HeldOut(("a", "", "b\u2028c"), (("1", "x"), ("2", "y"), ("3", "z")))


def test_unequal_counts_are_named(tmp_path: Path) -> None:
    source, reference = write(tmp_path / "s", "a\nb\n"), write(tmp_path / "r", "1\n2\n3\n")
    with pytest.raises(ValueError) as error:
        read_aligned(source, [source, reference])
    assert f"{source} has 2" in str(error.value)
    assert f"{reference} has 3" in str(error.value)
    with pytest.raises(ValueError, match="r: the file is empty"):
        read_aligned(source, [write(reference, "")])


def test_alternatives_are_the_references_of_one_source(tmp_path: Path) -> None:
    path = write(tmp_path / "pairs.tsv", "read\tR IY D\nhouse\tHH AW S\nread\tR EH D\nread\tR IY D\n \tnothing\n")
    assert read_pairs(path) == HeldOut(
        ("read", "house", "read", "read"), (("R IY D",), ("HH AW S",), ("R EH D",), ("R IY D",)), 1
    )
    assert read_pairs(path, alternatives=True) == HeldOut(("read", "house"), (("R IY D", "R EH D"), ("HH AW S",)), 1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.tsv", b"a\tb\nonly\nno\n", "p.tsv:2: wrong number of columns"),
        ("p.jsonl", b'{"source": "a", "target": "b"}\n{"source": "a"}\n', 'p.jsonl:2: missing key (no "target")'),
        ("p.tsv", b"a\tb\n\xff\tb\n", "p.tsv:2: invalid UTF-8"),
        ("p.tsv", b"\ta\n", "p.tsv: holds no pairs"),
        ("p.csv", b"a,b\n", "unknown extension '.csv'"),
    ],
)
def test_a_test_set_is_read_in_full_or_not_at_all(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_pairs(tmp_path / name)
    assert message in str(error.value)
    assert "data.bad-lines" not in str(error.value)  # a key of run files, which are not at work here

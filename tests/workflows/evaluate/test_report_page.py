"""The report: one page that needs nothing else, in which no text from outside becomes markup."""

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tiny_model
from pairs import of_texts
from transduce.evaluation.metrics import METRICS, OF_NUMBERS
from transduce.models.model import load
from transduce.workflows.evaluate.assessment import Assessment, Questions, assess
from transduce.workflows.evaluate.breakdowns import KINDS
from transduce.workflows.evaluate.calibrate import calibration
from transduce.workflows.evaluate.report import report_page, write_report
from transduce.workflows.evaluate.run import evaluate, judge

EVIL = [
    "<script>alert(1)</script>",
    "</dd></dl><img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)' onclick='alert(2)",
    "{{ 7 * 7 }} {% raw %} ${1}",
    "<!-- --> &lt;b&gt; ]]> \u202egnp.exe\u202c",
]
SCRIPTS = ["السلام عليكم", "שלום עולם", "我喜歡貓", "नमस्ते दुनिया", "Жизнь прекрасна"]
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Tags with their attributes, and the text; raises where tags are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def assessment(name: str = "ours") -> Assessment:
    texts = EVIL + SCRIPTS
    sources = tuple(f"{text} {'word ' * place}".strip() for place, text in enumerate(texts))
    held_out = of_texts(
        sources,
        tuple((text,) for text in texts),
        left_out=2,
        tags=tuple((f"<t{place % 2}>",) for place in range(len(texts))),
        groups=tuple(EVIL[place % 2] for place in range(len(texts))),
        name="<i>test</i>.tsv",
    )
    metrics = [METRICS["chrf"], METRICS["ter"]]
    ours = judge(name, [text[1:] for text in texts], held_out.references, metrics)
    others = [
        judge(f"<b>other {place}</b>", [text[::-1] for text in texts], held_out.references, metrics)
        for place in range(2)
    ]
    return assess(held_out, ours, others, Questions(breakdowns=KINDS, sentences=20))


def test_nothing_from_outside_becomes_markup() -> None:
    text = report_page(assessment(name="<script>name</script>"))
    page = Page(text)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "b", "i", "iframe", "object", "link", "form"})
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
    for evil in EVIL:
        assert evil in page.text
    assert "49" not in re.findall(r"\{\{.*", page.text)[0]
    assert "<i>test</i>.tsv" in page.text
    assert "<b>other 1</b>" in page.text


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = report_page(assessment())
    page = Page(text)
    assert "://" not in text
    assert "url(" not in text
    assert "@import" not in text
    for image in page.all("img"):
        kind, _, data = (image["src"] or "").partition(",")
        assert kind == "data:image/svg+xml;base64"
        ElementTree.fromstring(base64.b64decode(data))
        assert image["alt"]
    policy = next(each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_every_script_runs_its_own_way() -> None:
    page = Page(report_page(assessment()))
    for text in SCRIPTS:
        assert text in page.text
    assert all(attributes.get("dir") == "auto" for attributes in page.all("dd"))
    assert (page.all("html")[0]["lang"], page.all("meta")[0]["charset"]) == ("en", "utf-8")


def test_links_and_labels_lead_somewhere() -> None:
    page = Page(report_page(assessment()))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {f"#{each}" for each in ids} == {each["href"] for each in page.all("a")}
    assert {each["aria-labelledby"] for each in page.all("section")} == set(ids)
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(each.get("scope") in ("col", "row", "rowgroup") for each in page.all("th"))


def test_figures_stand_in_the_page() -> None:
    found = assessment()
    page = Page(report_page(found))
    for system in found.systems:
        for score in system.scores:
            assert f"{score.value:.2f}" in page.text
            assert score.signature in page.text
    one = found.compared[0].comparisons[0]
    assert f"{one.difference:+.2f}" in page.text
    assert "left out: 2 pairs with an empty column" in page.text
    assert page.text.count("Sentence ") >= 10


def test_words_that_no_reference_has_are_marked() -> None:
    held_out = of_texts(("s",), (("a black cat sat", "no such words"),))
    outputs = judge("o", ["a red cat sat"], held_out.references, [METRICS["chrf"]])
    text = report_page(assess(held_out, outputs, questions=Questions(sentences=1)))
    assert re.findall("<mark>.*?</mark>", text) == ["<mark>red </mark>"]


def test_one_sentence_and_an_empty_output() -> None:
    held_out = of_texts((), (("a b",),))
    systems = [
        judge(name, [text], held_out.references, [each for each in METRICS.values() if each not in OF_NUMBERS])
        for name, text in (("x", ""), ("y", "a"))
    ]
    page = Page(report_page(assess(held_out, systems[0], systems[1:], Questions(breakdowns=KINDS, sentences=3))))
    assert "(empty)" in page.text
    assert "1 sentence." in page.text


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a model and a log."""
    folder = tmp_path_factory.mktemp("runs") / "demo"
    folder.mkdir()
    (folder / "run.toml").touch()
    shutil.copytree(tiny_model.write(tmp_path_factory.mktemp("tiny")), folder / "model")
    events = [{"kind": "validation", "step": step, "loss": 5 - step, "chrf": 10 * step} for step in (1, 2, 3)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


def test_a_model_in_a_run_has_facts_a_curve_and_calibration(run: Path, tmp_path: Path) -> None:
    held_out = of_texts(("bar", "dar kus", "kus " * 50), (("mit",), ("lot kus",), ("das",)))
    model = load(run / "model", "cpu")
    found = assess(held_out, evaluate(model, held_out, ["chrf"]), calibration=calibration(model, held_out))
    write_report(tmp_path / "report.html", found, run)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len(page.all("img")) == 2
    for words in (
        "Learning curve",
        "d-model",
        "in all",
        "words, ",
        "expected calibration error",
        "perplexity",
        "# tiny",
    ):
        assert words in page.text
    assert "3 sentences; 1 source longer than the model takes" in page.text
    elsewhere = report_page(found, shutil.copytree(run / "model", tmp_path / "alone"))
    assert "Learning curve" not in elsewhere


def test_the_example_of_the_docs(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[3] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    shutil.copytree(run, tmp_path / "runs" / "help")
    (tmp_path / "runs" / "help" / "test.jsonl").write_text('{"source": "bar", "target": "mit"}\n' * 3, encoding="utf-8")
    (tmp_path / "other.txt").write_text("mit\n" * 3, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("transduce.models.model.choose_device", lambda device: "cpu")
    for example in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(example, {})
    assert "Most different: A and B" in (tmp_path / "report.html").read_text(encoding="utf-8")

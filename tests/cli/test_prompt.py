"""The prompt of `transduce translate`: what it answers to what is typed."""

import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

import tiny_model
from transduce.cli.prompt import converse
from transduce.decoding.strategies.sampling import Sampling
from transduce.models.model import Model, load
from transduce.workflows.predict.method import Method
from transduce.workflows.predict.output_lines import Columns, Json
from transduce.workflows.predict.stream import LineOptions

LONG = " ".join(tiny_model.WORDS[:60])
Talk = Callable[..., list[str]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(tiny_model.write(tmp_path_factory.mktemp("tiny")), "cpu")


@pytest.fixture
def talk(model: Model, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Talk:
    """Types lines; the answers, without the first and the last line."""

    def type_in(line_options: LineOptions, *typed: str, prefix: str = "") -> list[str]:
        waiting = iter(typed)

        def answer(prompt: str) -> str:
            try:
                return next(waiting)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr("builtins.input", answer)
        assert converse(model, line_options, prefix) == 0
        first, *answers, last = capfd.readouterr().out.split("\n")[:-1]
        assert (first, last) == (f"{model.folder}: type a line; Ctrl-D ends", "")
        return answers

    return type_in


def test_lines_are_answered_and_blank_ones_are_not(model: Model, talk: Talk) -> None:
    plain = LineOptions(Method(model.decoding()))
    assert talk(plain, "bar", "", "  ", "nu\0t") == model.translate(["bar", "nut"])
    assert talk(plain, "bar", prefix="lot")[0].startswith("lot ")


def test_columns_are_for_people(model: Model, talk: Talk) -> None:
    outputs = model.translate_n_best(["bar"], n_best=2)[0]
    ranked = LineOptions(Method(model.decoding(n_best=2)), line_format=Columns(ranked=True, confidence=True))
    assert talk(ranked, "bar") == [f"{each.score:8.3f}  {each.confidence:6.1%}  {each.text}" for each in outputs]
    assert talk(LineOptions(Method(model.decoding()), line_format=Json()), "bar")[0].startswith(
        '{"line": 1, "rank": 1, "text": '
    )


def test_draws_differ_from_line_to_line(model: Model, talk: Talk) -> None:
    drawn = LineOptions(Method(model.decoding(sampling=Sampling())))
    answers = talk(drawn, *["bar"] * 6)
    assert len(set(answers)) > 1
    assert talk(drawn, *["bar"] * 6) == answers


def test_what_cannot_be_translated_is_answered_too(model: Model, talk: Talk) -> None:
    refusing = LineOptions(Method(model.decoding(max_length=3)), long="refuse")
    assert talk(refusing, LONG) == [
        "(not translated: your line: the source is longer than the 40 tokens that this model takes)"
    ]
    answer, *_ = talk(refusing, "bar", prefix="lot nas kus")
    assert answer.startswith("(not translated: your line: the prefix has 3 tokens, but the output may have at most 3")


def test_what_the_model_writes_cannot_act_on_the_terminal(
    model: Model, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Method(model.decoding())
    (output,) = model.translate_n_best(["bar"])[0]
    acting = replace(output, text="a\x1b]0;x\x07 b")
    monkeypatch.setattr(Method, "outputs", lambda *_, **__: iter([(0, [acting])]))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for line_options in (LineOptions(plain), LineOptions(plain, line_format=Columns(ranked=False, confidence=False))):
        assert talk(line_options, "bar") == ["a\\x1b]0;x\\x07 b"]


def test_every_line_that_is_cut_is_named(model: Model, talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
    talk(LineOptions(Method(model.decoding())), *[LONG] * 12)
    assert sum("only its beginning was translated" in text for text in caplog.messages) == 12

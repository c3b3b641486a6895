"""`transduce generate`: prompts, searching and drawing, and text that comes in parts."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import tiny_model
import tiny_tasks
import transduce
from transduce.cli.main import main
from transduce.decoding.strategies.sampling import Sampling
from transduce.machine.devices import Devices
from transduce.models.model import Model
from transduce.tasks.language_model import LanguageModel, text_stream

Run = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tasks.write_language_model(tmp_path_factory.mktemp("words"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return transduce.load(folder, "cpu")


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transduce.machine.devices.devices_of_machine", Devices)


@pytest.fixture
def run(folder: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """What the command writes; with `code`, what it says."""

    def generate(*arguments: str, code: int = 0, model: Path = folder) -> str:
        assert main(["generate", str(model), *arguments]) == code
        out, err = capfd.readouterr()
        assert (out if code else err) == ""
        return err if code else out

    return generate


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts a file in the place of standard input."""
    with ExitStack() as stack:
        yield lambda path: monkeypatch.setattr(sys, "stdin", stack.enter_context(open(path)))


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_it_draws_unless_it_is_told_to_search(run: Run, model: Model) -> None:
    (drawn,) = model.generate(["bar dar"], sampling=Sampling())
    assert run("--prompt", "bar dar") == f"{drawn}\n"
    (greedy,), (searched,) = model.generate(["bar dar"], beam=1), model.generate(["bar dar"], beam=3)
    assert run("--prompt", "bar dar", "--beam", "1") == f"{greedy}\n"
    assert run("--prompt", "bar dar", "--beam", "3") == f"{searched}\n"
    assert drawn.startswith("bar dar ") and drawn not in (greedy, searched)


def test_the_prompt_may_be_standard_input_or_empty(
    run: Run, model: Model, tmp_path: Path, stdin: Callable[[str], None]
) -> None:
    stdin(write(tmp_path / "opening", "bar dar\n"))
    assert run() == run("--prompt", "bar dar")
    stdin(write(tmp_path / "nothing", ""))
    (begun,) = model.generate([""], sampling=Sampling())
    assert begun
    assert run() == run("--prompt", "") == f"{begun}\n"
    stdin(write(tmp_path / "windows", "\ufeffbar dar\r\n"))
    assert run() == run("--prompt", "bar dar")
    for content in (b"b\xe4r", b"bar\0dar"):
        stdin(write(tmp_path / "broken", content))
        assert "stdin:1: " in run(code=2)


def test_a_closed_standard_output_is_an_error_message(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert "standard output is closed" in run("--prompt", "bar", code=2)


def test_options_of_sampling_and_of_outputs(run: Run, model: Model) -> None:
    options = "--temperature 0.7 --top-k 20 --top-p 0.9 --min-p 0.01 --seed 7".split(" ")  # noqa: SIM905
    sampling = Sampling(temperature=0.7, top_k=20, top_p=0.9, min_p=0.01, seed=7)
    assert run("--prompt", "bar", *options) == "{}\n".format(*model.generate(["bar"], sampling=sampling))
    assert run("--prompt", "bar", "--seed", "7") != run("--prompt", "bar", "--seed", "8")
    assert run("--prompt", "bar", "--top-k", "1") == run("--prompt", "bar", "--beam", "1")
    rules: dict[str, Any] = {"max_length": 3, "min_length": 9, "no_repeat_ngram": 1, "repetition_penalty": 2.0}
    for name, value in rules.items():
        options, changes = [f"--{name.replace('_', '-')}", str(value)], {name: value}
        (text,) = model.generate(["bar"], beam=1, **changes)
        assert run("--prompt", "bar", "--beam", "1", *options) == f"{text}\n"
    assert len(run("--prompt", "bar", "--max-length", "3").split()) <= 1 + 3


def test_a_model_s_own_sampling_is_where_the_options_begin(run: Run, tmp_path: Path) -> None:
    own = tiny_tasks.write_language_model(tmp_path / "model", sampling=Sampling(top_k=1))
    greedy = run("--prompt", "bar", "--beam", "1")
    assert run("--prompt", "bar", model=own) == run("--prompt", "bar", "--seed", "5", model=own) == greedy
    assert run("--prompt", "bar", "--beam", "2", model=own) == run("--prompt", "bar", "--beam", "2")
    assert run("--prompt", "bar", "--top-k", "0", model=own) != greedy


@pytest.fixture(scope="module")
def every_kind(model: Model, tmp_path_factory: pytest.TempPathFactory) -> list[Model]:
    root = tmp_path_factory.mktemp("kinds")
    kinds = ("unigram", "bpe", "characters")
    return [model, *(transduce.load(tiny_tasks.write_language_model(root / kind, kind), "cpu") for kind in kinds)]


@pytest.mark.parametrize("prompt", ["", "bar", "bar dar ", "猫", "\ufffd", "\ue000"])
def test_the_parts_are_the_whole_text(every_kind: list[Model], prompt: str) -> None:
    ways: list[dict[str, Any]] = [{"sampling": Sampling(seed=seed)} for seed in range(4)]
    compared = 0
    for model in every_kind:
        assert isinstance(model.task, LanguageModel)
        for changes in [*ways, {"beam": 1}, {"beam": 3}]:
            decoding = model.decoding(**changes)
            parts = list(text_stream(model, prompt, decoding, model.task.context))
            (whole,) = model.generate([prompt], **changes)
            tokenizer = model.processors.tokenizer("text")
            begin = tokenizer.decode(tokenizer.encode(prompt))
            if "\ufffd" not in whole.removeprefix(begin):  # bytes that are no text: see StreamDecoder
                assert begin + "".join(parts) == whole
                compared += 1
    assert compared >= 6  # all of the words


def test_parts_come_before_the_text_is_complete(model: Model) -> None:
    parts = text_stream(model, "bar", model.decoding(sampling=Sampling(), max_length=10), context=64)
    first = next(parts)
    assert first.strip() in tiny_model.WORDS
    assert len("".join(parts).split()) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--beam", "2", "--seed", "3"], "--beam searches, --seed draws: give one of them"),
        (["--beam", "2", "--top-p", "0.5"], "--beam searches, --top-p draws: give one of them"),
        (["--beam", "0"], "beam must be 1 to 1,000, found 0"),
        (["--temperature", "0"], "temperature must be above 0, found 0.0; for the best token use beam 1"),
        (["--max-length", "0"], "max-length must be 1 to 100,000, found 0"),
        (["--max-ratio", "2"], "unknown option --max-ratio"),
        (
            ["--prompt", "bar " * 70],
            "error: the prompt has 70 tokens, but this model takes at most 63: shorten the prompt",
        ),
        (["--prompt", "bar", "more"], "unknown argument more"),
    ],
)
def test_mistakes(run: Run, arguments: list[str], message: str) -> None:
    prompt = [] if "--prompt" in arguments else ["--prompt", "bar"]
    err = run(*prompt, *arguments, code=2)
    assert message in err and err.count("\n") == 1


def test_models_of_other_tasks_are_refused_with_their_command(
    run: Run, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    translates = tiny_model.write(tmp_path / "translates")
    classifies = tiny_tasks.write_classifier(tmp_path / "classifies")
    for other, task, command in ((translates, "translation", "translate"), (classifies, "classification", "predict")):
        err = run("--prompt", "bar", code=2, model=other)
        assert f"{other} is a model for {task}, and this needs one for language-model; use transduce {command}" in err
    assert main(["translate", str(folder), write(tmp_path / "f", "bar\n")]) == 2
    assert "this needs one for translation; use transduce generate" in capfd.readouterr().err

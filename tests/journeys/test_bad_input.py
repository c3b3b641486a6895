"""Bad input in all three tasks: what a person gets to read, and that nothing ends in a traceback or in silence."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import foreign_tokenizers
import transduce
from transduce import files
from transduce.cli.main import main
from transduce.models.folder import EDITABLE, VERSION

LONG = " ".join(["abcdefg"] * 20)  # more tokens than the context of the language model below
NETWORK = """
[model]
preset = "transformer-tiny"
d-model = 16
feed-forward = 24
LAYERS

[training]
steps = 2
batch-tokens = 128
validate-every = 2
precision = "float32"
"""
TOKENIZER = '[tokenizer]\nkind = "characters"\nvocabulary = 300\n'
TASKS = {
    "translation": 'task = "translation"',
    "classification": 'task = "classification"',
    "language-model": 'task = { kind = "language-model", context = 32 }',
}
SUFFIXES = {"translation": "tsv", "classification": "tsv", "language-model": "txt"}
COMMANDS = {"translation": "translate", "classification": "predict", "language-model": "generate"}
WORDS = [first + second + third for first in "bdklmn" for second in "aeiou" for third in "rst"]

Told = Callable[..., str]


def lines_of(task: str, words: list[str]) -> str:
    if task == "translation":
        return "".join(f"{word}\t{' '.join(reversed(word))}\n" for word in words)
    if task == "classification":
        return "".join(f"{word}\t{'early' if word < 'l' else 'late'}\n" for word in words)
    return "".join(f"{word} {word[::-1]}\n" for word in words)


def write_run(
    folder: Path,
    task: str,
    name: str = "run",
    *,
    train: str = "",
    dev: str = "",
    corpus: str = "",
    data: str = "",
    kind: str | None = None,
    tokenizer: str = TOKENIZER,
    top: str = "",
    training: str = "",
) -> Path:
    """A run file of a small model; `train` and `dev` name files other than the usual ones."""
    suffix = SUFFIXES[task]
    for part, words in (("train", WORDS[::2]), ("dev", WORDS[1:20:2])):
        if not (folder / f"{part}.{suffix}").exists():
            (folder / f"{part}.{suffix}").write_text(lines_of(task, words), encoding="utf-8")
    layers = "encoder-layers = 1\ndecoder-layers = 1" if task == "translation" else "layers = 1"
    network = NETWORK.replace("LAYERS", layers)
    if "start-from" in top:
        network, tokenizer = network[network.index("[training]") :], ""
    (folder / f"{name}.toml").write_text(
        f"{kind or TASKS[task]}\n{top}\n[data]\n"
        f'train = [{{ file = "{train or f"train.{suffix}"}"{corpus} }}]\ndev = {{ file = "{dev or f"dev.{suffix}"}"{corpus} }}\n'
        f"{data}{tokenizer}{network}{training}",
        encoding="utf-8",
    )
    return Path(f"{name}.toml")  # the tests stand in the folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each task by its name: a model that has learnt nothing."""
    runs = {}
    for task in TASKS:
        folder = tmp_path_factory.mktemp(task)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            assert main(["train", str(write_run(folder, task))]) == 0
        runs[task] = folder / "runs" / "run"
    return runs


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refused(capfd: pytest.CaptureFixture[str]) -> Told:
    """Runs a command that must fail; the one line that it says, and nothing is on stdout."""

    def run(*arguments: object) -> str:
        capfd.readouterr()
        assert main([str(each) for each in arguments]) == 2
        out, err = capfd.readouterr()
        assert out == ""
        last = err.splitlines()[-1]
        assert last.startswith("transduce: error: ") and "Traceback" not in err
        return last.removeprefix("transduce: error: ")

    return run


@pytest.fixture
def done(capfd: pytest.CaptureFixture[str]) -> Told:
    """Runs a command that must succeed; its output, or with `messages` what it says on stderr."""

    def run(*arguments: object, messages: bool = False) -> str:
        capfd.readouterr()
        assert main([str(each) for each in arguments]) == 0, capfd.readouterr().err
        out, err = capfd.readouterr()
        return err if messages else out

    return run


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


# --- Labels


def test_labels_that_training_has_not_seen(here: Path, done: Told, refused: Told) -> None:
    dev = lines_of("classification", WORDS[1:9:2])
    write(here / "some.tsv", dev + "foo\tstrange\nbar\todd\n")
    told = done("train", write_run(here, "classification", dev="some.tsv"), messages=True)
    assert (
        "dropped from dev files: label occurs in no train record, 2 texts (some.tsv:5: label 'strange': foo -> strange"
        in told
    )
    assert (
        "warning: dev files: 2 texts left out; a model cannot predict a label that it has not seen: correct it" in told
    )
    write(here / "all.tsv", "foo\tstrange\n")
    told = refused("train", write_run(here, "classification", "none", dev="all.tsv"))
    assert told.startswith(
        "no dev texts are left (left out: label occurs in no train record, 1 time); a model cannot predict"
    )


def test_evaluation_counts_an_unknown_label_as_wrong(
    models: dict[str, Path], here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    test = write(here / "test.jsonl", '{"text": "bar", "label": "early"}\n{"text": "bat", "label": 7}\n')
    assert main(["evaluate", str(models["classification"]), "--data", str(test), "--json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["sentences"] == 2
    assert f"warning: 1 text with labels unknown to {models['classification']}/model (7): each counts as wrong" in err


@pytest.mark.parametrize("suffix", ["tsv", "jsonl", "csv"])
def test_numbers_are_labels_with_one_warning(here: Path, done: Told, suffix: str) -> None:
    rows = [(f"text {n}", n % 3) for n in range(30)]
    text = {
        "tsv": "".join(f"{text}\t{label}\n" for text, label in rows),
        "csv": "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows),
        "jsonl": "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows),
    }[suffix]
    write(here / f"numbers.{suffix}", text)
    write(here / "held.tsv", "text 40\t1\ntext 41\t2\n")
    told = done("train", write_run(here, "classification", train=f"numbers.{suffix}", dev="held.tsv"), messages=True)
    assert told.count("look like numbers") == 1
    assert "label: 3 different, 0, 1, 2" in told


def test_empty_labels_and_texts_are_counted(here: Path, done: Told) -> None:
    write(here / "gaps.tsv", lines_of("classification", WORDS[::2]) + "foo\t\nbar\t  \n\tlate\n")
    told = done("train", write_run(here, "classification", train="gaps.tsv"), messages=True)
    assert "dropped from train files: empty label, 2 texts (gaps.tsv:46: foo -> ; gaps.tsv:47)" in told
    assert "dropped from train files: empty text, 1 text (gaps.tsv:48" in told


def test_one_class_only(here: Path, refused: Told) -> None:
    write(here / "one.tsv", "".join(f"{word}\tspam\n" for word in WORDS))
    told = refused("train", write_run(here, "classification", train="one.tsv"))
    assert told.startswith("column 'label' has one class only, 'spam'")


def test_a_rare_class_trains(here: Path, done: Told) -> None:
    write(here / "rare.tsv", "".join(f"text {n}\t{'usual' if n % 100 else 'rare'}\n" for n in range(200)))
    write(here / "held.tsv", "".join(f"word {n}\tusual\n" for n in range(5)))
    told = done("train", write_run(here, "classification", train="rare.tsv", dev="held.tsv"), messages=True)
    assert "label: 2 different, rare, usual" in told and "accuracy" in told


# --- Columns and documents


def test_missing_columns_are_named_beside_those_there_are(here: Path, refused: Told) -> None:
    write(here / "a.csv", "id,txt,class\n1,abc,x\n")
    told = refused("train", write_run(here, "classification", train="a.csv"))
    assert told.startswith("a.csv: has no column 'text'; did you mean 'txt'? found 'id', 'txt', 'class'.")
    write(here / "a.jsonl", '{"txt": "abc", "class": "x"}\n')
    told = refused("train", write_run(here, "classification", train="a.jsonl"))
    assert told.startswith('a.jsonl:1: missing key (no "text"; the keys are "txt", "class")')
    write(here / "a.tsv", "abc\n")
    told = refused("train", write_run(here, "classification", train="a.tsv"))
    assert told.startswith("a.tsv:1: wrong number of columns (expected text TAB label")


def test_a_long_document_is_split_and_counted(here: Path, done: Told) -> None:
    write(here / "long.txt", f"{LONG}\n\nshort\n")
    told = done("train", write_run(here, "language-model", train="long.txt"), messages=True)
    assert "noted in train files: longer than the context, split, 1 time (long.txt:1: abcdefg" in told
    assert "noted in train files: blank line skipped, 1 time (long.txt:2)" in told


def test_a_long_text_is_cut_and_counted(here: Path, done: Told) -> None:
    write(here / "long.tsv", lines_of("classification", WORDS[::2]) + f"{LONG}\tlate\n")
    kind = '[task]\nkind = "classification"\nmax-tokens = 10'
    told = done("train", write_run(here, "classification", train="long.tsv", kind=kind), messages=True)
    assert "noted in train files: longer than max-tokens, cut off, 1 time (long.tsv:46: abcdefg" in told


def test_an_empty_document_is_counted(here: Path, done: Told) -> None:
    (here / "texts").mkdir()
    write(here / "texts" / "empty.txt", "")
    write(here / "texts" / "full.txt", "one two three\n" * 5)
    write(here / "held.txt", "four five\n")
    run = write_run(here, "language-model", train="texts", dev="held.txt", corpus=', records = "file"')
    told = done("train", run, messages=True)
    assert "dropped from train files: empty text, 1 document (texts/empty.txt" in told and "train: 1 document " in told


@pytest.mark.parametrize(
    ("content", "corpus", "message"),
    [
        ("", "", "none.txt: the file is empty"),
        ("\n\n", "", "none.txt: no usable document"),
        ("\n\n", ', records = "paragraphs"', "none.txt: no usable document"),
        ("", ', records = "file"', "none.txt: no usable document (dropped: empty text, 1 time)"),
    ],
)
def test_a_file_without_documents(here: Path, refused: Told, content: str, corpus: str, message: str) -> None:
    write(here / "none.txt", content)
    assert refused("train", write_run(here, "language-model", train="none.txt", corpus=corpus)) == message


@pytest.mark.parametrize("task", list(TASKS))
def test_nothing_is_left_after_cleaning(here: Path, refused: Told, task: str) -> None:
    for command in ("prepare", "train"):
        told = refused(command, write_run(here, task, data="clean = { max-characters = 1 }\n"))
        assert (
            "are left to train on: of 45, 45 are removed (longer than max-characters); the rules are those of" in told
        )


# --- Run files


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        ("classification", {"kind": '[task]\nkind = "classification"\ncontext = 9'},
         "run.toml:3: task.context is a key of language-model, but task is classification"),
        ("language-model", {"kind": '[task]\nkind = "language-model"\nmax-tokens = 9'},
         "run.toml:3: task.max-tokens is a key of classification, but task is language-model"),
        ("classification", {"training": "[decoding]\nbeam = 3\n"},
         "run.toml:21: [decoding] is for tasks that generate text; task classification does not"),
        ("language-model", {"data": "clean = { max-ratio = 2.0 }\n"},
         "data.clean.max-ratio compares two text columns, but this task has 1 (text)"),
        ("classification", {"data": "clean = { max-length = 9 }\n"},
         "data.clean.max-length leaves out long texts, but task classification cuts or splits them"),
        ("classification", {"tokenizer": '[tokenizer]\nshared = false\nsource = { kind = "characters" }\n'},
         "run.toml:8: source in tokenizer is a column of translation; this run's task, classification, has text and label"),
        ("language-model", {"training": 'metric = "accuracy"\n'},
         "training.metric must be one of loss, perplexity, bits-per-byte for task language-model, found 'accuracy'"),
        ("classification", {"training": 'metric = "bleu"\n'},
         "training.metric must be one of loss, accuracy, macro-f1 for task classification, found 'bleu'"),
        ("classification", {"training": 'early-stop = { metric = "perplexity" }\n'},
         "training.early-stop.metric must be one of loss, accuracy, macro-f1 for task classification"),
    ],
)  # fmt: skip
def test_keys_of_another_task(here: Path, refused: Told, task: str, settings: dict[str, str], message: str) -> None:
    assert message in refused("train", write_run(here, task, **settings))


def test_columns_of_another_task(here: Path, refused: Told) -> None:
    write(here / "run.toml", 'task = "classification"\n[data]\ntrain = [{ source = "a.txt", target = "b.txt" }]\n')
    message = "run.toml:3: source in data.train is a column of translation; this run's task, classification, has text and label"
    assert refused("train", "run.toml") == message


@pytest.mark.parametrize(
    ("task", "kind", "needed"),
    [
        ("translation", "decoder-only", "an encoder-decoder, recurrent or convolutional"),
        ("classification", "encoder-decoder", "an encoder-only"),
        ("language-model", "encoder-only", "a decoder-only"),
    ],
)
def test_a_network_of_the_wrong_kind(here: Path, refused: Told, task: str, kind: str, needed: str) -> None:
    run = write_run(here, task)
    text = run.read_text()
    begin, end = text.index("[model]"), text.index("[training]")
    run.write_text(f'{text[:begin]}[model]\nkind = "{kind}"\npreset = "transformer-tiny"\n{text[end:]}')
    for command in ("prepare", "train"):
        message = f"run.toml:11: model.kind: task {task} needs {needed} network, found {kind}"
        assert refused(command, run) == message
    assert not Path("prepared").exists()


# --- Tokenizers


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "tokenizer.file: own.json: not a tokenizer that can be used: Expecting"),
        ("[]", "tokenizer.file: own.json: not a tokenizer that can be used: expected the file to be a JSON object"),
        (None, "own.json: no such file; tokenizer.file names it, relative to the folder of the run file"),
    ],
)
def test_a_broken_tokenizer(here: Path, refused: Told, content: str | None, message: str) -> None:
    if content is not None:
        write(here / "own.json", content)
    for task in TASKS:
        told = refused("train", write_run(here, task, tokenizer='[tokenizer]\nfile = "own.json"\n'))
        assert told.startswith(message)


def test_a_tokenizer_that_lies_about_its_size(here: Path, refused: Told) -> None:
    tree = json.loads(foreign_tokenizers.write("bert", here).read_text())
    last = max(tree["model"]["vocab"], key=tree["model"]["vocab"].__getitem__)
    tree["model"]["vocab"][last] = 10**9
    write(here / "own.json", json.dumps(tree))
    told = refused("train", write_run(here, "classification", tokenizer='[tokenizer]\nfile = "own.json"\n'))
    assert told.startswith("tokenizer.file: own.json: ") and "found 1000000000" in told


@pytest.mark.parametrize(
    ("task", "role"), [("classification", "start"), ("language-model", "start"), ("translation", "end")]
)
def test_a_tokenizer_without_the_special_tokens_of_the_task(here: Path, refused: Told, task: str, role: str) -> None:
    tree = json.loads(foreign_tokenizers.write("gpt2", here).read_text())
    tree["model"]["vocab"] = {
        "plain" if piece == "<|endoftext|>" else piece: number for piece, number in tree["model"]["vocab"].items()
    }
    write(here / "own.json", json.dumps({**tree, "added_tokens": []}))
    told = refused("train", write_run(here, task, tokenizer='[tokenizer]\nfile = "own.json"\n'))
    assert told.startswith(f"tokenizer.file: own.json: has no {role} token with a usual name; set {role} in")
    assert told.endswith(f"task {task} needs it")
    assert not (here / "prepared").exists()


# --- Tags: every task takes them


@pytest.mark.parametrize("task", ["classification", "language-model"])
def test_tags_stand_before_the_text_in_every_task(here: Path, done: Told, refused: Told, task: str) -> None:
    run = done("train", write_run(here, task, corpus=', tag = "de"'), messages=True)
    assert "tags: de" in run
    lines, model = write(here / "lines.txt", "bar\n"), transduce.load(here / "runs" / "run" / "model", "cpu")
    tagged, plain = model.predict([{"text": "bar", "tags": ["de"]}])[0], model.predict(["bar"])[0]
    assert tagged.confidence != plain.confidence
    written = json.loads(done("predict", "runs/run", lines, "--tag", "de", "--json"))
    assert (written["text"], written["confidence"]) == (tagged.text, pytest.approx(tagged.confidence))
    assert "--tag is not given; the model knows de" in done("predict", "runs/run", lines, messages=True)
    told = refused("predict", "runs/run", lines, "--tag", "dee")
    assert told.startswith(f"{lines}:1: unknown tag 'dee'; did you mean 'de'? known: de")
    if task == "language-model":
        told = done("generate", "runs/run", "--prompt", "bar", "--tag", "de", "--beam", "1")
        assert told == model.generate(["bar"], tags=[["de"]], beam=1)[0] + "\n"
        assert told.startswith("bar")


# --- Start from a model of another task


@pytest.mark.parametrize("start", ["translation", "language-model"])
def test_a_classifier_takes_the_body_of_another_model(
    models: dict[str, Path], here: Path, done: Told, start: str
) -> None:
    told = done("train", write_run(here, "classification", top=f'start-from = "{models[start]}"'), messages=True)
    assert f"start-from: 15 tensors taken from the {start} model (encoder 14, embedding 1)" in told
    assert "; new: head.classes.weight, head.classes.bias\n" in told
    tokenizers = [Path(folder, "model", "tokenizer.json") for folder in ("runs/run", models[start])]
    assert tokenizers[0].read_bytes() == tokenizers[1].read_bytes()


def test_where_a_start_cannot_work(models: dict[str, Path], here: Path, refused: Told) -> None:
    top = f'start-from = "{models["classification"]}"'
    write(here / "other.tsv", "".join(f"{word}\tmine\n" for word in WORDS))
    told = refused("train", write_run(here, "classification", train="other.tsv", top=top))
    assert "column 'label' has one class only, 'mine'" in told
    told = refused("train", write_run(here, "language-model", top=top), "--set", "model.d-model=32")
    assert "model.d-model = 32 does not go with start-from" in told
    told = refused("train", write_run(here, "language-model", top=top), "--set", "tokenizer.kind=bpe")
    assert "[tokenizer] does not go with start-from" in told
    told = refused("train", write_run(here, "language-model", top='start-from = "nowhere"'))
    assert told.startswith("nowhere: no such model folder")


# --- Commands and the task of the model


@pytest.mark.parametrize("task", list(TASKS))
def test_the_wrong_command_names_the_right_one(models: dict[str, Path], here: Path, refused: Told, task: str) -> None:
    model, lines = models[task], write(here / "lines.txt", "bar\n")
    commands = {
        "translate": ("translate", model, lines),
        "inspect": ("inspect", model, "bar"),
        "align": ("align", model, "--source", lines, "--target", lines),
        "back-translate": ("back-translate", model, lines, "--output", here / "pairs.jsonl"),
        "generate": ("generate", model, "--prompt", "bar"),
    }
    for command, arguments in commands.items():
        needed = "language-model" if command == "generate" else "translation"
        if needed == task:
            continue
        told = refused(*arguments)
        assert told.endswith(f"is a model for {task}, and this needs one for {needed}; use transduce {COMMANDS[task]}")


def test_metrics_of_another_task(models: dict[str, Path], here: Path, refused: Told, done: Told) -> None:
    plays, pairs = write(here / "plays.txt", "bar rab\n"), write(here / "rows.tsv", "bar\tearly\n")
    told = refused("evaluate", models["language-model"], "--data", plays, "--metrics", "bleu")
    assert told == "task language-model has no metric 'bleu'; it has perplexity, bits-per-byte"
    told = refused("evaluate", models["classification"], "--data", pairs, "--metrics", "perplexity")
    assert told == "task classification has no metric 'perplexity'; it has accuracy, macro-f1"
    told = refused("evaluate", models["translation"], "--data", pairs, "--metrics", "accuracy")
    assert told.startswith("task translation has no metric 'accuracy'; it has chrf, bleu")
    assert "bits-per-byte" in done("evaluate", models["language-model"], "--data", plays, "--metrics", "bits-per-byte")
    told = refused("evaluate", models["language-model"], "--data", plays, "--compare", models["language-model"])
    assert told.startswith("--compare needs a metric of predictions, and there is none: task language-model")
    told = refused("evaluate", models["language-model"], "--source", plays, "--reference", plays)
    assert told == "task language-model compares with no references: give --data FILE"
    told = refused("evaluate", models["classification"], "--data", pairs, "--beam", "2")
    assert told.startswith("--beam is for models that generate text")
    told = refused("evaluate", models["classification"], "--data", pairs, "--compare", models["language-model"])
    assert told.endswith(f"and {models['language-model']} one for language-model: give models for one task")


def test_aligned_files_of_texts_and_labels(models: dict[str, Path], here: Path, done: Told) -> None:
    texts, labels = write(here / "texts", "bar\nnut\n"), write(here / "labels", "early\nlate\n")
    told = done("evaluate", models["classification"], "--source", texts, "--reference", labels)
    assert told.startswith("accuracy")


@pytest.mark.parametrize("task", list(TASKS))
def test_training_says_how_to_try_it(here: Path, done: Told, task: str) -> None:
    told = done("train", write_run(here, task), messages=True)
    assert f"done; try it: transduce {COMMANDS[task]} runs/run\n" in told
    shown = "  prompt     " if task == "language-model" else "  right      "
    assert shown in told and "  predicted  " in told
    card = (here / "runs" / "run" / "model" / "README.md").read_text()
    unit = {"translation": "target tokens", "classification": "texts", "language-model": "tokens"}[task]
    assert f" {unit}, " in card


# --- Prompts


def test_a_prompt_beyond_the_context(models: dict[str, Path], here: Path, refused: Told) -> None:
    told = "the prompt has 159 tokens, but this model takes at most 31: shorten the prompt"
    assert refused("generate", models["language-model"], "--prompt", LONG) == told
    assert refused("generate", models["language-model"], "--prompt", LONG, "--beam", "2") == told
    lines = write(here / "lines.txt", f"{LONG}\n")
    assert refused("predict", models["language-model"], lines).startswith(f"{lines}:1: {told}; --bad-lines blank")


def test_predictions_before_a_refused_line_are_written(
    models: dict[str, Path], here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = write(here / "lines.txt", f"bar\n\n{LONG}\nnut\n")
    assert main(["predict", str(models["language-model"]), str(lines)]) == 2
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 2 and out.startswith("bar")
    assert err.startswith(f"transduce: error: {lines}:3: the prompt has 159 tokens")


def test_an_empty_prompt_begins_a_document(models: dict[str, Path], done: Told) -> None:
    assert done("generate", models["language-model"], "--prompt", "", "--max-length", "3").endswith("\n")


# --- Files to predict for


@pytest.mark.parametrize("task", list(TASKS))
def test_each_record_gets_a_line_with_and_without_the_answer(
    models: dict[str, Path], here: Path, done: Told, task: str
) -> None:
    key = "source" if task == "translation" else "text"
    answer = {"translation": "target", "classification": "label", "language-model": "label"}[task]
    contents = {
        "a.csv": f"{key},{answer}\nbar,early\nnut,\n",
        "b.csv": f"{key}\nbar\nnut\n",
        "a.jsonl": f'{{"{key}": "bar", "{answer}": "x"}}\n{{"{key}": "nut"}}\n',
        "a.tsv": "bar\tearly\nnut\tlate\n",
        "b.tsv": "bar\nnut\n",
        "a.txt": "bar\nnut\n",
        "plain": "bar\nnut",
    }
    outputs = {name: done("predict", models[task], write(here / name, text)) for name, text in contents.items()}
    assert len(set(outputs.values())) == 1 and outputs["a.csv"].count("\n") == 2
    for name, text in (("c.csv", f"id,{key}\n1,bar\n2,\n3,nut\n"), ("c.txt", "bar\n\nnut\n")):
        gap = done("predict", models[task], write(here / name, text)).splitlines()  # empty records keep their lines
        assert len(gap) == 3 and [gap[0], gap[2]] == outputs["a.txt"].splitlines()


@pytest.mark.parametrize("task", list(TASKS))
def test_predict_without_the_column(models: dict[str, Path], here: Path, refused: Told, done: Told, task: str) -> None:
    key = "source" if task == "translation" else "text"
    table = write(here / "a.csv", "id,description\n1,bar\n")
    told = refused("predict", models[task], table)
    assert (
        told.startswith(f"{table}: has no column '{key}'; found 'id', 'description'.")
        and f"--columns {key}=..." in told
    )
    assert done("predict", models[task], table, "--columns", f"{key}=description").count("\n") == 1
    told = refused("predict", models[task], table, "--columns", "words=description")
    assert told.startswith("--columns takes NAME=COLUMN with names of source, target, text, label, ")
    lines = write(here / "a.jsonl", '{"words": "bar"}\n')
    assert f'missing key (no "{key}"; the keys are "words")' in refused("predict", models[task], lines)


def test_python_callers_get_value_errors(models: dict[str, Path]) -> None:
    model = transduce.load(models["classification"] / "model", "cpu")
    for records, message in (
        ("bar", "expected a list of records, found one"),
        ([{"words": "bar"}], "record 1 needs a text under 'text', found the keys 'words'"),
        ([{"text": "bar", "tags": "de"}], "tags must be a list such as"),
        ([{"text": "bar", "tags": ["de"]}], "unknown tag 'de'; no tags are known"),
    ):
        with pytest.raises(ValueError, match=message):
            model.predict(records)  # type: ignore[arg-type]
    assert model.predict([]) == []
    with pytest.raises(ValueError, match="use transduce predict"):
        model.generate(["bar"])


# --- Model folders


@pytest.fixture(params=list(TASKS))
def folder(request: pytest.FixtureRequest, models: dict[str, Path], here: Path) -> Path:
    """A copy of a model folder of each task."""
    shutil.copytree(models[request.param] / "model", here / "model")
    write(here / "lines.txt", "bar\n")
    return here / "model"


def test_what_its_owner_may_change(folder: Path, done: Told) -> None:
    expected = done("predict", folder, "lines.txt")
    write(folder / "README.md", "mine\n")
    assert done("predict", folder, "lines.txt") == expected
    (folder / "README.md").unlink()
    assert done("predict", folder, "lines.txt") == expected
    for path in folder.iterdir():
        if path.suffix in (".toml", ".json"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert done("predict", folder, "lines.txt") == expected


def test_what_its_owner_may_not_change(folder: Path, refused: Told) -> None:
    path = folder / "config.toml"
    path.write_bytes(path.read_bytes().replace(b"heads = 4", b"heads = 2"))
    assert "config.toml: is damaged or was changed (its SHA-256 differs" in refused("predict", folder, "lines.txt")


def test_settings_of_decoding(folder: Path, done: Told, refused: Told) -> None:
    path = folder / "generation.toml"
    if not path.exists():
        pytest.skip("a classifier decodes nothing")
    text = path.read_text()
    write(path, text.replace("beam = 4", "beam = 0"))
    assert refused("predict", folder, "lines.txt") == f"{path}:1: beam must be 1 to 1,000, found 0"
    write(path, text.replace("beam = 4", "beem = 4"))
    assert refused("predict", folder, "lines.txt") == f"{path}:1: unknown key 'beem'; did you mean 'beam'?"
    path.unlink()
    assert done("predict", folder, "lines.txt").count("\n") == 1


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("network", "netwrok", "config.toml:5: unknown key 'netwrok'"),
        ('kind = "encoder', 'kind = "my-encoder', "config.toml:6: network must be one of "),
        ('kind = "layer-norm"', 'kind = "batch-norm"', "network.norm must be one of "),
        ('kind = "classification"', 'kind = "regression"', "config.toml:2: task must be one of "),
    ],
)
def test_parts_that_are_not_known(
    models: dict[str, Path], here: Path, refused: Told, before: str, after: str, message: str
) -> None:
    folder = shutil.copytree(models["classification"] / "model", here / "model")
    path, lines = folder / "config.toml", write(here / "lines.txt", "bar\n")
    path.write_text(path.read_text().replace(before, after, 1))
    files.write_manifest(folder, VERSION, editable=EDITABLE)
    assert message in refused("predict", folder, lines)


# --- Signals and pipes


def start(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "transduce", *map(str, arguments), "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes and signals")


@pytest.fixture
def endless(models: dict[str, Path], here: Path) -> Path:
    """A language model whose context is so long that its text does not end while the test runs."""
    folder = shutil.copytree(models["language-model"] / "model", here / "model")
    path = folder / "config.toml"
    path.write_text(path.read_text().replace("context = 32", "context = 900000"))
    files.write_manifest(folder, VERSION, editable=EDITABLE)
    return folder


@posix
@pytest.mark.parametrize("how", ["ctrl-c", "reader leaves"])
def test_an_endless_text_ends_quietly(endless: Path, how: str) -> None:
    with start("generate", endless, "--prompt", "bar", "--max-length", "100000", "--min-length", "90000") as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.read(3) == b"bar"
        if how == "ctrl-c":
            process.send_signal(signal.SIGINT)
        process.stdout.close()
        assert process.wait(120) in ((130, 141) if how == "ctrl-c" else (141,))
        assert process.stderr.read() == b""


@posix
def test_a_reader_of_predictions_leaves(models: dict[str, Path], here: Path) -> None:
    lines = write(here / "lines.txt", "bar\n" * 100_000)
    with start("predict", models["classification"], lines) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() in (b"early\n", b"late\n")
        process.stdout.close()
        assert process.wait(120) == 141
        assert b"Traceback" not in process.stderr.read()

"""The pages' own text, run as a newcomer would: run files, commands, Python. Only budgets and networks are smaller."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]
FASTER = "--minutes 0.1 --set model.preset=transformer-tiny"
OPINIONS = {"good": "great fine lovely", "bad": "awful poor sad"}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def write_examples(folder: Path) -> None:
    """Files as the pages name them: numbers in English words, opinions with labels, small texts."""
    draw = random.Random(1)
    ones = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    numbers = draw.sample(range(1_000_000), 3000)
    pairs = "".join(f"{n}\t{' '.join(ones[int(digit)] for digit in str(n))}\n" for n in numbers)
    (folder / "pairs.tsv").write_text(pairs, encoding="utf-8")
    (folder / "new-lines.txt").write_text("12345\n\n987\n", encoding="utf-8")
    labels = [draw.choice([*OPINIONS]) for _ in range(1000)]
    rows = [
        f"the film of {number} was {draw.choice(OPINIONS[label].split())},{label}"
        for number, label in enumerate(labels)
    ]
    (folder / "reviews.csv").write_text("\n".join(["text,label", *rows, ""]), encoding="utf-8")
    (folder / "new-texts.txt").write_text("a lovely film\nit was sad\n", encoding="utf-8")
    texts = [f"Once upon a time\nthere was {' and '.join(draw.choices(ones, k=3))}." for _ in range(1000)]
    (folder / "texts.txt").write_text("\n\n".join(texts) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mine")
    write_examples(folder)
    for name, text in zip(("mine", "reviews", "texts"), blocks(README, "toml"), strict=True):
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def shell(command: str, folder: Path) -> subprocess.CompletedProcess:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def outputs(commands: str, folder: Path) -> list[str]:
    """What each command of a block prints; training is short."""
    printed = []
    for command in commands.strip().split("\n"):
        done = shell(command.replace("--minutes 10", FASTER), folder)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        printed.append(done.stdout)
    return printed


def python(code: str, folder: Path) -> str:
    done = shell(f"{sys.executable} - <<'END'\n{code}\nEND", folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_translation_in_four_commands_and_in_python(folder):
    printed = outputs(blocks(README, "sh")[0], folder)
    assert len(printed) == 4
    for metric in ("bleu", "chrf", "exact-match", "perplexity"):
        assert metric in printed[2]
    lines = printed[3].split("\n")
    assert len(lines) == 4 and lines[0] and lines[1] == "" and lines[2] and lines[3] == ""
    (code,) = blocks(README, "python")
    faster = code.replace('"training.minutes": 10', '"training.minutes": 0.1, "model.preset": "transformer-tiny"')
    assert "'chrf': " in python(faster, folder)
    assert "chrf" in outputs("transduce evaluate runs/second", folder)[0]


def test_a_classifier_as_the_pages_say(folder):
    page = ROOT / "docs" / "classification.md"
    assert blocks(README, "toml")[1] == blocks(page, "toml")[0]
    printed = outputs(blocks(page, "sh")[0], folder)
    for figure in ("accuracy", "macro-f1", "confusion"):
        assert figure in printed[2]
    assert printed[3].split() == ["good", "bad"]
    first = json.loads(outputs("transduce predict runs/reviews new-texts.txt --json", folder)[0].split("\n")[0])
    assert first["text"] == "good" and first["probabilities"]["good"] == first["confidence"]
    python("\n".join(blocks(page, "python")), folder)


def test_a_language_model_as_the_pages_say_and_a_classifier_that_starts_from_it(folder):
    page = ROOT / "docs" / "language-models.md"
    assert blocks(README, "toml")[2] == blocks(page, "toml")[0]
    assert blocks(README, "sh")[1].strip() in blocks(page, "sh")[0]
    printed = outputs(blocks(page, "sh")[0], folder)
    assert "perplexity" in printed[2] and "bits-per-byte" in printed[2]
    assert printed[3].startswith("Once upon a time") and len(printed[3]) > len("Once upon a time\n")
    python("\n".join(blocks(page, "python")), folder)
    (folder / "started.toml").write_text(blocks(ROOT / "docs" / "classification.md", "toml")[1], encoding="utf-8")
    outputs("transduce train started.toml --minutes 0.05\ntransduce predict runs/started new-texts.txt", folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_and_make_target_that_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make ([a-z-]+)", text)) | set(re.findall(r"^ +make ([a-z-]+)", text, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("command", ["transduce train --keys", "transduce info transformer-base"])
def test_commands_that_need_no_files(command):
    assert command in README.read_text(encoding="utf-8")
    assert shell(command, ROOT).returncode == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_a_page_shows_is_one_of_its_command(page):
    helps: dict[str, str] = {}
    for line in page.read_text(encoding="utf-8").replace("\\\n", " ").split("\n"):
        for command, rest in re.findall(r"transduce ([a-z-]+)([^`#]*)", line):
            for option in re.findall(r"(?<![\w-])--[a-z-]+", rest):
                if command not in helps:
                    helps[command] = shell(f"transduce {command} --help", ROOT).stdout
                assert re.search(rf"{option}\b", helps[command]), f"{command} {option}"

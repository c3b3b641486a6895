"""The README's own text, run as a newcomer would: its run file, its four commands, its Python."""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
FASTER = "model.preset=transformer-tiny"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def write_pairs(path: Path) -> None:
    """Numbers in figures and in English words: a small language."""
    ones = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    draw = random.Random(1)
    numbers = draw.sample(range(1_000_000), 3000)
    path.write_text("".join(f"{n}\t{' '.join(ones[int(d)] for d in str(n))}\n" for n in numbers), encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mine")
    write_pairs(folder / "pairs.tsv")
    (folder / "mine.toml").write_text(blocks("toml")[0], encoding="utf-8")
    (folder / "new-lines.txt").write_text("12345\n\n987\n", encoding="utf-8")
    return folder


def shell(command: str, folder: Path) -> subprocess.CompletedProcess:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_four_commands_and_the_python_lines(folder):
    commands = blocks("sh")[0].strip().split("\n")
    assert len(commands) == 4
    outputs = []
    for command in commands:
        if command.startswith("transduce train"):
            command = command.replace("--minutes 10", f"--minutes 0.2 --set {FASTER}")
        done = shell(command, folder)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        outputs.append(done.stdout)
    for metric in ("bleu", "chrf", "exact-match", "perplexity"):
        assert metric in outputs[2].lower()
    lines = outputs[3].split("\n")
    assert len(lines) == 4 and lines[0] and lines[1] == "" and lines[2] and lines[3] == ""
    done = shell(f"{sys.executable} - <<'END'\n{blocks('python')[0]}\nEND", folder)
    assert done.returncode == 0, done.stderr


def test_every_path_and_command_that_the_text_names_exists():
    text = README.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (README.parent / target).exists(), target
    for command in ("transduce train --keys", "transduce info transformer-base"):
        assert command in text
        assert shell(command, README.parent).returncode == 0
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make ([a-z-]+)", text)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target

"""docs/extending.md: its Python is executed, its paths exist, and its table of members is that of the protocol."""

import re
from pathlib import Path
from typing import Any

import pytest

import transduce
from toy import write_toy
from transduce.networks.table import NETWORKS
from transduce.tasks.task import Task

PAGE = Path(__file__).parents[2] / "docs/extending.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
SHORT = {"training.steps": 4, "training.validate-every": 2, "training.metric": "loss"}


def test_the_norm_of_the_page_trains_and_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_toy(tmp_path).rename("mine.toml")
    names: dict[str, Any] = {}
    exec(BLOCKS[0].replace("settings={", f"settings={{**{SHORT}, "), names)
    assert names["model"].config.network.norm == names["PowerNorm"](4.0)
    assert names["model"].predict(["abc"])[0].text == transduce.predict(
        "runs/mine", ["abc"], parts={"power-norm": names["PowerNorm"]}
    )[0].text  # fmt: skip


def test_the_network_of_the_page_trains_and_loads(tmp_path: Path) -> None:
    for name, words in (("train", ("ab", "abc", "abcd", "abcde")), ("dev", ("ba", "bacd"))):
        lines = "".join(f"{word}\t{'long' if len(word) > 3 else 'short'}\n" for word in words)
        (tmp_path / f"{name}.tsv").write_text(lines)
    names: dict[str, Any] = {}
    exec(BLOCKS[1], names)
    parts = {"shared-encoder": names["SharedEncoderConfig"]}
    run = {
        "task": "classification",
        "data": {"train": [{"file": tmp_path / "train.tsv"}], "dev": {"file": tmp_path / "dev.tsv"}},
        "tokenizer": {"kind": "characters", "vocabulary": 300},
        "model": {"kind": "shared-encoder", "d-model": 16, "heads": 2, "feed-forward": 24, "layers": 3},
        "training": {"steps": 2, "validate-every": 1, "metric": "loss"},
    }
    trained = transduce.train(run, name="shared", root=tmp_path, parts=parts)
    first, *others = transduce.load(trained.folder, parts=parts).network.encoder.layers
    assert len(others) == 2 and all(layer is first for layer in others)
    assert "shared-encoder" not in NETWORKS


def test_every_member_of_a_task_is_explained() -> None:
    members = {name for name in [*Task.__annotations__, *vars(Task)] if not name.startswith("_")}
    section = TEXT.partition("## Add a task")[2].partition("## Add a network")[0]
    rows = " ".join(line.split("|")[1] for line in section.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`(\w+)", rows)) == members


def test_every_path_that_the_page_names_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (PAGE.parent / target).exists(), target
    for path in re.findall(r"^ ((?:src|tests|recipes|docs)/\S+) ", TEXT, re.MULTILINE):
        assert (PAGE.parents[1] / path).exists(), path
    for path in re.findall(r"`((?:\w+/)+\w+\.py)`", TEXT):
        assert (PAGE.parents[1] / "src/transduce" / path).exists(), path
    assert "extending.md" in (PAGE.parent / "architecture.md").read_text(encoding="utf-8")

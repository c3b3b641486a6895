"""docs/attention.md: its Python prints what the page shows."""

import contextlib
import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import toy
import transduce
from toy import write_toy
from transduce import config
from transduce.attention.catalogue import MODEL_ATTENTIONS
from transduce.attention.mechanisms.additive import AdditiveAttention
from transduce.attention.mechanisms.local import LocalAttention
from transduce.attention.mechanisms.top_k import TopKAttention

PAGE = (Path(__file__).parents[2] / "docs/attention.md").read_text(encoding="utf-8")
SHORT = {"training.steps": 4, "training.validate-every": 2, "training.metric": "loss"}
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_examples_print_what_the_page_shows(code: str, output: str) -> None:
    assert len(EXAMPLES) == 3
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert printed.getvalue() == output


def test_the_mechanism_of_the_page_trains_decodes_and_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_toy(tmp_path).rename("mine.toml")
    section = PAGE.partition("## In models")[2]
    (code,) = re.findall(r"```python\n(.*?)```", section.partition("## Add")[0], re.DOTALL)
    assert code.count("\n") <= 22
    names: dict[str, Any] = {}
    exec(code.replace("settings={", f"settings={{**{SHORT}, 'training.precision': 'bf16', "), names)
    assert names["model"].config.network.decoder.cross_attention == names["NearestKey"](2.0)
    with pytest.raises(ValueError, match="nearest-key"):
        transduce.load(names["trained"].folder)


def test_the_page_lists_the_mechanisms_of_a_run_file_with_their_options() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.*) \| .* \|$", PAGE.partition("## In models")[2], re.MULTILINE)
    assert [name for name, _ in rows] == ["attention", *MODEL_ATTENTIONS]
    for name, options in rows[1:]:
        defaults = [f"{option.key} = {option.default}" for option in config.describe(MODEL_ATTENTIONS[name])]
        assert re.findall("`([^`]* = [^`]*)`", options) == defaults


def test_the_settings_of_the_page_train(tmp_path: Path) -> None:
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    tree = tomllib.loads(toml)["model"]
    run = toy.train(write_toy(tmp_path), [
        *(f"{key}={value}" for key, value in SHORT.items()),
        "model.encoder.attention.kind=local", "model.encoder.attention.window=32",
        f"model.decoder.attention={tree['decoder']['attention']}",
        f"model.decoder.cross-attention={tree['decoder']['cross-attention']}",
    ], root=tmp_path)  # fmt: skip
    network = transduce.load(run.folder).config.network
    assert network.encoder.attention == LocalAttention(window=32)
    assert (network.decoder.attention, network.decoder.cross_attention) == (TopKAttention(), AdditiveAttention())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.encoder.attention=hierarchical", "model.encoder.attention must be"),
        (
            "model.decoder.attention=location-based",
            "cannot be used in the decoder: it is for the encoder and cross-attention",
        ),
        ("model.encoder.attention={kind='local',window=-1}", "window must be 0 to 1,000,000, found -1"),
        ("model.encoder.attention={kind='local',widow=1}", "did you mean 'model.encoder.attention.window'"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, setting: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        toy.train(write_toy(tmp_path), [setting], root=tmp_path)


def test_the_files_that_the_page_shows_are_the_real_ones() -> None:
    root = Path(__file__).parents[2]
    code = (root / "src/transduce/attention/mechanisms/top_k.py").read_text(encoding="utf-8").partition("\n\n")[2]
    assert code in PAGE
    (oracle,) = re.findall(r"```python\n(@oracle.*?)```", PAGE, re.DOTALL)
    assert oracle in (root / "tests/attention/mechanisms/oracles_standard.py").read_text(encoding="utf-8")

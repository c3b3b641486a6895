"""Validations look at sentences from everywhere in the dev set."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

import tiny_model
from transduce.data.records import Record
from transduce.data.store import StoreWriter, TokenStore
from transduce.evaluation.metrics import QUICK_METRICS
from transduce.models.model import load
from transduce.tasks.references import Item
from transduce.tasks.translation import TRANSLATION
from transduce.training.interrupt import StopRequest
from transduce.workflows.train import validation
from transduce.workflows.train.validation import DevSet, dev_places


@pytest.mark.parametrize(("count", "most"), [(1, 1), (5, 500), (500, 500), (10_000, 500)])
def test_places_are_in_order_different_and_the_same_every_time(count: int, most: int) -> None:
    places = dev_places(count, most)
    assert len(places) == min(count, most) == len(set(places.tolist()))
    assert sorted(places.tolist()) == places.tolist() == dev_places(count, most).tolist()
    assert places[0] >= 0 and places[-1] < count


def test_a_sorted_dev_set_is_seen_in_all_its_parts() -> None:
    for part in np.array_split(np.arange(10_000), 5):
        assert 60 <= np.isin(dev_places(10_000, 500), part).sum() <= 140  # 100 in the mean, with a deviation of 9
    every_other = dev_places(10_000, 500) % 2
    assert 180 <= every_other.sum() <= 320


def dev_set(model, rows, folder):
    item = Item(Record({"source": "b\x1b[31mar", "target": "mit"}, "dev:1"), ["mit"])
    with StoreWriter(folder / "dev.arrow", ["source", "target"]) as writer:
        writer.write(rows)
    return DevSet(model, TokenStore(folder / "dev.arrow"), [item], 0.5, 64)


def test_the_loss_is_of_the_pairs_drawn(tmp_path, monkeypatch) -> None:
    model = load(tiny_model.write(tmp_path / "model"), "cpu")
    easy, hard = [("bar", "mit")] * 6, [("kus nut", "lot nas bis")] * 6
    encode = {name: model.processors[name].encode_batch for name in ("source", "target")}
    sources, targets = ([pair[side] for pair in easy + hard] for side in (0, 1))
    rows = [
        {"source": source, "target": target}
        for source, target in zip(encode["source"](sources), encode["target"](targets), strict=True)
    ]
    monkeypatch.setattr(validation, "LOSS_ROWS", 5)
    found = dev_set(model, rows, tmp_path).validate(StopRequest())
    sums, tokens = 0.0, 0
    model.network.eval()
    for place in dev_places(12, 5):
        (scored,) = model.score([(easy + hard)[place]])
        sums, tokens = sums - scored.log_probability, tokens + len(scored.tokens)
    assert found.values["loss"] == pytest.approx(sums / tokens, rel=1e-4)
    assert found.values["perplexity"] == pytest.approx(math.exp(sums / tokens), rel=1e-4)
    assert "\x1b" not in found.samples and "\\x1b[31m" in found.samples


@pytest.mark.parametrize(("count", "shown"), [(1, [0]), (2, [0, 1]), (9, [0, 4, 8])])
def test_samples_are_from_everywhere_in_a_sorted_dev_set(tmp_path, count, shown) -> None:
    words = ["bar", "dar", "kus", "mit", "nut", "bis", "kos", "lot", "nas"]
    model = load(tiny_model.write(tmp_path / "model"), "cpu")
    encode = {name: model.processors[name].encode_batch for name in ("source", "target")}
    one = dev_set(model, [{name: encode[name](["bar"])[0] for name in encode}], tmp_path)
    items = [Item(Record({"source": word, "target": "mit"}, "dev:1"), ["mit"]) for word in words[:count]]
    samples = replace(one, items=items).validate(StopRequest()).samples
    assert re.findall(r"source +(\w+)", samples) == [words[place] for place in shown]


def test_a_network_without_finite_probabilities_is_worst_and_no_error(tmp_path) -> None:
    """As after training at too high a rate: the next updates end the run, with an error that names the best checkpoint."""
    model = load(tiny_model.write(tmp_path / "model"), "cpu")
    dev = dev_set(model, [{"source": [9, 8], "target": [9]}], tmp_path)
    with torch.no_grad():
        next(model.network.parameters()).fill_(math.nan)
    found = dev.validate(StopRequest())
    quick = {name for name in TRANSLATION.metrics if name in QUICK_METRICS}
    assert found.values.keys() == {"loss", "perplexity", *quick} and all(map(math.isnan, found.values.values()))
    assert "no finite probabilities" in found.samples and model.network.training

"""transduce itself, prepared, trained and observed as the benchmark does it, with a network of almost no size."""

import json
from pathlib import Path

import pytest
from benchmarks.training_speed import corpus, data
from benchmarks.training_speed.running import Runner
from benchmarks.training_speed.settings import SIZES, Size

PAIRS = 400


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> data.Data:
    folder = tmp_path_factory.mktemp("speed")
    pairs = folder / "pairs.tsv"
    pairs.write_text("".join(f"{source}\t{target}\n" for source, target in corpus.made_up(PAIRS)), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(data, "VOCABULARY", 600)
        return data.prepare(corpus.find(str(pairs), folder), folder)


def test_peers_get_the_ids_that_transduce_trains_on(prepared: data.Data) -> None:
    rows = {side: prepared.ids.with_suffix(f".{side}").read_text().splitlines() for side in ("source", "target")}
    assert len(rows["source"]) == len(rows["target"]) == prepared.pairs
    assert PAIRS / 2 < prepared.pairs <= PAIRS - data.DEV_PAIRS  # long ones are left out
    assert sum(len(row.split()) for row in rows["source"]) == prepared.source_tokens
    assert sum(len(row.split()) for row in rows["target"]) == prepared.target_tokens
    known = set(prepared.vocabulary.read_text().split())
    assert {number for row in rows["source"] + rows["target"] for number in row.split()} <= known
    counted = dict(line.split("\t") for line in prepared.counted_vocabulary.read_text().splitlines())
    assert counted.keys() == known
    assert sum(map(int, counted.values())) == prepared.source_tokens + prepared.target_tokens
    assert len(prepared.dev_ids.with_suffix(".source").read_text().splitlines()) == data.DEV_PAIRS


def test_a_run_is_observed(prepared: data.Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "small", Size(16, 2, 32, 1))
    run = Runner(tmp_path, tmp_path / "no-peers", prepared, seconds=0.0, threads=1).run(
        "small", "transduce", "float32", 1
    )
    assert (run.system, run.form, run.threads) == ("transduce", "float32", 1)
    assert run.updates >= 3 and run.tokens_per_second > 0
    assert 0 < run.tokens_per_update <= run.padded_tokens_per_update
    assert prepared.target_tokens / prepared.pairs < run.tokens_per_update  # many pairs in an update
    notes = [json.loads(line) for line in (tmp_path / "run" / "updates.jsonl").read_text().splitlines()]
    assert notes[0]["parameters"] == run.parameters > 600 * 16
    assert all(note["tokens"] > 0 for note in notes[1:])

"""Runs that go on from a model: its network, its pieces, its weights."""

import logging
import shutil
from dataclasses import replace

import pytest
import torch

import transduce
from toy import train, write_toy
from transduce import files
from transduce.cli.main import main
from transduce.data import overlap
from transduce.models import folder as model_folder
from transduce.networks.tensors import tensors_of
from transduce.training import checkpoints, metrics_log
from transduce.workflows.train import run as train_workflow
from transduce.workflows.train.choices import choose
from transduce.workflows.train.run_file import read_run


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The root of a run to go on from."""
    root = tmp_path_factory.mktemp("first")
    train(write_toy(root), root=root)
    return root


def second(first, folder, extra: str = "", pairs: str = "hgf\tf g h\nabc\tc b a\n"):
    """A run file in `folder` that starts from the first run, with pairs of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "more.tsv").write_text(pairs)
    (folder / "more.toml").write_text(
        f"""start-from = "{first / "runs/toy"}"
{extra}
[data]
train = [{{ file = "more.tsv" }}]
dev = {{ file = "{first / "dev.tsv"}" }}
[training]
steps = 4
batch-tokens = 128
validate-every = 2
learning-rate = 1e-12
precision = "float32"
metric = "loss"
[decoding]
max-ratio = 2.0
max-extra = 5
"""
    )
    return folder / "more.toml"


def test_it_begins_with_the_weights_the_network_and_the_pieces_of_the_model(first, tmp_path):
    before = transduce.load(first / "runs/toy/model")
    assert train(second(first, tmp_path), root=tmp_path).finished
    after = transduce.load(tmp_path / "runs/more/model")
    assert after.config.network == before.config.network
    assert after.processors["source"].sha256() == before.processors["source"].sha256()
    for one, other in zip(before.network.parameters(), after.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=0.0)


def test_the_files_of_the_start_are_hashed_once(first, tmp_path, monkeypatch):
    folders, verify = [], files.verify_manifest

    def verify_manifest(folder, *arguments, **options):
        folders.append(folder)
        return verify(folder, *arguments, **options)

    monkeypatch.setattr(files, "verify_manifest", verify_manifest)
    train(second(first, tmp_path), ["training.steps=1"], root=tmp_path)
    assert folders.count(first / "runs/toy/model") == 1


def test_dropout_may_be_chosen_anew_and_the_rate_is_gentle(first, tmp_path, caplog):
    caplog.set_level(logging.INFO, "transduce")
    run_file = second(first, tmp_path)
    run_file.write_text(run_file.read_text().replace("learning-rate = 1e-12\n", ""))
    train(run_file, ["model.dropout=0.0", "training.steps=2"], root=tmp_path)
    assert any("learning-rate" in line and "a quarter" in line for line in caplog.messages)
    assert "tokenizer." not in caplog.text
    assert "dropout = 0.0" in (tmp_path / "runs/more/run.toml").read_text()


def test_stopped_and_gone_on_it_does_not_begin_with_the_first_models_weights_again(first, tmp_path):
    run_file = second(first, tmp_path)
    settings = ["training.learning-rate=1e-2"]
    train(run_file, [*settings, "training.steps=2"], root=tmp_path)
    two = checkpoints.load(tmp_path / "runs/more/checkpoints/step-00000002").weights
    train(run_file, [*settings, "training.steps=3"], resume=True, root=tmp_path)
    three = checkpoints.load(tmp_path / "runs/more/checkpoints/step-00000003").weights
    start = dict(transduce.load(first / "runs/toy/model").network.named_parameters())
    name = "decoder.layers.0.feed_forward.inner.weight"
    assert (three[name] - two[name]).norm() < (three[name] - start[name]).norm()


def test_the_start_stays_the_model_where_training_makes_it_worse(first, tmp_path, caplog):
    caplog.set_level(logging.INFO, "transduce")
    run_file = second(first, tmp_path, pairs="abc\tg g g g g g\n" * 3)
    settings = ["training.learning-rate=0.1", "training.ema=0.9", "data.clean.drop-duplicates=false"]
    assert train(run_file, settings, root=tmp_path).finished
    assert "the weights at step 0, the start of the run, with loss" in caplog.messages[-2]
    start, after = (transduce.load(path / "model") for path in (first / "runs/toy", tmp_path / "runs/more"))
    for one, other in zip(start.network.parameters(), after.network.parameters(), strict=True):
        assert torch.equal(one, other)
    events = metrics_log.read(tmp_path / "runs/more/metrics.jsonl")
    assert [event["step"] for event in events if event["kind"] == "validation"] == [0, 2, 4]


def test_gone_on_without_any_checkpoint_it_begins_with_the_model_again(first, tmp_path, monkeypatch):
    run_file = second(first, tmp_path)
    monkeypatch.setattr(train_workflow, "run_loop", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(run_file, root=tmp_path)
    monkeypatch.undo()
    assert train(run_file, resume=True, root=tmp_path).finished
    start, after = (transduce.load(path / "model") for path in (first / "runs/toy", tmp_path / "runs/more"))
    for one, other in zip(start.network.parameters(), after.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=0.0)


def test_it_decodes_as_its_start_does_unless_it_says_otherwise(first, tmp_path):
    own = second(first, tmp_path)
    own.write_text(own.read_text().replace("max-extra = 5\n", ""))
    train(own, ["data.clean.max-length=300"], root=tmp_path)
    found = transduce.load(tmp_path / "runs/more/model").generation
    assert (found.beam, found.max_extra, found.max_ratio) == (2, 5, 2.0)
    assert (found.max_length, found.max_source) == (301, 1024)
    assert train(own, ["data.clean.max-length=300"], resume=True, root=tmp_path).finished
    other = second(first, tmp_path / "other")
    train(other, ["decoding.beam=3", "decoding.max-length=7"], root=tmp_path / "other")
    found = transduce.load(tmp_path / "other/runs/more/model").generation
    assert (found.beam, found.max_length) == (3, 7)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (["decoding.beam=3"], (3, 1, 0.0, 0.7)),
        (["decoding.beam=8"], (8, 2, 0.5, 0.7)),
        (["decoding.groups=1"], (4, 1, 0.0, 0.7)),
        (["decoding.max-length=2"], (4, 1, 0.0, 1.0)),  # shorter than the start's shortest output
    ],
)
def test_settings_of_the_start_give_way_to_those_they_do_not_go_with(first, tmp_path, own, expected):
    loaded = model_folder.load_folder(first / "runs/toy/model")
    changed = {"beam": 4, "groups": 2, "diversity": 0.5, "alpha": 0.7, "min_length": 3}
    generation = replace(loaded.generation, **changed)
    start, weights = tmp_path / "start", tensors_of(loaded.network)
    model_folder.save(start, loaded.config, weights, loaded.processors, generation, "a card")
    run_file = second(first, tmp_path)
    written = run_file.read_text().replace(str(first / "runs/toy"), str(start))
    run_file.write_text(written.partition("[decoding]")[0])
    found = read_run(run_file, own).run.decoding
    assert (found.beam, found.groups, found.diversity, found.alpha) == expected


def test_a_mistake_on_the_command_line_is_named_as_such(first, tmp_path):
    with pytest.raises(ValueError, match=r"--set: unknown key 'decoding.bean'"):
        read_run(second(first, tmp_path), ["decoding.bean=3"])


def test_sources_of_the_start_count_as_trained_on(first, tmp_path):
    run = train(second(first, tmp_path), root=tmp_path).folder
    before = [line.split("\t")[0] for line in (first / "train.tsv").read_text().splitlines()]
    assert overlap.count(run, [*before, "hgf", "abc", "new"]) == len({*before, "hgf", "abc"})


@pytest.mark.parametrize(
    "extra, message",
    [
        ("[model]\nd-model = 32\n", r"more\.toml:3: model\.d-model = 32 does not go with start-from"),
        ('[model]\npreset = "transformer-base"\n', r"model\.preset = 'transformer-base' does not go with start-from"),
        (
            'model = "decoder-only"\n',
            r"model\.kind = 'decoder-only' does not go with start-from: .*, is encoder-decoder",
        ),
        ("[tokenizer]\nvocabulary = 999\n", r"\[tokenizer\] does not go with start-from"),
    ],
)
def test_another_network_or_other_pieces_are_refused(first, tmp_path, extra, message):
    with pytest.raises(ValueError, match=message):
        train(second(first, tmp_path, extra), root=tmp_path)


def test_a_model_that_is_not_there_is_said(tmp_path):
    run_file = write_toy(tmp_path)
    run_file.write_text('start-from = "nowhere"\n' + run_file.read_text())
    with pytest.raises(ValueError, match="nowhere: no such model folder"):
        train(run_file, root=tmp_path)


def test_prepare_takes_the_pieces_of_the_model_too(first, tmp_path, monkeypatch, capfd):
    run_file = second(first, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["prepare", run_file.name]) == 0
    assert "tokenizer" not in capfd.readouterr().err
    train(run_file, ["training.steps=2"], root=tmp_path)
    assert len(list((tmp_path / "prepared").iterdir())) == 1


def test_batches_are_reckoned_in_the_pieces_of_the_model(first, tmp_path):
    """Its targets are words, of which 300 characters are about 50; as subwords they would be 75."""
    run_file = second(first, tmp_path, pairs="".join(f"abc{n}\t{'abcde ' * 50}\n" for n in range(2000)))
    run_file.write_text(run_file.read_text().replace("batch-tokens = 128\n", ""))
    assert choose(read_run(run_file)).run.training.batch_tokens == 1024


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_a_damaged_list_of_what_was_trained_on_is_named(tmp_path, content):
    (tmp_path / overlap.NAME).write_bytes(content)
    with pytest.raises(ValueError, match=r"trained-on\.npy: is damaged; remove it"):
        overlap.count(tmp_path, ["abc"])


def test_dev_records_that_the_start_was_trained_on_are_said_before_training(first, tmp_path, caplog):
    run_file = second(first, tmp_path)
    seen = (first / "train.tsv").read_text().splitlines(keepends=True)[:3]
    (tmp_path / "dev.tsv").write_text("".join([*seen, "hh\th h\n"]))
    (tmp_path / "test.tsv").write_text("hhh\th h h\n")
    settings = {"data.dev.file": "dev.tsv", "data.test": {"file": "test.tsv"}}
    transduce.prepare(run_file, settings=settings, root=tmp_path)
    start = first / "runs/toy"
    (warning,) = [each.getMessage() for each in caplog.records if "trained on" in each.getMessage()]
    assert warning == (
        f"3 of 4 dev sources were trained on by {start}: scores on them are too good; name records in data.dev that neither "
        f"this run nor that model is trained on, such as {start}/dev.jsonl"
    )
    caplog.clear()
    transduce.prepare(run_file, root=tmp_path)
    assert "trained on" not in caplog.text  # the dev set of the first run is new to its model
    train(run_file, [f"data.dev.file={tmp_path / 'dev.tsv'}", "training.steps=1"], root=tmp_path)
    assert warning in caplog.messages


def test_a_start_without_its_run_folder_cannot_be_checked(first, tmp_path, caplog):
    shutil.copytree(first / "runs/toy/model", tmp_path / "moved")
    run_file = second(first, tmp_path)
    transduce.prepare(run_file, settings={"start-from": str(tmp_path / "moved")}, root=tmp_path)
    assert (
        f"{tmp_path}/moved: trained-on.npy of the run that made this model is not there, so nothing tells"
        in caplog.text
    )

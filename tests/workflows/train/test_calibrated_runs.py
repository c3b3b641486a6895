"""Training ends with a temperature that fits the dev set; it changes probabilities, and no first choice."""

from pathlib import Path

import pytest
import torch

import transduce
from toy import train, write_toy
from transduce.data.records import Record
from transduce.workflows.prepare.run import prepare
from transduce.workflows.train.calibration import calibrate
from transduce.workflows.train.plan import choices_of_run, plan
from transduce.workflows.train.run_file import read_run
from transduce.workflows.train.run_folder import RunFolder

SMOOTH = ["training.label-smoothing=0.3", "training.steps=60"]


def dev_records(folder: Path) -> list[Record]:
    lines = (folder / "dev.tsv").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("	") for line in lines)
    return [Record({"source": source, "target": target}, where="") for source, target in pairs]


def test_the_temperature_fits_the_dev_set(tmp_path: Path) -> None:
    trained = train(write_toy(tmp_path), SMOOTH, root=tmp_path)
    model, records = transduce.load(trained.folder / "model"), dev_records(tmp_path)
    head = model.network.head
    assert isinstance(head.temperature, torch.Tensor) and head.temperature != 1
    outputs = model.translate([record.values["source"] for record in records], beam=1)
    best, temperature = model.likelihood(records)[0], head.temperature.item()
    for other in (1.0, 0.9 * temperature, 1.1 * temperature):
        head.temperature.fill_(other)
        assert model.likelihood(records)[0] >= best - 0.3  # the prior counts as much
    assert model.translate([record.values["source"] for record in records], beam=1) == outputs


def test_a_wrong_edit_of_the_owner_does_no_harm(tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    generation = train(path, SMOOTH, root=tmp_path).folder / "model" / "generation.toml"
    generation.write_text('beam = "x"\n')
    again = train(path, [*SMOOTH, "training.steps=70"], resume=True, root=tmp_path)
    assert again.finished and generation.read_text() == 'beam = "x"\n'


def test_a_damaged_model_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_toy(tmp_path)
    trained = train(path, SMOOTH, root=tmp_path)
    file = read_run(path)
    prepared = prepare(plan(file, choices_of_run(file, "cpu", tmp_path).run, tmp_path))
    (trained.folder / "model" / "config.toml").write_text("")
    calibrate(RunFolder(trained.folder), prepared, "cpu")
    assert "the model is not calibrated" in caplog.text

"""Mistakes in a run file: the message names the line, or the command line."""

from pathlib import Path

import pytest

from transduce.workflows.train.run_file import read_run

DATA = '[data]\ntrain = [{ file = "a.tsv" }]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DATA + "\n[training]\nsteps = 0\n", "run.toml:5: training.steps must be at least 1 and below 100,000,000, found 0"),
        (DATA + "\n[trainign]\nsteps = 1\n", "run.toml:4: unknown key 'trainign'; did you mean 'training'?"),
        (DATA + '[training]\nschedule = { kind = "linear", wrmup = 1 }\n', "run.toml:4: unknown key"),
        ('[data]\ntrain = [\n{ file = "a" },\n{ fil = "b" }]\n', "run.toml:2: unknown key 'data.train[1].fil'"),
        ("# no corpus\n[data]\nbad-lines = 'drop'\n", "run.toml:2: data.train is missing; expected "),
        (DATA + '[model]\nheads = 4\npreset = "big"\n', "run.toml:5: model.preset must be one of "),
        (DATA + "[model]\ndropout = 2\n", "run.toml:4: model.dropout must be "),
        ('[data]\n[[data.train]]\nfile = "a.tsv"\n[[data.train]]\nweight = 2\n', "run.toml:4: [data.train[1]] needs"),
        ('[data]\ntrain = [\n{ file = "a" },\n{ weight = 2 }]\n', "run.toml:2: [data.train[1]] needs"),
        (DATA + "[[data.more]]\n", "run.toml:3: unknown key 'data.more'"),
        ('start-from = 3\n' + DATA, "run.toml:1: start-from must be a path"),
    ],
)  # fmt: skip
def test_mistakes_in_a_run_file_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ValueError) as caught:
        read_run(path)
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


def test_what_the_command_line_sets_is_not_blamed_on_a_line(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(DATA + "[training]\nsteps = 0\n")
    with pytest.raises(ValueError, match=r"^--set: training\.steps must be at least 1 and below 100,000,000, found -1"):
        read_run(path, ["training.steps=-1"])

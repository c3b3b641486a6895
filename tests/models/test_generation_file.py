"""generation.toml: whatever its owner may write loads, and everything else is refused by name."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce import config
from transduce.config.toml import inline
from transduce.decoding.config import Generation
from transduce.decoding.strategies.sampling import Sampling
from transduce.models.generation_file import NAME, change_generation, read_generation

draws = st.fixed_dictionaries({}, optional={"top-k": st.integers(0, 99), "min-p": st.floats(0, 1)})
permitted = st.fixed_dictionaries(
    {},
    optional={
        "beam": st.integers(1, 1000),
        "alpha": st.floats(0, 10) | st.integers(0, 10),
        "max-source": st.integers(2, 1_000_000),
        "sampling": st.just("none") | draws,
    },
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("model")


@settings(max_examples=12)
@given(permitted, permitted, st.sampled_from(["\n", "\r\n"]))
def test_any_permitted_edit_loads(folder: Path, first: dict[str, Any], second: dict[str, Any], end: str) -> None:
    (folder / NAME).write_text("# mine\n" + config.dumps(first), newline=end)
    assert read_generation(folder) == config.build(Generation, first, "first")
    expected = config.build(Generation, {**first, **second}, "both")
    changes = [f"{key}={inline(value)}" for key, value in second.items()]
    assert change_generation(folder, changes)[0] == read_generation(folder) == expected


def test_a_change_leaves_comments_and_other_keys(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes("\ufeff# mine\r\nbeam = 6  # slow\r\nmax-source = 30\r\n".encode())
    assert change_generation(tmp_path, ["beam=8", "alpha = 0.5"]) == (Generation(8, 0.5, max_source=30), True)
    assert path.read_bytes() == b"# mine\r\nbeam = 8  # slow\r\nmax-source = 30\r\nalpha = 0.5\r\n"
    path.write_text("beam = 0  # a mistake\n")
    assert change_generation(tmp_path, ["beam=2"])[0] == Generation(2)
    path.write_text("sampling = { seed = 3 }  # one line\n")
    assert change_generation(tmp_path, ["sampling.seed=4"]) == (Generation(sampling=Sampling(seed=4)), False)
    path.unlink()
    assert change_generation(tmp_path, ["beam=2"]) == (Generation(2), True)


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["beam=0"], "^beam must be 1 to 1,000, found 0"),
        (["beem=8"], "^unknown key 'beem'; did you mean 'beam'?"),
        (["beam=many"], '^beam must be a whole number, found "many"'),
        (["beam"], "^expected KEY=VALUE, such as beam=8, found 'beam'"),
        (["beam=8", "--n=3"], "^unknown key '--n'"),
        (["n-best=3"], r"^n-best must be at most beam \(2\), found 3"),
        (["groups=2"], "^.*diversity must be above 0"),
        (["beam=1"], rf"{NAME}:2: n-best must be at most beam \(1\), found 2"),
        (["sampling.temprature=1"], "^unknown key 'sampling.temprature'; did you mean 'sampling.temperature'"),
    ],
)  # fmt: skip
def test_a_change_that_the_file_cannot_have_writes_nothing(
    tmp_path: Path, assignments: list[str], message: str
) -> None:
    path = tmp_path / NAME
    path.write_text("beam = 2\nn-best = 2\n")
    with pytest.raises(ValueError, match=message):
        change_generation(tmp_path, assignments)
    assert path.read_text() == "beam = 2\nn-best = 2\n"


def huge(path: Path) -> None:
    path.write_bytes(b"#" * (3 << 20))


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (huge, "is larger than 2097152 bytes"),
        (lambda path: path.write_bytes(b"\xff\0"), ":1:1: not UTF-8"),
        (lambda path: path.write_text("beam = 4\nalpha: 1\n"), ":2:6: not TOML"),
        (Path.mkdir, "is a folder, expected a TOML file"),
        (lambda path: os.mkfifo(path), "is not a file"),
        (lambda path: path.symlink_to("/dev/zero"), "is a symbolic link; put the file itself there"),
        (lambda path: path.symlink_to("nowhere"), "is a symbolic link"),
    ],
    ids=["huge", "binary", "no TOML", "folder", "pipe", "link to a device", "link to nowhere"],
)  # type: ignore[no-untyped-def]
def test_anything_but_a_file_of_settings_is_refused_at_once(tmp_path: Path, create, message: str) -> None:
    create(tmp_path / NAME)
    for use in (read_generation, lambda folder: change_generation(folder, ["beam=2"])):
        with pytest.raises(ValueError, match=rf"^{tmp_path / NAME}.*{message}"):
            use(tmp_path)

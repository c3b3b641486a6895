"""A run file: strict TOML to one frozen RunConfig.

The task comes first: it names the columns of [data] and the network that [model] describes where it names no other kind.
A model that the run starts from gives what [model] and [decoding] leave open.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from transduce import config
from transduce.attention.catalogue import MECHANISMS
from transduce.config import NO_PARTS, Fact, Given, Parts
from transduce.data.columns import Text
from transduce.data.config import DataConfig
from transduce.data.records import of_kind
from transduce.decoding.config import Decoding
from transduce.files.names import is_folder_name
from transduce.networks.presets import PRESETS
from transduce.networks.table import NETWORKS, PRESETS_BY_KIND, NetworkConfig, preset_of_size
from transduce.tasks.table import TASKS
from transduce.tasks.task import Task
from transduce.tasks.translation import Translation
from transduce.text.config import TokenizerConfig
from transduce.training.config import BUDGET_NAMES, TrainingConfig
from transduce.workflows.train.data_facts import RunData
from transduce.workflows.train.run_file_checks import check_columns, check_decoding, check_network
from transduce.workflows.train.run_network import DEFAULT_SIZE, network_to_change
from transduce.workflows.train.start_from import Start, check_start, find_start

BUDGETS = tuple(f"training.{name}" for name in BUDGET_NAMES)  # keys that can be the budget


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides what a run does."""

    data: Annotated[DataConfig, "where the records are", Fact(prepared=True)]
    task: Annotated[Task, "what to learn", TASKS, Fact(prepared=True)] = Translation()
    seed: Annotated[int, "of initialisation, order and dropout", Fact(at_least=0, below=2**63)] = 1
    start_from: Annotated[
        Path | None,
        "a model folder or run folder whose network, tokenizers and weights the run begins with",
        Fact(prepared=True),
    ] = None
    tokenizer: Annotated[TokenizerConfig, "how text becomes ids", Fact(prepared=True)] = TokenizerConfig()
    model: Annotated[NetworkConfig, "the network: its kind, a preset, and any field of it", NETWORKS] = PRESETS[
        preset_of_size("encoder-decoder", DEFAULT_SIZE)
    ]()
    training: Annotated[TrainingConfig, "how it is trained"] = TrainingConfig()
    decoding: Annotated[Decoding, "how it decodes"] = Decoding()

    def __post_init__(self) -> None:
        config.check(self)
        texts = self.names["texts"]
        for column in self.tokenizer.columns:
            if column not in texts:
                raise ValueError(
                    f"tokenizer.{column} names no text column of task {self.task.name}, which has {' and '.join(texts)}"
                )
        noise = config.keys_where(type(self.model), lambda fact: fact.noise)
        if self.training.r_drop and not any(config.value_at(self.model, key) for key in noise):
            raise ValueError(
                "training.r-drop compares passes with different dropout: give model.dropout, or leave it out"
            )
        if self.decoding.n_best != 1 or self.decoding.sampling is not None:
            raise ValueError(
                "decoding.n-best and decoding.sampling belong to a translation, not to a run; leave them out"
            )

    @property
    def names(self) -> config.Names:
        """The keys that the mappings of this run may have."""
        return names_of(self.task)


@dataclass(frozen=True)
class RunFile:
    """A run file that has been read: what it says, its keys (with those of --set), and what it names.

    tree: its TOML values, with those of --set. start: the model that the run starts from. data: its files.
    parts: the caller's own, which the file may name.
    """

    path: Path
    tree: Mapping[str, Any]
    run: RunConfig
    keys: Given
    start: Start | None
    data: RunData
    parts: Parts = field(default_factory=dict)

    def changed(self, overrides: Sequence[str]) -> "RunFile":
        """The same with more settings, as --set takes them. No file that has been read is read again."""
        return _run_file(config.override(self.tree, overrides), self.path, self.parts, self)


def read_run(
    path: Path | None, overrides: Sequence[str] = (), run_folder: Path | None = None, name: str | None = None
) -> RunFile:
    """Reads a run file with the changes of --set. ValueErrors name file, line and key.

    run_folder: of a run that resumes: the model that it started from may be gone, and with it the run file (path None). name:
    of the run, by default the file's stem.
    """
    if path is None:
        assert run_folder is not None
        return read_run_folder(run_folder, overrides)
    _require_run_file(path, run_folder)
    file = _run_file(config.override(config.read(path), overrides), path, run_folder=run_folder)
    return file if name is None else replace(file, path=path.with_name(f"{run_name(name)}.toml"))


def open_run(
    run: str | Path | Mapping[str, Any] | None,
    settings: Mapping[str, Any],
    name: str | None = None,
    parts: Parts = NO_PARTS,
    runs: Path | None = None,
    base: Path = Path(),
) -> RunFile:
    """A run file, or its content as a dict, with settings by dotted key: `open_run("run.toml", {"training.steps": 100})`.

    `name` is that of the run: by default the file's stem; a dict needs one. runs: the folder of all runs, where
    this one resumes; it may then do without `run`. base: where the paths of a dict start.
    """
    overrides = [config.assignment(key, value) for key, value in settings.items()]
    if isinstance(run, Mapping) and name is None:
        raise ValueError("a run that is given as a dict needs a name: its folder is runs/NAME")
    if run is None:
        if runs is None or name is None:
            raise ValueError(
                "run must be a run file or a dict; only a run that resumes by its name (name=) does without"
            )
        with _settings_named():
            return read_run_folder(runs / run_name(name), overrides, parts)
    path = base / f"{run_name(name)}.toml" if isinstance(run, Mapping) else Path(run)
    run_path = path if name is None else path.with_name(f"{run_name(name)}.toml")
    run_folder = None if runs is None else runs / run_path.stem
    if not isinstance(run, Mapping):
        _require_run_file(path, run_folder)
    tree = _plain(run) if isinstance(run, Mapping) else config.read(path)
    with _settings_named():
        file = _run_file(config.override(tree, overrides), path, parts, run_folder=run_folder)
    return replace(file, path=run_path)


def read_run_folder(folder: Path, overrides: Sequence[str] = (), parts: Parts = NO_PARTS) -> RunFile:
    """A run that resumes without its run file: the settings of its run.toml with the changes of --set. The paths of its
    data start at the folder in which runs/ is.
    """
    path = folder / "run.toml"
    if not path.exists():
        raise ValueError(f"{folder} holds no run to resume: begin one with a run file")
    read_run_toml(path, parts)  # its errors name run.toml
    tree = config.override(config.read(path), overrides)
    return _run_file(tree, folder.parent.parent / f"{folder.name}.toml", parts, run_folder=folder)


def _require_run_file(path: Path, run_folder: Path | None) -> None:
    """ValueError for a run file that is gone, or the record of a run, where a run resumes that needs neither."""
    if run_folder is None:
        return
    if path.name == "run.toml" and (path.parent / "checkpoints").is_dir():
        name, text = path.parent.name, "holds the settings that a run began with, and is no run file to resume it by"
    elif not path.exists() and (run_folder / "run.toml").exists():
        name, text = run_folder.name, f"no such file; {run_folder} has the settings of the run"
    else:
        return
    raise ValueError(
        f"{path}: {text}: leave the file out, and name the run (--resume --name {name}, or train(resume=True, name={name!r}) in "
        "Python)"
    )


@contextmanager
def _settings_named() -> Iterator[None]:
    """Names changes to a run as Python does, not as --set."""
    try:
        yield
    except ValueError as error:
        raise ValueError(str(error).replace("--set: ", "settings: ", 1)) from None


def run_name(name: str | None) -> str:
    """The name of a run. ValueError unless it can be that of one folder."""
    if not isinstance(name, str) or not is_folder_name(name):
        raise ValueError(
            f'name must be that of one folder, such as "first-try": its folder is runs/NAME; found {name!r}'
        )
    return name


def _plain(value: Any) -> Any:
    """Python values as TOML has them: tuples as lists, paths as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def read_run_toml(path: Path, parts: Parts = NO_PARTS) -> RunConfig:
    """The run.toml of a run folder, which has every setting: the model that the run started from is not looked at."""
    return _run_of(config.read(path), path, None, parts)


def run_toml(run: RunConfig, parts: Parts = NO_PARTS) -> str:
    """TOML text from which `read_run_toml` makes an equal RunConfig."""
    return config.dumps(config.tree_of(run, parts))


def names_of(*tasks: Task) -> config.Names:
    """The keys that the mappings of a run file may have: `names_of(Classification())["texts"] == ("text",)`."""
    columns = dict.fromkeys(name for task in tasks for name in task.columns)
    texts = dict.fromkeys(name for task in tasks for name in of_kind(task, Text))
    return {"columns": tuple(columns), "texts": tuple(texts)}


def describe_run_file() -> list[config.KeyDescription]:
    """Every key that a run file may have, with the columns of every task."""
    keys = [
        replace(key, default="as the task names it") if key.key == "model" else key
        for key in config.describe(RunConfig, names_of(*(task() for task in TASKS.values())))
    ]
    first = next(place for place, key in enumerate(keys) if key.key.startswith("model."))
    names = f"one of {', '.join(dict.fromkeys(name for presets in PRESETS_BY_KIND.values() for name in presets))}"
    default = preset_of_size("encoder-decoder", DEFAULT_SIZE)
    preset = config.KeyDescription("model.preset", names, default, "what the other keys of [model] change")
    return [*keys[:first], preset, *keys[first:]]


def _run_file(
    tree: Mapping[str, Any],
    path: Path,
    parts: Parts = NO_PARTS,
    before: RunFile | None = None,
    run_folder: Path | None = None,
) -> RunFile:
    start = find_start(tree, path, None if before is None else before.start, parts, run_folder)
    try:
        run = _run_of(tree, path, start, parts)
    except config.UnknownPart as error:
        raise ValueError(f"{error}; {_advice_on_part(error.kind)}") from None
    if start is not None:
        check_start(start, run.model, run.tokenizer, tree, path)
    if "decoding" in tree:
        check_decoding(tree, str(path), run.task, run.model, run.decoding)
    check_network(tree, str(path), run.task, run.model)
    data = RunData(run.task, run.data, path.parent)
    if before is not None and before.data == data:
        data = before.data  # which has read its files
    return RunFile(path, tree, run, config.given(tree), start, data, parts)


def _advice_on_part(kind: str) -> str:
    if kind in MECHANISMS:
        return f"{kind} is in the catalogue (`transduce attention {kind}`), but no layer of a model can have it"
    return f'if it is a part of your own, give it: parts={{"{kind}": ...}} in Python'


@dataclass(frozen=True)
class _TaskAlone:
    task: Annotated[Task, "what to learn", TASKS] = Translation()


def _run_of(tree: Mapping[str, Any], path: Path, start: Start | None, parts: Parts) -> RunConfig:
    where, rest = str(path), config.override(tree, ())  # a copy that knows where its keys come from
    task = config.build(_TaskAlone, config.only(tree, "task"), where, parts=parts).task
    bases: dict[str, Any] = {"model": network_to_change(rest, where, task, start, parts)}
    if start is not None and start.config.task.name == task.name:
        bases["decoding"] = start.decoding(rest.get("decoding", {}))
    check_columns(rest, where, task)
    also = ("model.kind", "model.preset")
    return config.build(RunConfig, rest, where, bases, also=also, names=names_of(task), parts=parts)

"""Init: files of data to a commented run file, with every setting that would be chosen for them."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transduce.config.toml import inline
from transduce.data.columns import Text
from transduce.data.formats.compression import unpacked_name
from transduce.data.formats.time_windows import has_windows
from transduce.data.picture_column import picture_columns
from transduce.data.records import counted, plural
from transduce.files import write_atomically
from transduce.tasks.table import TASKS
from transduce.tasks.task import Task
from transduce.workflows.advice import column_names, fitting_task
from transduce.workflows.train.choices import Chosen, choose
from transduce.workflows.train.run_file import RunFile, open_run

log = logging.getLogger(__name__)

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")
HELD_OUT = 20  # one record of so many is held out for dev, and another for test,
LEAST, MOST = 1, 2_000  # within these numbers
FEWEST = 3  # records of a run
NO_TEXT = ("tag", "group", "id", "index", "no", "nr", "number", "")  # columns that are none of a task's
PARTS = {"dev": ("dev", "valid", "validation", "val"), "test": ("test",)}  # words of file names

ADVICE = (
    "# What follows is chosen from the data and the budget. To decide yourself, remove the # before a line",
    "# and before the name of its table.",
)


def init(files: Sequence[Path], out: Path, task: str | None = None) -> str:
    """Writes a run file for `files` to `out`, and returns its text. ValueError where it exists, and for files whose task
    cannot be told.
    """
    if out.exists():
        raise ValueError(f"{out} exists: give the new run file another name with --out, or remove it")
    if not out.parent.is_dir():
        raise ValueError(f"{out.parent}: no such folder; make it first, or give --out a name in a folder that is there")
    tree = _tree(files, out.parent, task)
    file = open_run(tree, {}, name=out.stem, base=out.parent)
    records = file.data.facts.records
    if records < FEWEST:
        content = f"{', '.join(map(str, files))}: {counted(records, file.run.task.unit)}"
        raise ValueError(f"{content}; a run needs {FEWEST} at least, as some are held out")
    if "dev" not in tree["data"]:
        count = min(MOST, max(LEAST, records // HELD_OUT))
        tree["data"]["split"] = {"dev": count} if "test" in tree["data"] else {"dev": count, "test": count}
        file = open_run(tree, {}, name=out.stem, base=out.parent)
    text = _text(tree, file, choose(file))
    write_atomically(out, text)
    return text


def _tree(files: Sequence[Path], base: Path, name: str | None) -> dict[str, Any]:
    for path in files:
        if not path.exists():
            raise ValueError(f"{path}: no such file or folder")
    if name is not None and name not in TASKS:
        raise ValueError(f"--task must be one of {', '.join(TASKS)}, found {name!r}")
    parts = _parts(files)
    task = TASKS[name]() if name is not None else _task(parts["train"])
    data: dict[str, Any] = {"train": _corpora(parts["train"], task, base)}
    for part in PARTS:
        if part in parts:
            corpora = _corpora(parts[part], task, base)
            if len(corpora) > 1:
                names = ", ".join(map(str, parts[part]))
                raise ValueError(f"there may be one {part} set, found {names}; join them, or leave out all but one")
            data[part] = corpora[0]
    return {"task": task.name, "data": data}


def _parts(files: Sequence[Path]) -> dict[str, list[Path]]:
    """The files of train, dev and test, by the words of their names."""
    parts: dict[str, list[Path]] = {"train": []}
    for path in files:
        words = path.name.lower().replace("-", ".").replace("_", ".").split(".")
        part = next((part for part, names in PARTS.items() if {*words} & {*names}), "train")
        parts.setdefault(part, []).append(path)
    if not parts["train"]:
        raise ValueError(
            f"none of the files is to train on: {', '.join(map(str, files))} have the names of held-out sets"
        )
    return parts


def _task(files: Sequence[Path]) -> Task:
    """The task that the first file fits."""
    first = files[0]
    if first.is_dir():
        return TASKS["image-classification"]()
    suffix = _suffix(first)
    if suffix in TABLES:
        names = column_names(first)
        return fitting_task(names) or TASKS["translation"]()
    if suffix == ".txt" and len(files) == 1:
        return TASKS["language-model"]()
    if len(files) == 2:
        return TASKS["translation"]()
    raise ValueError(
        f"{first}: its name does not tell what is in it; end it in .tsv, .csv, .jsonl or .txt, give two aligned files (source, "
        f"then target), or name the task: --task {' or '.join(TASKS)}"
    )


def _corpora(files: Sequence[Path], task: Task, base: Path) -> list[dict[str, Any]]:
    """The corpora of [data]: one file with all columns each, or one aligned file for each column."""
    paths = [os.path.relpath(path, base or ".") for path in files]
    if len(files) == len(task.columns) > 1 and not any(_suffix(path) in TABLES or path.is_dir() for path in files):
        return [dict(zip(task.columns, paths, strict=True))]
    return [{"file": path, **_columns(file, task)} for path, file in zip(paths, files, strict=True)]


def _columns(path: Path, task: Task) -> dict[str, Any]:
    """Names for the columns of a file that has others: columns of their own name first, then the first ones left."""
    names = [name for name in column_names(path) if name.lower() not in NO_TEXT]
    if not names or {*task.columns} <= {*names}:
        return {}
    if has_windows(task.columns):
        raise ValueError(
            f"{path}: task {task.name} needs the names of its columns, which init does not guess; write the run file by hand: "
            "docs/forecasting.md has one"
        )
    if len(names) < len(task.columns):
        raise ValueError(
            f"{path} has the columns {', '.join(names)}, but task {task.name} needs {' and '.join(task.columns)}"
        )
    others = iter([name for name in names if name not in task.columns])
    columns = {column: column if column in names else next(others) for column in task.columns}
    log.info(
        "%s: %s; correct the run file if that is wrong", path, ", ".join(f"{c} is {n}" for c, n in columns.items())
    )
    return {"columns": columns}


def _suffix(path: Path) -> str:
    return unpacked_name(path).suffix.lower()


def _text(tree: Mapping[str, Any], file: RunFile, chosen: Chosen) -> str:
    task, records = file.run.task, file.data.facts.records
    lines = [
        f"# {counted(records, task.unit)} to learn from. `transduce train --keys` explains every key.",
        f'task = "{task.name}"' + _more_of_task(task),
        "",
        "[data]",
        f"train = {_listed(tree['data']['train'])}",
        *(f"{part} = {inline(tree['data'][part])}" for part in PARTS if part in tree["data"]),
    ]
    if "split" in tree["data"]:
        held_out = f"held out of training, whole {plural(task.key)} at a time"
        lines.append(f"split = {inline(tree['data']['split'])}    # {held_out}")
    lines += ["", *ADVICE]
    table = ""
    for choice in sorted(chosen.choices, key=lambda choice: choice.key.partition(".")[0]):
        name, _, key = choice.key.partition(".")
        if name != table:
            table = name
            lines += ["", f"# [{table}]"]
        lines += [f"# {key} = {inline(choice.value)}", f"#     {choice.reason}"]
    return "".join(f"{line}\n" for line in lines)


def _more_of_task(task: Task) -> str:
    if picture_columns(task.columns):
        return '    # or { kind = "image-classification", size = 64 } for larger pictures'
    if any(isinstance(column, Text) and column.multiline for column in task.columns.values()):
        return '    # or { kind = "language-model", context = 512 } for a longer context'
    return ""


def _listed(corpora: Sequence[Mapping[str, Any]]) -> str:
    if len(corpora) == 1:
        return f"[{inline(corpora[0])}]"
    return "[\n" + "".join(f"  {inline(each)},\n" for each in corpora) + "]"

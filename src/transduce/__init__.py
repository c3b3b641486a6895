"""transduce: from files of examples to a Transformer that you can train, read, check and use.

    import transduce

    trained = transduce.train("run.toml", settings={"training.minutes": 10})       # -> runs/run/
    model = transduce.load(trained.folder)
    transduce.predict(model, ["Guten Morgen"], beam=4)[0].text                     # "Good morning"
    transduce.evaluate(model, "test.tsv", metrics=["chrf"]).values["chrf"]         # 57.3

The functions write nothing to the terminal: messages go to `logging.getLogger("transduce")`, so that
`logging.basicConfig(level=logging.INFO)` shows them. They leave threads, signal handlers, environment and random generators
as they are. ValueError for everything that a user can correct, with file and line, or key, and what was expected.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # torch takes seconds to import; `transduce --help` does without
    from transduce.data.prepared import Prepared
    from transduce.models.model import Model
    from transduce.tasks.task import Prediction
    from transduce.workflows.evaluate.run import Evaluation
    from transduce.workflows.train.run import Trained

__version__ = "0.1.0"
__all__ = ["__version__", "evaluate", "load", "predict", "prepare", "train"]

Run = str | Path | Mapping[str, Any]
Settings = Mapping[str, Any]
Parts = Mapping[str, type]
_NONE: Mapping[str, Any] = MappingProxyType({})


def load(
    path: str | Path | Sequence[str | Path],
    device: str | None = None,
    precision: str = "float32",
    *,
    parts: Parts = _NONE,
) -> "Model":
    """A trained model from its folder, or from its run's: `predict`, `translate`, `score`, and `network`, the torch module.

    >>> print(transduce.load("runs/pronounce-en"))

    Every file is checked against the folder's manifest; a ValueError says what is missing, cut short or changed. Several
    paths give an ensemble, which translates or classifies by the mean of the models' probabilities; their vocabularies
    must be equal.
    `device` is "auto" (the default: a GPU where there is one), "cpu", "cuda" or "cuda:N"; `precision` "float32" or "bf16".
    `parts` are your own that the model was trained with, as of `train`: a folder holds their names, never their code.
    """
    from transduce.machine.devices import choose_device
    from transduce.models.ensemble import open_models

    paths = [path] if isinstance(path, str | Path) else path
    return open_models([Path(each) for each in paths], choose_device(device), precision, parts)


def prepare(
    run: Run, *, settings: Settings = _NONE, name: str | None = None, root: str | Path = ".", parts: Parts = _NONE
) -> "Prepared":
    """Reads, checks, splits and encodes the data of a run into `root`/prepared/, as `train` does. Arguments as of `train`.

    >>> transduce.prepare("run.toml").summary()
    ['train: 9,000 pairs, 70,000 source and 60,000 target tokens', ..., 'prepared/0f3c...: written']
    """
    from transduce.workflows.train.run import prepare_run
    from transduce.workflows.train.run_file import open_run

    return prepare_run(open_run(run, settings, name, parts), Path(root))


def train(
    run: Run | None = None,
    *,
    settings: Settings = _NONE,
    resume: bool = False,
    name: str | None = None,
    root: str | Path = ".",
    device: str | None = None,
    parts: Parts = _NONE,
) -> "Trained":
    """Trains a model into `root`/runs/NAME; NAME is `name`, or the stem of the run file.

    >>> transduce.train("run.toml", settings={"training.steps": 2000, "model.preset": "transformer-small"})
    >>> transduce.train({"data": {"train": [{"file": "pairs.tsv"}], "split": {"dev": 200}}}, name="mine")
    Trained(folder=PosixPath('runs/mine'), finished=True, ...)

    run: a run file, or its content as a dict, whose paths start at the current folder.
    settings: changes by dotted key, as `--set` takes them; None for "none". Settings given nowhere are chosen by the size
        of the data.
    resume: continue a run that was stopped or killed. On a CPU it ends bit for bit as if it had never stopped. Its `name`
        is enough where the run file is gone, and its prepared data where the data files are.
    device: as of `load`; it is no setting of the run, which may resume on another one.
    parts: your own frozen dataclasses by name (docs/extending.md). With parts={"mine": Mine} a run file may say
        `norm = "mine"`, or `norm = { kind = "mine", eps = 1e-3 }`, in every field that Mine fits.

    Ctrl-C raises KeyboardInterrupt: updates since the last checkpoint are lost. (The command `transduce train` stops with
    a checkpoint, and chooses the number of threads.)
    """
    from transduce.workflows.train import run as workflow
    from transduce.workflows.train.run_file import open_run

    return workflow.train(
        open_run(run, settings, name, parts, Path(root) / "runs" if resume else None),
        resume,
        Path(root),
        device=device,
    )


def evaluate(
    model: "Model | str | Path",
    data: str | Path | Iterable[Any],
    *,
    metrics: Sequence[str] | None = None,
    records: Literal["lines", "paragraphs", "file"] = "lines",
    alternatives: bool = False,
    parts: Parts = _NONE,
    **decoding: Any,
) -> "Evaluation":
    """Predicts every item of a test set and compares the predictions with their references.

    >>> transduce.evaluate(model, "test.tsv").values
    {'bleu': 31.2, 'chrf': 57.3, ..., 'perplexity': 5.1}
    >>> transduce.evaluate(model, [{"source": "read", "target": ["R IY D", "R EH D"]}], metrics=["exact-match"], beam=1)

    data: a file in any format of training data, or records by column; an answer may be a list of references.
    metrics: their names (default: all of the model's task). records: what a record of a .txt file is.
    alternatives: records of a file that differ in the answer alone are one item with several references.
    parts: as of `load`. decoding: as of `predict`.
    """
    from transduce.workflows.evaluate import run
    from transduce.workflows.evaluate.test_set import held_out
    from transduce.workflows.predict.method import Method

    opened = load(model, parts=parts) if isinstance(model, str | Path) else model
    items = held_out(data, opened.task, alternatives, records)
    return run.evaluate(opened, items, metrics, Method(opened.decoding(**decoding)))


def predict(
    model: "Model | str | Path", records: Iterable[Any], *, parts: Parts = _NONE, **decoding: Any
) -> "list[Prediction]":
    """The best prediction for each record, in order, with `text` and `confidence`.

    >>> [each.text for each in transduce.predict(model, ["Guten Morgen", "Danke"], beam=8)]
    ['Good morning', 'Thank you']
    >>> transduce.predict("runs/spam", [{"text": "You have won!"}])[0].confidence
    0.98

    A record is a dict by column, or the value of the task's key column alone: a text, the name of a picture's file or a
    picture of Pillow, the numbers of a series. {"source": "...", "tags": ["de"]} has tags.
    decoding: changes to the model's settings, for tasks that generate text: beam=8, alpha=0.6, max_length=100.
    parts: as of `load`, where `model` is a folder.
    """
    opened = load(model, parts=parts) if isinstance(model, str | Path) else model
    return opened.predict(records, **decoding)

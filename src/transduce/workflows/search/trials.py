"""One trial of a search: a run with a few settings changed, and its result."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transduce import config, files
from transduce.data.formats import lines
from transduce.machine.hardware import is_out_of_memory
from transduce.training import checkpoints
from transduce.training.interrupt import Stopping
from transduce.training.loop import Diverged
from transduce.training.update import TooLarge
from transduce.workflows.train.run import Trained, train
from transduce.workflows.train.run_file import RunFile
from transduce.workflows.train.run_folder import RunFolder


@dataclass(frozen=True)
class Result:
    """A finished trial. `value` is the best of its validations; None where `failure` says why there is none."""

    trial: int
    settings: dict[str, Any]
    value: float | None
    step: int = 0
    minutes: float = 0.0
    failure: str = ""


@dataclass(frozen=True)
class Stopped:
    """A trial that a signal stopped; it can continue."""

    signal: int | None


@dataclass(frozen=True)
class Trials:
    """What all trials share: the run file, its automatic settings, the metric, and the folders."""

    file: RunFile
    fixed: tuple[str, ...]
    metric: str
    higher_is_better: bool
    folder: Path
    root: Path
    stopping: Stopping
    device: str

    def place(self, number: int) -> RunFolder:
        return RunFolder(self.folder / f"trial-{number:03}")

    def run(self, number: int, settings: Mapping[str, Any]) -> Result | Stopped:
        """Trains a trial to its end. Continues an unfinished one where possible, else starts it again.

        Settings that exclude each other or do not fit the data, a loss that diverges and memory that runs out are results
        too. A trial that a signal stops after its last update is stored by the next call.
        """
        changes = [*self.fixed, *(config.assignment(key, value) for key, value in settings.items())]
        try:
            trained = self._train(number, self.file.changed(changes))
        except files.InUse:
            raise
        except Exception as error:
            if not (isinstance(error, ValueError) or is_out_of_memory(error)):
                raise
            return Result(number, dict(settings), None, failure=str(error) or "memory ran out")
        if trained.signal or not trained.finished:
            return Stopped(trained.signal)
        best = trained.state.best
        assert best is not None  # a run without one ends with an error
        minutes = round(trained.state.seconds / 60, 2)
        return Result(number, dict(settings), trained.state.scores[best], checkpoints.step_of(best), minutes)

    def _train(self, number: int, file: RunFile) -> Trained:
        into = self.place(number)
        if into.run_file.exists():
            try:
                return train(file, True, self.root, into.path, self.stopping, self.device, keep_tokenizers=False)
            except (Diverged, TooLarge, files.InUse):
                raise
            except ValueError:  # damaged, or of other settings: no trial of this search
                aside = into.path.with_name(f"set-aside-{into.path.name}")
                files.remove_folder(aside)
                into.path.rename(aside)
        return train(file, False, self.root, into.path, self.stopping, self.device, keep_tokenizers=False)

    def tidy(self, results: Iterable[Result], best: Result | None) -> None:
        """Removes checkpoints and models of all but the best; logs, curves and run files stay."""
        for result in results:
            if best is None or result.trial != best.trial:
                files.remove_folder(self.place(result.trial).checkpoints)
                files.remove_folder(self.place(result.trial).model)


def read_results(path: Path) -> list[Result]:
    """The results of a search, in the order in which they came. ValueError for a line that is none."""
    results = []
    for number, line in enumerate(lines.lines(path) if path.exists() and path.stat().st_size else [], 1):
        try:
            results.append(Result(**json.loads(line)))
        except (ValueError, TypeError):
            raise ValueError(f"{path}:{number}: is not a result of a search; move its folder away") from None
    return results


def write_results(path: Path, results: Iterable[Result]) -> None:
    files.write_atomically(path, "".join(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in results))

"""Prepares data as a run does, for tests of tasks and data alone."""

from pathlib import Path

from transduce.config import NO_PARTS, Parts
from transduce.data.config import DataConfig
from transduce.data.processors import Processors
from transduce.data.records import RecordType
from transduce.data.scan import find_origins
from transduce.text.config import TokenizerConfig
from transduce.workflows.prepare.run import Plan, Prepared, imported_tokenizers, prepare


def prepare_data(
    task: RecordType,
    data: DataConfig,
    tokenizer: TokenizerConfig,
    seed: int,
    base: Path,
    root: Path,
    start: Processors | None = None,
    parts: Parts = NO_PARTS,
) -> Prepared:
    """Relative paths of `data` start at `base`; `start` are processors of a model to start from."""
    given = Processors({**imported_tokenizers(task, tokenizer, base), **(start or {})})
    return prepare(Plan(task, data, tokenizer, seed, root, find_origins(task, data, base), given, parts))

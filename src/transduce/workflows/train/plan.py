"""The preparation that a run needs, and its choices with the tokenizers of an earlier one."""

import logging
from pathlib import Path

from transduce import config
from transduce.data.columns import Processor
from transduce.data.processors import Processors
from transduce.workflows.prepare.earlier import earlier_preparation
from transduce.workflows.prepare.run import Plan, imported_tokenizers
from transduce.workflows.train.choice import Choice, shown
from transduce.workflows.train.choices import Chosen, choose
from transduce.workflows.train.run_file import RunConfig, RunFile

log = logging.getLogger(__name__)

TABLE = "tokenizer."


def plan(file: RunFile, config: RunConfig, root: Path) -> Plan:
    """The preparation of the data of a run whose settings have been chosen."""
    processors = dict[str, Processor](imported_tokenizers(config.task, config.tokenizer, file.path.parent))
    if file.start is not None:
        processors |= file.start.tokenizers(config.task, config.model)
    place, origins = root / "prepared", file.data.origins
    return Plan(
        config.task, config.data, config.tokenizer, config.seed, place, origins, Processors(processors), file.parts
    )


def choices_of_run(file: RunFile, device: str, root: Path, keep_tokenizers: bool = True) -> Chosen:
    """The choices for a run. Tokenizers that were prepared for the same records are kept, where the run leaves them open."""
    chosen = choose(file, device)
    if not keep_tokenizers or not any(choice.key.startswith(TABLE) for choice in chosen.choices):
        return chosen
    automatic = config.keys_where(RunConfig, lambda fact: fact.automatic, file.run.names, file.parts)
    open_keys = [key.removeprefix(TABLE) for key in automatic if key.startswith(TABLE) and key not in file.keys]
    preparation = plan(file, chosen.run, root)
    earlier = None if preparation.folder.exists() else earlier_preparation(preparation, open_keys)
    if earlier is None:
        return chosen
    own = config.tree_of(chosen.run.tokenizer)
    for key, value in earlier.differences.items():
        reason = f"from {earlier.folder}, which is kept; this run alone would take {shown(own.get(key))}"
        log.info("%s", Choice(f"{TABLE}{key}", value, reason))
    log.info("transduce prepare with the settings of this run learns its own tokenizers")
    settings = [config.assignment(f"{TABLE}{key}", value) for key, value in earlier.differences.items()]
    return choose(file.changed(settings), device)

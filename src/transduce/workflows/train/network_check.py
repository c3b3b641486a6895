"""Whether a task can use a network, before any data is read: the network is built for vocabularies of a few characters."""

import functools
from contextlib import suppress

from transduce.data.columns import Labels, Processor, Text
from transduce.data.processors import Processors
from transduce.models.folder import ModelConfig, network_without_values
from transduce.networks.table import NetworkConfig
from transduce.tasks.task import Task
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train
from transduce.text.tokenizer import Tokenizer


def require_usable(task: Task, network: NetworkConfig) -> None:
    """ValueError, with both, where the task cannot use the network."""
    processors: dict[str, Processor] = {
        name: _characters() if isinstance(column, Text) else Labels(("0", "1")) for name, column in task.columns.items()
    }
    with suppress(LookupError):  # a task that looks for a label or token of its data is checked when that is there
        network_without_values(ModelConfig(task, network), Processors(processors))


@functools.cache
def _characters() -> Tokenizer:
    settings = TokenizerConfig(kind="characters", vocabulary=300, exact=False)
    return train(["01"], settings.side("text"), settings)

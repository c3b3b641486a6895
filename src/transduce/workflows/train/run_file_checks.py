"""Checks of a run file's tables against its task: columns, network, decoding. Messages name file, line and both sides."""

from collections.abc import Mapping
from typing import Any

from transduce import config
from transduce.decoding.config import OF_SOURCES, Decoding
from transduce.networks.config import DecoderOnlyConfig
from transduce.networks.table import NetworkConfig
from transduce.tasks.table import TASKS
from transduce.tasks.task import Task
from transduce.workflows.train.run_network import require_usable


def check_network(tree: Mapping[str, Any], where: str, task: Task, network: NetworkConfig) -> None:
    """ValueError, with task and network, where the task cannot use the network."""
    try:
        require_usable(task, network)
    except ValueError as error:
        model = tree.get("model")
        has_kind = isinstance(model, Mapping) and "kind" in model
        place = config.origin(where, model, "kind") if has_kind else config.origin(where, tree, "model")
        raise ValueError(f"{place}: model{'.kind' if has_kind else ''}: {error}") from None


def check_decoding(tree: Mapping[str, Any], where: str, task: Task, network: NetworkConfig, decoding: Decoding) -> None:
    """ValueError for settings of decoding that the task does not use."""
    if not task.generates and decoding != Decoding():
        place = config.origin(where, tree, "decoding")
        raise ValueError(
            f"{place}: [decoding] is for tasks that generate text; task {task.name} does not: leave it out"
        )
    for key in OF_SOURCES if isinstance(network, DecoderOnlyConfig) else ():
        name = key.replace("-", "_")
        if key in tree["decoding"] and getattr(decoding, name) != getattr(Decoding, name):
            place = config.origin(where, tree["decoding"], key)
            raise ValueError(
                f"{place}: decoding.{key} is for tasks with a source; task {task.name} has none: leave it out"
            )


def check_columns(tree: Mapping[str, Any], where: str, task: Task) -> None:
    """ValueError for a column of another task in [data] or [tokenizer], with both tasks."""
    data = tree.get("data")
    tables = {f"data.{name}": table for name, table in data.items()} if isinstance(data, Mapping) else {}
    for name, corpora in {**tables, "tokenizer": tree.get("tokenizer")}.items():
        for corpus in corpora if isinstance(corpora, list) else [corpora]:
            for table in (corpus, corpus.get("columns")) if isinstance(corpus, Mapping) else ():
                for key in table if isinstance(table, Mapping) else ():
                    owners = [other for other, each in TASKS.items() if key in each().columns]
                    if owners and key not in task.columns:
                        place = config.origin(where, table, key)
                        raise ValueError(
                            f"{place}: {key} in {name} is a column of {' and '.join(owners)}; this run's task, {task.name}, "
                            f"has {' and '.join(task.columns)}"
                        )

"""The network of a run file: the one that the keys of [model] change, and whether the task can use it.

The latter is known before any data is read: the network is built for vocabularies of a few characters.
"""

import difflib
import functools
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from torch import nn

from transduce import config
from transduce.config import Parts
from transduce.data.cleaning.rules import Clean
from transduce.data.columns import Processor, Text
from transduce.data.processors import Processors
from transduce.models.folder import ModelConfig, network_without_values
from transduce.networks.source_to_target import SourceToTargetConfig
from transduce.networks.table import NETWORKS, PRESETS_BY_KIND, NetworkConfig, preset_of_size, reads_tokens
from transduce.tasks.table import TASKS
from transduce.tasks.task import Task
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train
from transduce.text.tokenizer import Tokenizer
from transduce.workflows.train.start_from import Start

DEFAULT_SIZE = "small"


def require_usable(task: Task, network: NetworkConfig) -> None:
    """ValueError, with both, where the task cannot use the network."""
    with suppress(LookupError):  # a task that looks for a label or token of its data is checked when that is there
        _example_network(task, network)


def parameters(task: Task, network: NetworkConfig) -> int | None:
    """Parameters of the network with a vocabulary of a few characters; None where the task needs its data for it."""
    try:
        return sum(each.numel() for each in _example_network(task, network).parameters())
    except LookupError:
        return None


def _example_network(task: Task, network: NetworkConfig) -> nn.Module:
    """The network without values, for example processors."""
    processors: dict[str, Processor] = {
        name: _characters() if isinstance(column, Text) else column.example() for name, column in task.columns.items()
    }
    return network_without_values(ModelConfig(task, network), Processors(processors))


def require_lengths(network: NetworkConfig, clean: Clean) -> None:
    """ValueError where a pair to learn from may be longer than the network reads or writes."""
    if not isinstance(network, SourceToTargetConfig):
        return
    longest = clean.max_length + 1  # the end token counts
    for side, limit in (("source", network.longest_source), ("target", network.longest_target)):
        if limit is not None and longest > limit:
            raise ValueError(
                f"data.clean.max-length must be at most {limit - 1:,}, found {longest - 1:,}: the network has places for a "
                f"{side} of {limit:,} tokens, its end token included; lower it, or give the network more places"
            )


@functools.cache
def _characters() -> Tokenizer:
    settings = TokenizerConfig(kind="characters", vocabulary=300, exact=False)
    return train(["01"], settings.side("text"), settings)


def network_to_change(tree: dict[str, Any], where: str, task: Task, start: Start | None, parts: Parts) -> NetworkConfig:
    """The network that the other keys of [model] change; takes `kind` and `preset` out of the tree.

    ValueError for an unknown preset, and for keys of another kind of network.
    """
    networks: Mapping[str, Any] = config.with_own(NETWORKS, NetworkConfig, parts)
    model, kind = tree.get("model", {}), task.default_network
    names_kind = isinstance(model, str) or (isinstance(model, dict) and "kind" in model)
    if kind not in networks and not names_kind:
        raise ValueError(
            f"{where}: default_network of task {task.name} is {kind!r}, expected one of {', '.join(networks)}"
        )
    reason = f"this run's task, {config.name_of('task', {**TASKS, **parts}, task)}, uses {kind}"
    if isinstance(model, str):
        model = tree["model"] = {"kind": model}
    if not isinstance(model, dict) or str(model.get("kind", kind)) not in networks:
        return _default_network(kind, networks)  # building [model] says what is wrong with it
    places = {key: config.origin(where, model, key) for key in ("kind", "preset")}
    own_kind, name = model.pop("kind", None), model.pop("preset", None)
    if own_kind is not None:
        kind, reason = own_kind, f"model.kind is {own_kind}"
    elif start is None and (preset_kind := _only_kind_of(name)):
        kind, reason = preset_kind, f"model.preset is {name}"
    if start is not None and start.config.task.name == task.name:
        network = start.config.network
        kind = config.name_of("model", networks, network)
        reason = f"{start.folder}, which the run starts from, is {kind}"
        if own_kind not in (None, kind):
            raise ValueError(f"{places['kind']}: model.kind = {own_kind!r} does not go with start-from: {reason}")
    elif start is not None:
        network = start.body(kind)
        reason = f"its body is that of {start.folder}, which the run starts from"
    elif name is None:
        network = _default_network(kind, networks)
    else:
        network = _preset(kind, name, places["preset"])
    keys_by_kind = {kind: config.keys_where(network, lambda fact: True) for kind, network in networks.items()}
    for key in model:
        owners = [name for name, keys in keys_by_kind.items() if key in keys]
        if owners and kind not in owners:
            place = config.origin(where, model, key)
            names = " and ".join(filter(None, (", ".join(owners[:-1]), owners[-1])))
            raise ValueError(f"{place}: model.{key} is a key of {names} networks; {reason}")
    return network


def _only_kind_of(preset: object) -> str | None:
    """The kind of network that alone has a preset of this name."""
    kinds = [kind for kind, presets in PRESETS_BY_KIND.items() if isinstance(preset, str) and preset in presets]
    return kinds[0] if len(kinds) == 1 else None


def _preset(kind: str, name: object, where: str) -> NetworkConfig:
    """A preset of a kind of network by name; ValueError with the nearest."""
    presets = PRESETS_BY_KIND.get(kind, {})
    if not presets:
        raise ValueError(f"{where}: model.preset does not go with {kind} networks, which have no presets; leave it out")
    if isinstance(name, str) and name in presets:
        return presets[name]()
    near = difflib.get_close_matches(str(name), presets, n=1)
    advice = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{where}: model.preset must be one of {', '.join(presets)}, found {name!r}{advice}")


def _default_network(kind: str, networks: Mapping[str, Any]) -> NetworkConfig:
    """A kind's preset of the usual size; its own defaults where it reads no tokens, and of a kind of the caller's own."""
    preset = PRESETS_BY_KIND[kind][preset_of_size(kind, DEFAULT_SIZE)] if reads_tokens(kind) else networks[kind]
    network: NetworkConfig = preset()
    return network

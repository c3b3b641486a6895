"""Starting from a model: its network, its tokenizers and its weights, under new data and settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from transduce import config
from transduce.config import NO_PARTS, Parts
from transduce.data.columns import Text
from transduce.data.processors import Processors
from transduce.data.records import of_kind
from transduce.decoding.config import Decoding
from transduce.models import folder as model_folder
from transduce.models.find import find_model
from transduce.models.folder import Loaded, ModelConfig
from transduce.networks.layer_config import LayerConfig
from transduce.networks.table import NETWORKS, NetworkConfig
from transduce.tasks.task import Task
from transduce.text.config import TokenizerConfig

KEY = "start-from"


@dataclass(frozen=True)
class Start:
    """The model that a run starts from.

    path: as the run file names it, of a model folder or a run folder; folder: the model folder. parts: the caller's own.
    """

    path: Path
    folder: Path
    config: ModelConfig
    parts: Parts = field(default_factory=dict)

    @cached_property
    def processors(self) -> Processors:
        return model_folder.read_config_and_processors(self.folder, self.parts)[1]

    def processors_for(self, task: Task) -> Processors:
        """The processors that a run of a task takes: all of the same task, else the key column's tokenizer for all texts."""
        if task.name == self.config.task.name:
            return self.processors
        tokenizer = self.processors[self.config.task.key]
        return Processors(dict.fromkeys(of_kind(task, Text), tokenizer))

    def body(self, kind: str) -> NetworkConfig:
        """A network of another kind whose layers have the sizes of this model's."""
        own, other = self.config.network, {**NETWORKS, **self.parts}[kind]
        shared: dict[str, Any] = {each.name: getattr(own, each.name) for each in fields(LayerConfig)}
        layers: dict[str, Any] = {
            each.name: _layers(own, each.name) for each in fields(other) if each.name.endswith("layers")
        }
        network: NetworkConfig = other(**shared, **layers)
        return network

    def load(self) -> Loaded:
        """The whole model, on the CPU, in float32."""
        return model_folder.load_folder(self.folder, parts=self.parts)

    def decoding(self, own: Any) -> Decoding:
        """Its settings of decoding that go with the run file's own [decoding]: all, all but its groups, or none."""
        settings = model_folder.read_generation(self.folder).decoding()
        for base in (settings, replace(settings, groups=1, diversity=0.0)):
            try:
                config.build(Decoding, own, KEY, base)
            except ValueError:
                continue
            return base
        return Decoding()


def find_start(
    tree: Mapping[str, Any], run_path: Path, before: Start | None = None, parts: Parts = NO_PARTS
) -> Start | None:
    """The model that a run file names; None if it names none; `before` where that is it. ValueError if there is no such
    model.
    """
    if not isinstance(tree.get(KEY), str):
        return None  # a value of another type is refused when the run file is built
    path = run_path.parent / tree[KEY]
    if before is not None and before.path == path:
        return before
    folder = find_model(path)
    return Start(path, folder, model_folder.read_config(folder, parts), parts)


def _layers(network: NetworkConfig, name: str) -> int:
    """The number of layers of a stack of the new network: that of the stack that it is taken from."""
    names = (name, "layers", "encoder_layers")
    layers: int = next(getattr(network, each) for each in names if hasattr(network, each))
    return layers


def check_start(
    start: Start, network: NetworkConfig, tokenizer: TokenizerConfig, tree: Mapping[str, Any], path: Path
) -> None:
    """ValueError if the run file asks for another network or tokenizer than the start has."""
    same_kind = type(network) is type(start.config.network)
    kind = config.name_of("model", {**NETWORKS, **start.parts}, network)
    base = start.config.network if same_kind else start.body(kind)
    free = config.keys_where(type(base), lambda fact: fact.free)
    model = tree.get("model", {})
    for key, value in model.items() if isinstance(model, Mapping) else ():
        if key == "kind" and not same_kind:
            continue
        same = key != "preset" and config.value_at(network, key, start.parts) == config.value_at(base, key, start.parts)
        if key not in free and not same:
            raise ValueError(
                f"{config.origin(str(path), model, key)}: model.{key} = {value!r} does not go with {KEY}: the network is "
                f"that of {start.folder}; leave it out (only {', '.join(sorted(free))} may be given)"
            )
    if tokenizer != TokenizerConfig():
        raise ValueError(
            f"{config.origin(str(path), tree, 'tokenizer')}: [tokenizer] does not go with {KEY}: the tokenizers are those "
            f"of {start.folder}; leave it out"
        )

"""Starting from a model: its network, its tokenizers and its weights, under new data and settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from transduce import config
from transduce.config import NO_PARTS, Parts
from transduce.config.toml import has_controls
from transduce.data.columns import Text
from transduce.data.processors import Processors
from transduce.data.records import of_kind
from transduce.decoding.config import Decoding, Generation
from transduce.models import folder as model_folder
from transduce.models.find import find_model
from transduce.models.folder import ModelConfig
from transduce.models.generation_file import read_generation
from transduce.networks.table import NETWORKS, NetworkConfig, family_of
from transduce.networks.transfer import Side, sides, start_stack
from transduce.tasks.task import Task
from transduce.text.config import TokenizerConfig
from transduce.training import checkpoints

KEY = "start-from"


@dataclass(frozen=True)
class Start:
    """The model that a run starts from. Its files are hashed once; its weights are read when a network needs them.

    path: as the run file names it, of a model folder or a run folder; folder: the model folder. parts: the caller's own.
    """

    path: Path
    folder: Path
    config: ModelConfig
    parts: Parts = field(default_factory=dict)

    @property
    def name(self) -> str:
        """That of the run, or of the model folder, even where it is gone."""
        place = self.path.absolute()
        return place.parent.name if place.name == "model" else place.name

    @cached_property
    def processors(self) -> Processors:
        return model_folder.read_config_and_processors(self.folder, self.parts)[1]

    @cached_property
    def generation(self) -> Generation:
        return read_generation(self.folder)

    def tokenizers(self, task: Task, network: NetworkConfig) -> Processors:
        """The tokenizers that a run takes: each column's own if the task is the same, else those of the sides of the model
        that the network takes. Labels are learnt from the run's own data.
        """
        own, texts = self.config.task, of_kind(task, Text)
        if not texts:
            return Processors()
        first, last = sides(self.config.network, network)
        columns = dict(zip(texts, texts, strict=True))
        if task.name != own.name:
            answer = own.answer if own.answer in of_kind(own, Text) else own.key
            by_side: dict[Side, str] = {"source": own.key, "target": answer}
            columns = {name: by_side[last if name == task.answer else first] for name in texts}
        return Processors({name: self.processors[column] for name, column in columns.items()})

    def body(self, kind: str) -> NetworkConfig:
        """A network of another kind whose layers have the number, the sizes and the attention of this model's.

        ValueError for a network whose layers are of another family.
        """
        own, other = self.config.network, {**NETWORKS, **self.parts}[kind]()
        if family_of(own) != family_of(other) or not other.stacks:
            raise ValueError(
                f"{KEY}: {self.folder} is {family_of(own)}, whose layers have no place in the {kind} network that this run "
                "trains; leave it out"
            )
        sizes: dict[str, Any] = {
            each.name: getattr(own, each.name) for each in fields(other) if hasattr(own, each.name)
        }
        for stack, name in other.stacks.items():
            start = start_stack(own, stack)
            sizes[name] = getattr(own, own.stacks[start])
            if hasattr(own, start) and hasattr(other, stack):
                sizes[stack] = replace(getattr(other, stack), attention=getattr(own, start).attention)
        network: NetworkConfig = replace(other, **sizes)
        return network

    def network(self) -> nn.Module:
        """Its network, on the CPU, in float32."""
        return model_folder.read_network(self.folder, self.config, self.processors)

    def decoding(self, own: Any) -> Decoding:
        """Its settings of decoding that go with the run file's own [decoding]: all, all but its groups, or none."""
        settings = self.generation.decoding()
        for base in (settings, replace(settings, groups=1, diversity=0.0)):
            try:
                config.build(Decoding, own, KEY, base)
            except ValueError:
                continue
            return base
        return Decoding()


def find_start(
    tree: Mapping[str, Any],
    run_path: Path,
    before: Start | None = None,
    parts: Parts = NO_PARTS,
    run_folder: Path | None = None,
) -> Start | None:
    """The model that a run file names; None if it names none; `before` where that is it. ValueError if there is no such
    model, unless `run_folder`, of a run that resumes, has checkpoints and a model, which then has the same network and tokenizers.
    """
    if not isinstance(tree.get(KEY), str) or has_controls(tree[KEY]):
        return None  # a value that is no path is refused when the run file is built
    path = run_path.parent / tree[KEY]
    if before is not None and before.path == path:
        return before
    try:
        folder = find_model(path)
    except ValueError:
        if (
            run_folder is None
            or not checkpoints.names(run_folder / "checkpoints")
            or not (run_folder / "model").is_dir()
        ):
            raise
        folder = run_folder / "model"
    return Start(path, folder, model_folder.read_config(folder, parts), parts)


def check_start(
    start: Start, network: NetworkConfig, tokenizer: TokenizerConfig, tree: Mapping[str, Any], path: Path
) -> None:
    """ValueError if the run file asks for another network or tokenizer than the start has."""
    same_kind = type(network) is type(start.config.network)
    kind = config.name_of("model", {**NETWORKS, **start.parts}, network)
    base = start.config.network if same_kind else start.body(kind)
    free = config.keys_where(type(base), lambda fact: fact.free, parts=start.parts)
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

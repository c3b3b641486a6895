"""Starting from a model: its network, its tokenizers and its weights, under new data and settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from transduce import config
from transduce.decoding.config import Decoding
from transduce.models import folder as model_folder
from transduce.models.find import find_model
from transduce.models.folder import Loaded, ModelSpec
from transduce.networks.config import TransformerConfig
from transduce.text.config import TokenizerConfig
from transduce.text.pair import Tokenizers

KEY = "start-from"


@dataclass(frozen=True)
class Start:
    """The model that a run starts from.

    path: as the run file names it, of a model folder or a run folder; folder: the model folder.
    """

    path: Path
    folder: Path
    spec: ModelSpec

    @cached_property
    def tokenizers(self) -> Tokenizers:
        return Tokenizers.load(self.folder, [entry.name for entry in self.folder.iterdir()])

    def load(self) -> Loaded:
        """The whole model, on the CPU, in float32."""
        return model_folder.load_folder(self.folder)

    def decoding(self, own: Any) -> Decoding:
        """Its settings of decoding that go with the run file's own [decoding]: all, all but its groups, or none."""
        settings = self.spec.generation.decoding()
        for base in (settings, replace(settings, groups=1, diversity=0.0)):
            try:
                config.build(Decoding, own, KEY, base)
            except ValueError:
                continue
            return base
        return Decoding()


def find_start(tree: Mapping[str, Any], run_path: Path, before: Start | None = None) -> Start | None:
    """The model that a run file names; None if it names none; `before` where that is it. ValueError if there is no such
    model.
    """
    if not isinstance(tree.get(KEY), str):
        return None  # a value of another type is refused when the run file is built
    path = run_path.parent / tree[KEY]
    if before is not None and before.path == path:
        return before
    folder = find_model(path)
    return Start(path, folder, model_folder.read_spec(folder))


def check_start(
    start: Start, network: TransformerConfig, tokenizer: TokenizerConfig, tree: Mapping[str, Any], run_path: Path
) -> None:
    """ValueError if the run file asks for another network or tokenizer than the start has."""
    free = config.keys_where(type(start.spec.network), lambda fact: fact.free)
    model = tree.get("model", {})
    for key, value in model.items() if isinstance(model, Mapping) else ():
        same = key != "preset" and config.value_at(network, key) == config.value_at(start.spec.network, key)
        if key not in free and not same:
            raise ValueError(
                f"{config.origin(str(run_path), model, key)}: model.{key} = {value!r} does not go with {KEY}: the network is "
                f"that of {start.folder}; leave it out (only {', '.join(sorted(free))} may be given)"
            )
    if tokenizer != TokenizerConfig():
        raise ValueError(
            f"{config.origin(str(run_path), tree, 'tokenizer')}: [tokenizer] does not go with {KEY}: the tokenizers are those "
            f"of {start.folder}; leave it out"
        )

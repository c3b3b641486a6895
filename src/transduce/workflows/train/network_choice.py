"""The network by the size of the data, for a run file that says nothing about its size."""

from transduce import config
from transduce.config import Given
from transduce.data.picture_column import Picture
from transduce.networks.layer_config import LayerConfig
from transduce.networks.picture_presets import PRESETS_BY_PICTURE, SMALL_PICTURE
from transduce.networks.table import NETWORKS, preset_of_size, reads_tokens
from transduce.workflows.train.choice import Choice
from transduce.workflows.train.data_facts import Examples
from transduce.workflows.train.run_file import RunConfig

PRESET = "model.preset"  # a key of run files that is no field: it stands for all fields of [model]
FEW, SOME, MANY = "tiny", "small", "base"  # sizes of presets by number of records


def network(examples: Examples, keys: Given, kind: str = "encoder-decoder") -> list[Choice]:
    """The preset of a kind of network and, of a Transformer over tokens, its positions, unless something of its size is given."""
    if PRESET in keys or keys.any(config.keys_where(RunConfig, lambda fact: fact.size)):
        return []
    if isinstance(column := examples.task.columns[examples.task.key], Picture):
        return _picture_network(column.size, kind)
    if not reads_tokens(kind):
        return []
    size, reason = _size(examples)
    choices = [Choice(PRESET, preset_of_size(kind, size), reason)]
    if not issubclass(NETWORKS[kind], LayerConfig):
        return choices
    if size == MANY and "model.norm-placement" not in keys:
        reason = "learns steadily at this size without a long warm-up (Xiong et al. 2020)"
        choices.append(Choice("model.norm-placement", "pre", reason))
    if "model.positions" not in keys:
        reason = "attention sees distances, and learns from fewer examples (Su et al. 2021; recipe pronounce-en)"
        choices.append(Choice("model.positions", "rotary", reason))
    return choices


def _size(examples: Examples) -> tuple[str, str]:
    """The size of the preset, and the reason."""
    if examples.number < 2_000:
        return FEW, f"{examples.of} only; a larger network would overfit"
    if examples.number < 300_000:
        return SOME, f"{examples.of}; below 300,000 pairs, smaller networks translate better (Araabi and Monz 2020)"
    return MANY, f"{examples.of} are enough for the size of Vaswani et al. 2017; without a GPU, {SOME} learns faster"


def _picture_network(size: int, kind: str) -> list[Choice]:
    """A kind of the caller's own has its own defaults."""
    if kind not in PRESETS_BY_PICTURE:
        return []
    small, large = PRESETS_BY_PICTURE[kind]
    reason = f"pictures are {size} x {size} pixels; up to {SMALL_PICTURE} the small network suits them"
    return [Choice(PRESET, small if size <= SMALL_PICTURE else large, reason)]

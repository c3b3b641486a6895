"""The network by the size of the data and by what the budget allows, for a run file that says nothing about its size."""

from transduce import config
from transduce.config import Given
from transduce.data.picture_column import Picture
from transduce.networks.layer_config import LayerConfig
from transduce.networks.picture_presets import PRESETS_BY_PICTURE, SMALL_PICTURE
from transduce.networks.table import NETWORKS, PRESETS_BY_KIND, NetworkConfig, preset_of_size, reads_tokens
from transduce.workflows.train import rules
from transduce.workflows.train.choice import Choice
from transduce.workflows.train.compute import Compute, Effort
from transduce.workflows.train.data_facts import Examples
from transduce.workflows.train.run_file import RunConfig

PRESET = "model.preset"  # a key of run files that is no field: it stands for all fields of [model]


def network(
    examples: Examples, keys: Given, kind: str = "encoder-decoder", compute: Compute | None = None
) -> list[Choice]:
    """The preset of a kind of network and, of a Transformer over tokens, its positions, unless something of its size is
    given. Without `compute` the size of the data alone decides.
    """
    if not is_open(keys):
        return []
    if isinstance(column := examples.task.columns[examples.task.key], Picture):
        return _picture_network(column.size, kind)
    if not reads_tokens(kind):
        return []
    size, reason = best_size(examples, kind, compute)
    choices = [Choice(PRESET, preset_of_size(kind, size), reason)]
    if not issubclass(NETWORKS[kind], LayerConfig):
        return choices
    if size == rules.SIZES[-1] and "model.norm-placement" not in keys:
        reason = "learns steadily at this size without a long warm-up (Xiong et al. 2020)"
        choices.append(Choice("model.norm-placement", "pre", reason))
    if "model.positions" not in keys:
        reason = "attention sees distances, and learns from fewer examples (Su et al. 2021; recipe pronounce-en)"
        choices.append(Choice("model.positions", "rotary", reason))
    return choices


def is_open(keys: Given) -> bool:
    """Whether a run file leaves the size of the network open."""
    return PRESET not in keys and not keys.any(config.keys_where(RunConfig, lambda fact: fact.size))


def largest_size(examples: Examples) -> str:
    """The largest size of preset that the number of records allows."""
    return next(size for fewer_than, size in rules.LARGEST if examples.number < fewer_than)


def preset(kind: str, size: str) -> NetworkConfig:
    return PRESETS_BY_KIND[kind][preset_of_size(kind, size)]()


def best_size(examples: Examples, kind: str, compute: Compute | None) -> tuple[str, str]:
    """The largest size that the records allow and that sees enough tokens within the budget, and the reason."""
    largest = largest_size(examples)
    few = f"{examples.of}; a larger network would overfit (Araabi and Monz 2020)"
    reason = examples.of if largest == rules.SIZES[-1] else few
    efforts = _efforts(examples, kind, compute)
    if compute is None or not efforts:
        return largest, reason
    for size, effort in efforts.items():
        if _is_enough(effort) or size == rules.SIZES[0]:
            return size, _reason(size, largest, efforts, compute, reason)
    raise AssertionError("the smallest size ends the loop")


def _is_enough(effort: Effort) -> bool:
    """Whether a network learns enough within its budget not to lose against a smaller one."""
    return effort.tokens_per_parameter >= rules.TOKENS_PER_PARAMETER or effort.passes >= rules.ENOUGH_PASSES


def _efforts(examples: Examples, kind: str, compute: Compute | None) -> dict[str, Effort]:
    """The effort of each size that the records allow, from the largest; empty where they are not known."""
    if compute is None:
        return {}
    efforts: dict[str, Effort] = {}
    for size in rules.SIZES[: rules.SIZES.index(largest_size(examples)) + 1]:
        effort = compute.effort(preset(kind, size))
        if effort is None:
            return {}
        efforts[size] = effort
        if not _is_enough(effort):
            break  # still larger ones would take long to measure
    return dict(reversed([*efforts.items()]))


def _reason(size: str, largest: str, efforts: dict[str, Effort], compute: Compute, by_data: str) -> str:
    """`3 minutes give a network of 1.0 million parameters 180 passes; the 7.4 million of small would get 4 passes`."""
    minutes = "1 minute gives" if compute.minutes == 1 else f"{compute.minutes:g} minutes give"
    text = f"{minutes} a network of {_millions(efforts[size])} parameters {efforts[size].in_words}"
    larger, effort = next(iter(efforts.items()))
    if size == largest:
        return f"{text}; {by_data}"
    if larger == size:
        return f"{text}; larger networks would get fewer"
    return f"{text}; the {_millions(effort)} of {larger} would get {effort.in_words}, which are too few"


def _millions(effort: Effort) -> str:
    return f"{effort.parameters / 1e6:.1f} million"


def _picture_network(size: int, kind: str) -> list[Choice]:
    """A kind of the caller's own has its own defaults."""
    if kind not in PRESETS_BY_PICTURE:
        return []
    small, large = PRESETS_BY_PICTURE[kind]
    reason = f"pictures are {size} x {size} pixels; up to {SMALL_PICTURE} the small network suits them"
    return [Choice(PRESET, small if size <= SMALL_PICTURE else large, reason)]

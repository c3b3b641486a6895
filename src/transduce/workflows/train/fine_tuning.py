"""Going on from a model that is there: its network, its tokenizers and its weights, under new data and settings."""

from pathlib import Path
from typing import Any

from transduce import config
from transduce.decoding.config import Decoding
from transduce.models import folder as model_folder
from transduce.models.find import find_model
from transduce.models.folder import Loaded
from transduce.networks.config import DROPOUTS
from transduce.text.config import TokenizerConfig

KEY = "start-from"
FREE = {name.replace("_", "-") for name in DROPOUTS}  # of [model]: what a run may choose anew


def with_settings_of_start(tree: dict[str, Any], where: Path) -> dict[str, Any]:
    """A run file's tree with [model], and what it leaves open in [decoding], as the model it starts from has them.

    ValueError if there is no such model, or if the run file asks for another network or tokenizer than that has.
    """
    if KEY not in tree:
        return tree
    if not isinstance(tree[KEY], str):
        raise ValueError(
            f"{config.origin(str(where), tree, KEY)}: {KEY} must be the path of a model folder, found {tree[KEY]!r}"
        )
    folder = find_model(where.parent / tree[KEY])
    spec = model_folder.read_spec(folder)
    has = config.tree_of(spec.network)
    asked, decoding = tree.get("model", {}), tree.get("decoding", {})
    if not isinstance(asked, dict) or not isinstance(decoding, dict):
        return tree  # building it says what is wrong
    for key, value in asked.items():
        if key not in FREE and (key not in has or has[key] != value):
            raise ValueError(
                f"{config.origin(str(where), asked, key)}: model.{key} = {value!r} does not go with {KEY}: the network is "
                f"that of {folder}; leave it out (only {', '.join(sorted(FREE))} may be given)"
            )
    if tree.get("tokenizer", {}) not in ({}, config.tree_of(TokenizerConfig())):
        raise ValueError(
            f"{config.origin(str(where), tree, 'tokenizer')}: [tokenizer] does not go with {KEY}: the tokenizers are those "
            f"of {folder}; leave it out"
        )
    result = config.override(tree, ())  # a copy that knows what came from the command line
    for table, settings in (("model", has), ("decoding", _inherited(spec.generation.decoding(), decoding))):
        kept = result.setdefault(table, {})
        for key, value in settings.items():
            kept.setdefault(key, value)
    return result


def _inherited(has: Decoding, own: dict[str, Any]) -> dict[str, Any]:
    """Of a start's settings of decoding those that go with a run file's own: all, all but its groups, or none."""
    settings = config.tree_of(has)
    ungrouped = {key: value for key, value in settings.items() if key not in ("groups", "diversity")}
    for inherited in (settings, ungrouped):
        try:
            config.build(Decoding, {**inherited, **own}, KEY)
        except ValueError:
            continue
        return inherited
    return {}


def load_start(start: Path, run_path: Path) -> Loaded:
    """The model that a run starts from, on the CPU, in float32."""
    return model_folder.load_folder(find_model(run_path.parent / start))

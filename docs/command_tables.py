"""Tables that commands print without loading PyTorch: presets for `transduce info`, keys for `transduce train --keys`."""

import json
from dataclasses import astuple

from transduce.cli.info import preset_text
from transduce.networks.table import PRESETS_BY_KIND
from transduce.workflows.info.run import preset_info, run_file_keys


def pages() -> dict[str, str]:
    """Files of src/transduce/cli/tables by name."""
    names = dict.fromkeys(name for presets in PRESETS_BY_KIND.values() for name in presets)
    presets = {name: preset_text(preset_info(name)) for name in names}
    keys = ",\n".join(json.dumps(astuple(key), ensure_ascii=False) for key in run_file_keys())
    return {
        "presets.json": json.dumps(presets, ensure_ascii=False, indent=1) + "\n",
        "keys.json": f"[\n{keys}\n]\n",  # a row on each line
    }

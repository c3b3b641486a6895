"""Records that are left out for their numbers of tokens, by the rules of [data.clean]."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Int64

from transduce.data.cleaning.rules import Clean, is_unbalanced
from transduce.data.columns import Text
from transduce.data.records import Record, RecordType

TOO_MANY_TOKENS, UNBALANCED = "longer than max-length", "length ratio above max-ratio"

Lengths = Mapping[str, Int64[np.ndarray, " R"]]  # of each text column


def length_faults(
    task: RecordType, clean: Clean, records: Sequence[Record], lengths: Lengths, ratios: bool
) -> list[tuple[str, Bool[np.ndarray, " R"]]]:
    """Each reason to leave records out, and those to which it applies. `lengths` include the tags of the key column.

    `ratios`: whether max-ratio applies, which is for train only.
    """
    columns = {name: column for name, column in task.columns.items() if isinstance(column, Text)}
    limited = [name for name, column in columns.items() if column.limit is None]
    faults = [(TOO_MANY_TOKENS, lengths[name] > clean.max_length) for name in limited]
    without_tags = dict(lengths)
    if task.key in lengths:
        tags = np.array([len(record.tags) for record in records], np.int64)
        without_tags[task.key] = lengths[task.key] - tags
    faults += [(f"empty {name}", length == 0) for name, length in without_tags.items()]
    if ratios and clean.max_ratio is not None:
        first, second = without_tags.values()
        faults.append((UNBALANCED, is_unbalanced(first, second, clean.max_ratio)))
    return faults

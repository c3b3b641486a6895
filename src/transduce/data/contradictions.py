"""Records with one key and different labels: one of the labels is probably wrong."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from transduce.data.columns import Label
from transduce.data.findings import Findings
from transduce.data.record_keys import RecordKeys
from transduce.data.records import PARTS, counted, of_kind, plural
from transduce.data.scan import Origin


def contradiction_warnings(origin: Origin, records: RecordKeys, outcomes: UInt8[np.ndarray, " N"]) -> Iterator[str]:
    """A warning with the number of keys that occur with different labels in the records in use, and an example.

    The same text with other tags is another key: tags may ask for other labels.
    """
    if not len(records.labels):
        return
    used = np.flatnonzero(np.isin(outcomes, list(PARTS)))
    order = used[np.lexsort((records.labels[used], records.tags[used], records.keys[used]))]
    pairs = np.stack([order[:-1], order[1:]], 1)
    pairs = pairs[_equal(records.keys, pairs) & _equal(records.tags, pairs) & ~_equal(records.labels, pairs)]
    if not len(pairs):
        return
    task = origin.task
    count, column = len(np.unique(records.keys[pairs[:, 0]])), of_kind(task, Label)[0]
    first, second = sorted(min(pairs.tolist(), key=min))
    reader = origin.read("looking for an example in", Findings())
    examples = [next(islice(reader, first, None)), next(islice(reader, second - first - 1, None))]
    places = " and ".join(f"{each.where} ({each.values[column]})" for each in examples)
    yield (
        f"{counted(count, task.unit)} {'occurs' if count == 1 else 'occur'} with different {plural(column)}, such as "
        f"{places}: correct the wrong {plural(column)}, or remove the {plural(task.unit)}"
    )


def _equal(values: np.ndarray, pairs: Int64[np.ndarray, "P 2"]) -> Bool[np.ndarray, " P"]:
    equal: Bool[np.ndarray, " P"] = values[pairs[:, 0]] == values[pairs[:, 1]]
    return equal

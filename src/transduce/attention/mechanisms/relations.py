"""Typed edges of a graph, for attention over (relation, source node) pairs.

Letters: R relations, N nodes.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool

from transduce.attention.masks import graph

Edge = tuple[int, int, int]  # source node, relation, target node


def by_relation(nodes: int, relations: int, edges: Sequence[Edge]) -> Bool[torch.Tensor, "R N N"]:
    """Whether an edge of relation r goes from node j to node i, at [r, i, j]. Two nodes may have edges of many relations.

    >>> by_relation(2, 2, [(0, 1, 1)]).int()
    [[[0, 0], [0, 0]], [[0, 0], [1, 0]]]
    """
    for number, (_, relation, _) in enumerate(edges):
        if not 0 <= relation < relations:
            raise ValueError(f"edge {number} has the relation {relation}, expected 0 to {relations - 1}")
    tables = []
    for relation in range(relations):
        pairs = [(source, target) for source, each, target in edges if each == relation]
        tables.append(graph(nodes, pairs, self_loops=False).dense(1, 1, nodes, nodes)[0, 0])
    return torch.stack(tables)

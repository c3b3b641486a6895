"""Multi-relational attention: a graph whose edges have types, with weights of its own for each type (RGAT).

Letters: B batch, N nodes, R relations, P = R N pairs of a relation and a node, D width of a node, V width of the output.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.relations import Edge, by_relation
from transduce.attention.normalisers import Softmax


class RelationalGraph(nn.Module):
    """Node i attends to pairs (r, j), one for each edge of relation r from j to i:

        leaky_relu(Q_r . g_i^r + K_r . g_j^r)    with g^r = W_r x

    across: one softmax over all pairs of a node; otherwise one for each relation. A node without edges to it gets zeros.
    """

    edges: Tensor

    def __init__(
        self,
        width: int,
        output: int,
        nodes: int,
        relations: int,
        edges: Sequence[Edge],
        across: bool = True,
        slope: float = 0.2,
    ) -> None:
        super().__init__()
        self.register_buffer("edges", by_relation(nodes, relations, edges), persistent=False)
        self.across, self.slope = across, slope
        self.to_values = nn.Parameter(torch.empty(relations, output, width))  # W
        self.from_query = nn.Parameter(torch.empty(relations, output))  # Q
        self.from_key = nn.Parameter(torch.empty(relations, output))  # K
        for matrix in (*self.to_values, self.from_query, self.from_key):
            nn.init.xavier_uniform_(matrix)

    def forward(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B N V"]:
        return self.weights(x) @ self._values(x).flatten(1, 2)

    def weights(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B N P"]:
        """Over the pairs (r, j), all nodes of relation 0 first."""
        values = self._values(x)
        queries = torch.einsum("brnv,rv->bnr", values, self.from_query)
        keys = torch.einsum("brnv,rv->brn", values, self.from_key)
        scores = F.leaky_relu(queries.unsqueeze(-1) + keys.unsqueeze(1), self.slope)  # (B, N, R, N)
        edges = self.edges.transpose(0, 1)  # (N, R, N)
        if self.across:
            return Softmax()(scores.flatten(2), edges.flatten(1))
        return Softmax()(scores, edges).flatten(2)

    def _values(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B R N V"]:
        if x.shape[1] != self.edges.shape[-1]:
            raise ValueError(f"the graph has {self.edges.shape[-1]} nodes, found vectors of {x.shape[1]}")
        return torch.einsum("bnd,rvd->brnv", x, self.to_values)


NODES, RELATIONS = ("Ann", "Bob", "Cy", "Dee"), ("cites", "knows")
EDGES = ((1, 0, 0), (2, 0, 0), (0, 0, 3), (1, 1, 0), (0, 1, 1), (3, 1, 1), (3, 1, 2), (2, 1, 3), (1, 1, 3))

MULTI_RELATIONAL = Mechanism(
    name="multi-relational",
    purpose="Edges of a graph have types, each with its own weights: an author that one cites is not one that one knows.",
    formula="sum_{r,j} softmax_{r,j}(leaky_relu(Q_r . W_r x_i + K_r . W_r x_j)) W_r x_j over the edges of types r to i",
    paper="Busbridge et al. 2019, Relational Graph Attention Networks, 1904.05811",
    cost="time and memory R * N * N with dense tables of edges; R (D V + 2 V) parameters",
    kind="own part",
    build=lambda width: RelationalGraph(width, width, len(NODES), len(RELATIONS), EDGES),
    shapes="(B, N, D) -> (B, N, V) for N nodes of a graph",
    inputs=lambda batch, width: (torch.randn(batch, len(NODES), width),),
    sides=(NODES, [f"{relation} {node}" for relation in RELATIONS for node in NODES]),
    caption="A row is a node; a column is a relation and the node at the other end of its edge. Dots are pairs without an edge.",
    note="All relations compete in one softmax (ARGAT); across=False gives each relation its own (WIRGAT).",
)

"""Multi-head multi-relational attention: nodes and edges have types, each with its own maps (HGT).

Letters: B batch, N nodes, T types of nodes, R relations, P = R N pairs of both, H heads, E width of a head, D = H E.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from transduce.attention.attend import attend, attention_weights
from transduce.attention.mask import DenseMask
from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.mechanisms.relations import Edge, by_relation
from transduce.attention.multihead import merge_heads


class Typed(nn.Module):
    """x W_t + b_t, where t is the type of the node."""

    types: Tensor

    def __init__(self, width: int, output: int, types: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("types", torch.tensor(types), persistent=False)
        count = max(types) + 1
        self.weight = nn.Parameter(torch.empty(count, output, width))
        for matrix in self.weight:  # one by one: the fans of the packed tensor are others
            nn.init.xavier_uniform_(matrix)
        self.bias = nn.Parameter(torch.zeros(count, output))

    def forward(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B N X"]:
        return torch.einsum("bnd,nxd->bnx", x, self.weight[self.types]) + self.bias[self.types]


class HeterogeneousGraph(nn.Module):
    """x + A_t gelu(attention), in which node i attends to pairs (r, j), one for each edge of relation r from j to i:

        score = mu_rh (k_j W_rh) . q_i / sqrt(E),    value = v_j M_rh

    Queries, keys, values and the output map A belong to the type t of a node, W, M and mu to the relation and the head.
    The paper has a relation for each triple of source type, edge type and target type. types: of each node.
    """

    edges: Tensor

    def __init__(self, width: int, heads: int, types: Sequence[int], relations: int, edges: Sequence[Edge]) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"the width must be a multiple of the heads, found {width} and {heads}")
        self.heads, head_width = heads, width // heads
        self.register_buffer("edges", by_relation(len(types), relations, edges), persistent=False)
        self.to_query, self.to_key, self.to_value, self.to_output = (Typed(width, width, types) for _ in range(4))
        self.match = nn.Parameter(torch.empty(relations, heads, head_width, head_width))  # W
        self.message = nn.Parameter(torch.empty(relations, heads, head_width, head_width))  # M
        for each in (self.match, self.message):
            nn.init.normal_(each, std=1 / math.sqrt(head_width))
        self.priority = nn.Parameter(torch.ones(relations, heads))  # mu

    def forward(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B N D"]:
        query, key, mask = self._queries_keys(x)
        value = torch.einsum("bhne,rhef->bhrnf", self._heads(self.to_value(x)), self.message).flatten(2, 3)
        output: Tensor = x + self.to_output(F.gelu(merge_heads(attend(query, key, value, mask))))
        return output

    def weights(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B H N P"]:
        """Over the pairs (r, j), all nodes of relation 0 first."""
        return attention_weights(*self._queries_keys(x))

    def _queries_keys(self, x: Float[Tensor, "B N D"]) -> tuple[Tensor, Tensor, DenseMask]:
        """(B, H, N, E), (B, H, R N, E) and the edges (N, R N)."""
        if x.shape[1] != self.edges.shape[-1]:
            raise ValueError(f"the graph has {self.edges.shape[-1]} nodes, found vectors of {x.shape[1]}")
        match = self.match * self.priority[..., None, None]
        key = torch.einsum("bhne,rhef->bhrnf", self._heads(self.to_key(x)), match).flatten(2, 3)
        mask = DenseMask(self.edges.transpose(0, 1).flatten(1)[None, None])
        return self._heads(self.to_query(x)), key, mask

    def _heads(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B H N E"]:
        by_head: Tensor = x.unflatten(-1, (self.heads, -1))
        return by_head.transpose(1, 2)


NODES, TYPES = ("Ann", "Bob", "book 1", "book 2"), (0, 0, 1, 1)
RELATIONS = ("writes", "is by")
EDGES = ((0, 0, 2), (1, 0, 2), (1, 0, 3), (2, 1, 0), (2, 1, 1), (3, 1, 1))

MULTI_HEAD_MULTI_RELATIONAL = Mechanism(
    name="multi-head-multi-relational",
    purpose="Graphs of several types of nodes and edges: maps for each type of node, a bilinear form for each relation.",
    formula="x_i + A gelu(sum_{r,j} softmax_{r,j}(mu_r (k_j W_r) . q_i / sqrt(E)) v_j M_r) over the edges r to i, in H heads",
    paper="Hu et al. 2020, Heterogeneous Graph Transformer, 2003.01332",
    cost="time and memory H * R * N * N with dense tables of edges; 4 T D^2 + 2 R D E parameters without biases",
    kind="arrangement",
    build=lambda width: HeterogeneousGraph(width, 2, TYPES, len(RELATIONS), EDGES),
    shapes="(B, N, D) -> (B, N, D) for N nodes of a graph",
    inputs=lambda batch, width: (torch.randn(batch, len(NODES), width),),
    sides=(NODES, [f"{relation} {node}" for relation in RELATIONS for node in NODES]),
    caption="A row is a node; a column is a relation and the node at the other end of its edge. Dots are pairs without an edge.",
    note="The residual sum is the paper's; some libraries mix input and output by a learned gate.",
    alternates=("multi-relational",),
)

"""Graph attention: a node attends to its neighbours."""

from transduce.attention.masks import graph
from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import GraphAdditive

NODES = ("a", "b", "c", "d", "e", "f")
EDGES = ((0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0), (2, 3), (3, 4), (4, 5))  # a triangle, then a chain

GRAPH = Mechanism(
    name="graph",
    purpose="A node of a graph attends to its neighbours and itself; the mask `masks.graph` holds the edges.",
    formula="softmax_j(leaky_relu(a . q_i + b . k_j)) v_j over the neighbours j of i",
    paper="Veličković et al. 2018, Graph Attention Networks, 1710.10903",
    cost="time and memory L * S with a dense mask; 2 D parameters",
    kind="own part",
    build=lambda width: Attention(GraphAdditive(width, width), mask=graph(len(NODES), EDGES)),
    sides=(NODES, NODES),
    caption="A row shows the neighbours that its node attends to: a, b and c are a triangle, then c to f a chain.",
    note="On a complete graph all queries rank the keys alike; dynamic attention does not.",
)

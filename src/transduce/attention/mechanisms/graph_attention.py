"""Graph attention: a node attends to its neighbours."""

from transduce.attention.mechanisms.mechanism import Attention, Mechanism
from transduce.attention.scores import GraphAdditive

GRAPH = Mechanism(
    name="graph",
    purpose="A node of a graph attends to its neighbours and itself; the mask `masks.graph` holds the edges.",
    formula="softmax_j(leaky_relu(a . q_i + b . k_j)) v_j over the neighbours j of i",
    paper="Veličković et al. 2018, Graph Attention Networks, 1710.10903",
    cost="time and memory L * S with a dense mask; 2 D parameters",
    kind="own part",
    build=lambda width: Attention(GraphAdditive(width, width)),
    note="On a complete graph all queries rank the keys alike; dynamic attention does not.",
)

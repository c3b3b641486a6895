"""Oracles of attention over graphs and trees."""

import warnings

import torch
from oracles import build, oracle
from torch import nn
from torch.nn import functional as F

from transduce.attention.catalogue import MECHANISMS
from transduce.attention.masks import by_table, causal, descendants, graph
from transduce.attention.mechanisms.heterogeneous import HeterogeneousGraph
from transduce.attention.mechanisms.mechanism import Attention
from transduce.attention.mechanisms.multi_relational import EDGES, RelationalGraph
from transduce.attention.mechanisms.tree import PARENTS

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the library uses torch.jit.script
    from torch_geometric.nn import GATConv, GATv2Conv, HGTConv, RGATConv


def edge_index(edges):
    return torch.tensor([(source, target) for source, *_, target in edges]).T


@oracle("graph", "torch_geometric's GATConv with the same weights")
def graph_attention():
    edges = [(0, 1), (1, 2), (2, 0), (4, 3), (0, 3)]
    for loops in (True, False):
        conv = GATConv(7, 5, bias=False, add_self_loops=loops).double()
        module, x = MECHANISMS["graph"].build(5).double(), torch.randn(5, 7).double()
        with torch.no_grad():
            module.score.from_query.weight.copy_(conv.att_dst[0])
            module.score.from_key.weight.copy_(conv.att_src[0])
        nodes = (x @ conv.lin.weight.T)[None]
        yield module(nodes, nodes, nodes, graph(5, edges, loops))[0], conv(x, edge_index(edges))


@oracle("dynamic", "torch_geometric's GATv2Conv with the same weights")
def dynamic():
    edges = [(0, 1), (1, 2), (2, 0), (4, 3), (0, 3)]
    for loops in (True, False):
        conv = GATv2Conv(5, 5, bias=False, add_self_loops=loops).double()
        module, x = MECHANISMS["dynamic"].build(5).double(), torch.randn(1, 5, 5).double()
        with torch.no_grad():
            module.score.from_query.weight.copy_(conv.lin_r.weight)
            module.score.from_query.bias.zero_()
            module.score.from_key.weight.copy_(conv.lin_l.weight)
            module.score.to_score.weight.copy_(conv.att[0])
        value = x @ conv.lin_l.weight.T
        yield module(x, x, value, graph(5, edges, loops))[0], conv(x[0], edge_index(edges))


@oracle("dynamic", "additive attention, with tanh in place of the leaky ReLU")
def dynamic_with_tanh():
    module, query, key, value = build("dynamic")
    plain = MECHANISMS["additive"].build(8).double()
    plain.score.load_state_dict(module.score.state_dict())
    module.score.activation = torch.tanh
    yield module(query, key, value), plain(query, key, value)


@oracle("multi-relational", "torch_geometric's RGATConv with the same weights, across and within relations")
def multi_relational():
    for across in (True, False):
        mechanism = "across-relation" if across else "within-relation"
        conv = RGATConv(6, 5, num_relations=3, attention_mechanism=mechanism, bias=False).double()
        edges = [*EDGES, (3, 2, 0), (0, 2, 0)]  # a loop, and several relations between two nodes
        module, x = RelationalGraph(6, 5, 4, 3, edges, across).double(), torch.randn(1, 4, 6).double()
        with torch.no_grad():
            module.to_values.copy_(conv.weight.mT)
            module.from_query.copy_(conv.q[:, 0].expand(3, 5))  # the library shares them
            module.from_key.copy_(conv.k[:, 0].expand(3, 5))
        kinds = torch.tensor([relation for _, relation, _ in edges])
        yield module(x)[0], conv(x[0], edge_index(edges), kinds)


@oracle("multi-relational", "one relation: graph attention; a relation without edges: the others alone")
def multi_relational_limits():
    edges = [(0, 0, 1), (1, 0, 2), (2, 0, 0), (0, 0, 3), (2, 0, 3)]
    module, x = RelationalGraph(6, 5, 4, 1, edges).double(), torch.randn(2, 4, 6).double()
    plain = MECHANISMS["graph"].build(5).double()
    with torch.no_grad():
        plain.score.from_query.weight.copy_(module.from_query)
        plain.score.from_key.weight.copy_(module.from_key)
    nodes = x @ module.to_values[0].T
    pairs = [(source, target) for source, _, target in edges]
    yield module(x), plain(nodes, nodes, nodes, graph(4, pairs, self_loops=False))
    wider = RelationalGraph(6, 5, 4, 2, edges).double()
    with torch.no_grad():
        for name, parameter in wider.named_parameters():
            parameter[0] = dict(module.named_parameters())[name][0]
    yield wider(x), module(x)


@oracle("multi-head-multi-relational", "torch_geometric's HGTConv with the same weights, its gate open")
def heterogeneous():
    kinds = [("a", "writes", "p"), ("p", "cites", "p"), ("p", "by", "a")]
    edges = [(0, 0, 2), (0, 0, 3), (1, 0, 3), (3, 1, 2), (4, 1, 2), (2, 2, 0), (3, 2, 0), (4, 2, 1), (3, 2, 1)]
    conv = HGTConv(8, 8, (["a", "p"], kinds), heads=2).double()
    module, x = HeterogeneousGraph(8, 2, (0, 0, 1, 1, 1), 3, edges).double(), torch.randn(1, 5, 8).double()
    with torch.no_grad():
        for number, name in enumerate("ap"):
            conv.skip[name].fill_(200.0)  # the library's gate between input and output: all output
            packed = conv.kqv_lin.lins[name]
            typed = (module.to_key, module.to_query, module.to_value)
            for part, weight, bias in zip(typed, packed.weight.split(8), packed.bias.split(8), strict=True):
                part.weight[number], part.bias[number] = weight, bias
            output = conv.out_lin.lins[name]
            module.to_output.weight[number], module.to_output.bias[number] = output.weight, output.bias
        for number, kind in enumerate(kinds):
            conv.p_rel["__".join(kind)].uniform_(0.5, 1.5)
            module.priority[number] = conv.p_rel["__".join(kind)][0]
        module.match.copy_(conv.k_rel.weight.view(2, 3, 4, 4).transpose(0, 1))  # heads first in the library
        module.message.copy_(conv.v_rel.weight.view(2, 3, 4, 4).transpose(0, 1))
    first = {"a": 0, "p": 2}
    typed_edges = {}
    for number, (source, _, target) in enumerate(kinds):
        pairs = [(s - first[source], t - first[target]) for s, relation, t in edges if relation == number]
        typed_edges[kinds[number]] = torch.tensor(pairs).T
    result = conv({"a": x[0, :2], "p": x[0, 2:]}, typed_edges)
    yield module(x)[0] - x[0], torch.cat([result["a"], result["p"]])


@oracle("multi-head-multi-relational", "one type, W = M = I, mu = 1: MultiheadAttention with the edges as its mask")
def heterogeneous_of_one_type():
    edges = [(0, 0, 1), (1, 0, 2), (2, 0, 0), (0, 0, 3), (2, 0, 3), (1, 0, 1)]
    module, x = HeterogeneousGraph(8, 2, (0,) * 4, 1, edges).double(), torch.randn(2, 4, 8).double()
    reference = nn.MultiheadAttention(8, 2, batch_first=True).double()
    with torch.no_grad():
        module.match.copy_(torch.eye(4).expand(1, 2, 4, 4))
        module.message.copy_(torch.eye(4).expand(1, 2, 4, 4))
        parts = (module.to_query, module.to_key, module.to_value)
        reference.in_proj_weight.copy_(torch.cat([part.weight[0] for part in parts]))
        nn.init.eye_(reference.out_proj.weight)
    attended = reference(x, x, x, attn_mask=~module.edges[0])[0]
    expected = x + F.gelu(attended) @ module.to_output.weight[0].T
    yield module(x), expected


@oracle("tree", "loops over the subtree; the root alone: attention to all nodes; a leaf: itself")
def tree():
    module, query, key, value = build("tree")
    rows = []
    for node in range(len(PARENTS)):
        subtree = [node]
        for each in reversed(range(len(PARENTS))):  # parents have higher numbers
            if PARENTS[each] in subtree:
                subtree.append(each)
        weights = (key[:, subtree] @ query[:, node, :, None]).softmax(1)
        rows.append((weights * value[:, subtree]).sum(1))
    output = module(query, key, value)
    yield output, torch.stack(rows, 1)
    yield output[:, -1:], F.scaled_dot_product_attention(query[:, -1:], key, value, scale=1.0)
    yield output[:, :5], value[:, :5]


@oracle("tree", "a chain: the triangle; all phrases masked: dot-product attention to the words")
def tree_limits():
    module, query, key, value = build("tree")
    chain = Attention(module.score, mask=descendants([-1, *range(8)]))
    above = torch.ones(9, 9, dtype=torch.bool).triu()
    yield chain(query, key, value), F.scaled_dot_product_attention(query, key, value, attn_mask=above, scale=1.0)
    words = by_table(torch.arange(9).expand(9, 9) < 5)
    free = Attention(module.score)
    expected = MECHANISMS["dot-product"].build(8)(query, key[:, :5], value[:, :5])
    yield free(query, key, value, words), expected
    yield module(query, key, value, words)[:, -1:], expected[:, -1:]  # the root, whose subtree has all words


@oracle("graph", "causal attention on the path whose nodes have edges to all later ones")
def graph_path():
    module, query, key, value = build("graph")
    edges = [(j, i) for i in range(6) for j in range(i)]
    yield module(query, key, value, graph(6, edges)), module(query, key, value, causal())


@oracle("graph", "a slope of 1: no query changes the weights")
def graph_of_slope_one():
    module, query, key, value = build("graph")
    module.score.slope = 1.0
    weights = (key @ module.score.from_key.weight[0]).softmax(-1)
    yield module.weights(query, key, value), weights[:, None].expand(2, 6, 6)

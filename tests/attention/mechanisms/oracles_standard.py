"""Oracles of the mechanisms between any queries, keys and values."""

import math

import torch
from oracles import oracle
from torch.nn import functional as F

from transduce.attention.catalogue import MECHANISMS
from transduce.attention.masks import graph, window

B, L, S, D, V = 2, 6, 6, 5, 3


def build(name):
    """A mechanism in float64, and queries, keys and values of different widths."""
    tensors = [torch.randn(B, n, width).double() for n, width in ((L, D), (S, D), (S, V))]
    return MECHANISMS[name].build(D).double(), *tensors


def looped(query, key, value, score, allowed=lambda i, j: True):
    """softmax over the allowed keys of score(q, k), pair by pair."""
    rows = []
    for b in range(B):
        for i in range(L):
            keys = [j for j in range(S) if allowed(i, j)]
            weights = torch.stack([score(query[b, i], key[b, j]) for j in keys]).softmax(0)
            rows.append(sum(weight * value[b, j] for weight, j in zip(weights, keys, strict=True)))
    return torch.stack(rows).view(B, L, V)


def dot(q, k):
    return q @ k


def mean_of(value):
    return value.mean(1, keepdim=True).expand(B, L, V)


@oracle("dot-product", "scaled_dot_product_attention with scale 1")
def dot_product():
    module, query, key, value = build("dot-product")
    yield module(query, key, value), F.scaled_dot_product_attention(query, key, value, scale=1.0)
    yield module(query, key, value), MECHANISMS["scaled-dot-product"].build(D)(query * math.sqrt(D), key, value)


@oracle("scaled-dot-product", "scaled_dot_product_attention")
def scaled_dot_product():
    module, query, key, value = build("scaled-dot-product")
    yield module(query, key, value), F.scaled_dot_product_attention(query, key, value)
    yield module(0 * query, key, value), mean_of(value)


@oracle("general", "loops over queries and keys")
def general():
    module, query, key, value = build("general")
    weight = module.score.to_key.weight
    yield module(query, key, value), looped(query, key, value, lambda q, k: (weight @ q) @ k)


@oracle("additive", "loops with one network on the joint vector [q, k]")
def additive():
    module, query, key, value = build("additive")
    score = module.score
    joint = torch.cat([score.from_query.weight, score.from_key.weight], 1)

    def network(q, k):
        return score.to_score.weight[0] @ torch.tanh(joint @ torch.cat([q, k]) + score.from_query.bias)

    yield module(query, key, value), looped(query, key, value, network)


@oracle("global", "loops; local attention with a window over everything")
def global_():
    module, query, key, value = build("global")
    yield module(query, key, value), looped(query, key, value, dot)
    local = MECHANISMS["local"].build(D)
    local.mask = window(S, S)
    yield local(query, key, value), module(query, key, value)


@oracle("local", "loops over the window; a window of one key returns its value")
def local():
    module, query, key, value = build("local")
    yield module(query, key, value), looped(query, key, value, dot, lambda i, j: abs(i - j) <= 2)
    module.mask = window(0, 0)
    yield module(query, key, value), value


@oracle("content-based", "loops with cosine_similarity; keys of another length")
def content_based():
    module, query, key, value = build("content-based")
    sharpness = module.score.sharpness

    def score(q, k):
        return sharpness(q)[0] * F.cosine_similarity(q, k, 0)

    yield module(query, key, value), looped(query, key, value, score)
    yield module(query, 3 * key, value), module(query, key, value)


@oracle("location-based", "softmax of the linear map")
def location_based():
    module, query, key, value = build("location-based")
    yield module(query, key, value), (query @ module.score.to_places.weight.t())[..., :S].softmax(-1) @ value


@oracle("causal", "scaled_dot_product_attention with is_causal; the same on a prefix")
def causal():
    module, query, key, value = build("causal")
    yield module(query, key, value), F.scaled_dot_product_attention(query, key, value, is_causal=True)
    yield module(query[:, :3], key[:, :3], value[:, :3]), module(query, key, value)[:, :3]


@oracle("sparse", "loops over the keys of the pattern")
def sparse():
    module, query, key, value = build("sparse")

    def sees(i, j):
        return j <= i and (i - j <= 3 or (i - j) % 3 == 0)

    yield module(query, key, value), looped(query / math.sqrt(D), key, value, dot, sees)


@oracle("graph", "loops over the neighbours")
def graph_attention():
    module, query, key, value = build("graph")
    a, b = module.score.from_query.weight[0], module.score.from_key.weight[0]
    edges = [(0, 1), (1, 2), (2, 0), (4, 3)]

    def sees(i, j):
        return i == j or (j, i) in edges

    expected = looped(query, key, value, lambda q, k: F.leaky_relu(a @ q + b @ k, 0.2), sees)
    yield module(query, key, value, graph(S, edges)), expected


@oracle("dynamic", "loops with leaky_relu")
def dynamic():
    module, query, key, value = build("dynamic")
    score = module.score

    def network(q, k):
        return score.to_score.weight[0] @ F.leaky_relu(score.from_query(q) + score.from_key(k), 0.2)

    yield module(query, key, value), looped(query, key, value, network)


@oracle("hard", "the value of the key with the highest score")
def hard():
    module, query, key, value = build("hard")
    best = (query @ key.mT).argmax(-1)
    yield module(query, key, value), value.gather(1, best[..., None].expand(B, L, V))


@oracle("top-k", "with k = number of keys: scaled_dot_product_attention")
def top_k():
    module, query, key, value = build("top-k")
    module.normalise = type(module.normalise)(S)
    yield module(query, key, value), F.scaled_dot_product_attention(query, key, value)


@oracle("sparsemax", "equal scores: the mean of the values; the package entmax")
def sparsemax():
    import entmax

    module, query, key, value = build("sparsemax")
    yield module(0 * query, key, value), mean_of(value)
    weights = entmax.sparsemax(3 * query @ key.mT / math.sqrt(D), dim=-1)
    yield module.weights(3 * query, key, value), weights


@oracle("sigmoid", "the formula")
def sigmoid():
    module, query, key, value = build("sigmoid")
    yield module(query, key, value), (query @ key.mT / math.sqrt(D)).sigmoid() @ value


@oracle("kernel", "the quadratic form of the kernel")
def kernel():
    module, query, key, value = build("kernel")
    weights = (F.elu(query) + 1) @ (F.elu(key) + 1).mT
    yield module(query, key, value), weights / weights.sum(-1, keepdim=True) @ value

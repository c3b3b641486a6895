"""Each mechanism against an implementation of its own: PyTorch's, loops over the formula, or a limit case."""

import math

import torch
from torch.nn import functional as F

from transduce.attention.catalogue import MECHANISMS
from transduce.attention.masks import everything, graph, window

B, L, S, D, V = 2, 6, 6, 5, 3


def build(name):
    torch.manual_seed(11)
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


def test_dot_product():
    module, query, key, value = build("dot-product")
    torch.testing.assert_close(module(query, key, value), F.scaled_dot_product_attention(query, key, value, scale=1.0))
    scaled = MECHANISMS["scaled-dot-product"].build(D)
    torch.testing.assert_close(module(query, key, value), scaled(query * math.sqrt(D), key, value))


def test_scaled_dot_product():
    module, query, key, value = build("scaled-dot-product")
    torch.testing.assert_close(module(query, key, value), F.scaled_dot_product_attention(query, key, value))
    mean = value.mean(1, keepdim=True).expand(B, L, V)
    torch.testing.assert_close(module(0 * query, key, value), mean)


def test_general():
    module, query, key, value = build("general")
    weight = module.score.to_key.weight
    torch.testing.assert_close(module(query, key, value), looped(query, key, value, lambda q, k: (weight @ q) @ k))


def test_additive():
    module, query, key, value = build("additive")
    score = module.score
    joint = torch.cat([score.from_query.weight, score.from_key.weight], 1)

    def network(q, k):
        return score.to_score.weight[0] @ torch.tanh(joint @ torch.cat([q, k]) + score.from_query.bias)

    torch.testing.assert_close(module(query, key, value), looped(query, key, value, network))


def test_global_is_local_with_a_window_over_everything():
    module, query, key, value = build("global")
    torch.testing.assert_close(module(query, key, value), looped(query, key, value, dot))
    local = MECHANISMS["local"].build(D)
    local.mask = window(S, S)
    torch.testing.assert_close(local(query, key, value), module(query, key, value))
    local.mask = window(0, 0)
    torch.testing.assert_close(local(query, key, value), value)


def test_local():
    module, query, key, value = build("local")
    expected = looped(query, key, value, dot, lambda i, j: abs(i - j) <= 2)
    torch.testing.assert_close(module(query, key, value), expected)


def test_content_based():
    module, query, key, value = build("content-based")
    sharpness = module.score.sharpness

    def score(q, k):
        return sharpness(q)[0] * F.cosine_similarity(q, k, 0)

    torch.testing.assert_close(module(query, key, value), looped(query, key, value, score))
    torch.testing.assert_close(module(query, 3 * key, value), module(query, key, value))


def test_location_based():
    module, query, key, value = build("location-based")
    expected = (query @ module.score.to_places.weight.t())[..., :S].softmax(-1) @ value
    torch.testing.assert_close(module(query, key, value), expected)
    assert torch.equal(module.weights(query, torch.randn_like(key)), module.weights(query, key))


def test_causal():
    module, query, key, value = build("causal")
    expected = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    torch.testing.assert_close(module(query, key, value), expected)
    prefix = module(query[:, :3], key[:, :3], value[:, :3])
    torch.testing.assert_close(prefix, module(query, key, value)[:, :3])
    jacobian = torch.autograd.functional.jacobian(lambda v: module(query[:1], key[:1], v), value[:1])
    assert all((jacobian[0, i, :, 0, i + 1 :] == 0).all() for i in range(L))


def test_sparse():
    module, query, key, value = build("sparse")
    expected = looped(query / math.sqrt(D), key, value, dot, lambda i, j: j <= i and (i - j <= 3 or (i - j) % 3 == 0))
    torch.testing.assert_close(module(query, key, value), expected)


def test_dynamic_prefers_different_keys_where_graph_attention_cannot():
    module, query, key, _ = build("dynamic")
    best = module.weights(5 * query, 5 * key).argmax(-1)
    assert not (best == best[:, :1]).all()
    module, query, key, _ = build("graph")
    best = module.weights(5 * query, 5 * key).argmax(-1)
    assert (best == best[:, :1]).all()


def test_graph():
    module, query, key, value = build("graph")
    a, b = module.score.from_query.weight[0], module.score.from_key.weight[0]
    edges = [(0, 1), (1, 2), (2, 0), (4, 3)]

    def sees(i, j):
        return i == j or (j, i) in edges

    expected = looped(query, key, value, lambda q, k: F.leaky_relu(a @ q + b @ k, 0.2), sees)
    torch.testing.assert_close(module(query, key, value, graph(S, edges)), expected)


def test_hard():
    module, query, key, value = build("hard")
    best = (query @ key.mT).argmax(-1)
    torch.testing.assert_close(module(query, key, value), value.gather(1, best[..., None].expand(B, L, V)))


def test_top_k_of_all_keys_is_softmax():
    module, query, key, value = build("top-k")
    assert ((module.weights(query, key) > 0).sum(-1) == 2).all()
    module.normalise = type(module.normalise)(S)
    torch.testing.assert_close(module(query, key, value), F.scaled_dot_product_attention(query, key, value))


def test_sparsemax_has_zeros_and_is_softmax_like_for_equal_scores():
    module, query, key, value = build("sparsemax")
    assert (module.weights(5 * query, key) == 0).any()
    mean = value.mean(1, keepdim=True).expand(B, L, V)
    torch.testing.assert_close(module(0 * query, key, value), mean)


def test_sigmoid():
    module, query, key, value = build("sigmoid")
    torch.testing.assert_close(
        module(query, key, value, everything()), (query @ key.mT / math.sqrt(D)).sigmoid() @ value
    )

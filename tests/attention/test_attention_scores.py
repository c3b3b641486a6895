"""Each score against loops over its formula, and its limit cases."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from transduce.attention.attend import attend
from transduce.attention.scores import (
    Additive,
    Cosine,
    General,
    GraphAdditive,
    LocationOnly,
    Relational,
    ScaledDotProduct,
    ShawRelative,
    SoftCapped,
    TalkingHeads,
)

B, H, L, S, E = 2, 3, 4, 5, 6


@pytest.fixture
def tensors():
    torch.manual_seed(1)
    return torch.randn(B, H, L, E).double(), torch.randn(B, H, S, E).double(), torch.randn(B, H, S, 3).double()


def looped(query, key, formula):
    """formula(q, k, i, j) for every pair."""
    rows = [
        [[[formula(query[b, h, i], key[b, h, j], i, j) for j in range(S)] for i in range(L)] for h in range(H)]
        for b in range(B)
    ]
    return torch.stack([torch.stack([torch.stack([torch.stack(r) for r in m]) for m in head]) for head in rows])


def test_dot_products(tensors):
    query, key, _ = tensors
    torch.testing.assert_close(ScaledDotProduct(1.0)(query, key), looped(query, key, lambda q, k, i, j: q @ k))
    torch.testing.assert_close(ScaledDotProduct()(query, key) * math.sqrt(E), ScaledDotProduct(1.0)(query, key))


def test_general(tensors):
    query, key, _ = tensors
    score = General(E, E).double()
    weight = score.to_key.weight
    torch.testing.assert_close(score(query, key), looped(query, key, lambda q, k, i, j: (weight @ q) @ k))
    nn.init.eye_(score.to_key.weight)
    torch.testing.assert_close(score(query, key), ScaledDotProduct(1.0)(query, key))


@pytest.mark.parametrize("activation", [torch.tanh, F.leaky_relu])
def test_additive_is_a_network_on_both_vectors_side_by_side(tensors, activation):
    query, key, value = tensors
    score = Additive(E, E, 7, activation).double()
    joint = torch.cat([score.from_query.weight, score.from_key.weight], 1)  # (A, E + F)

    def network(q, k, i, j):
        return score.to_score.weight[0] @ activation(joint @ torch.cat([q, k]) + score.from_query.bias)

    torch.testing.assert_close(score(query, key), looped(query, key, network))
    nn.init.zeros_(score.to_score.weight)
    mean = value.mean(2, keepdim=True).expand(B, H, L, 3)
    torch.testing.assert_close(attend(query, key, value, score=score), mean)


def test_graph_attention_of_the_first_kind_ranks_keys_alike_and_gatv2_does_not(tensors):
    query, key, _ = tensors
    score = GraphAdditive(E, E).double()
    a, b = score.from_query.weight[0], score.from_key.weight[0]
    expected = looped(query, key, lambda q, k, i, j: F.leaky_relu(a @ q + b @ k, 0.2))
    torch.testing.assert_close(score(query, key), expected)
    best = expected.argmax(-1)
    assert (best == best[..., :1]).all()
    torch.manual_seed(3)
    best = Additive(E, E, 16, F.leaky_relu).double()(4 * query, 4 * key).argmax(-1)
    assert not (best == best[..., :1]).all()


def test_cosine(tensors):
    query, key, value = tensors
    score = Cosine(E).double()
    sharpness = F.softplus(score.sharpness[0](query))
    expected = looped(query, key, lambda q, k, i, j: F.cosine_similarity(q, k, 0)) * sharpness
    torch.testing.assert_close(score(query, key), expected)
    torch.testing.assert_close(score(query, key * 7), expected)
    assert (sharpness > 0).all()
    unit = [F.normalize(each, dim=-1) for each in (query, key)]
    same = F.scaled_dot_product_attention(*unit, value, scale=4.0)
    torch.testing.assert_close(attend(query, key, value, score=Cosine(E, fixed=4.0)), same)
    sharp = attend(query, key, value, score=Cosine(E, fixed=1e4))
    nearest = (unit[0] @ unit[1].mT).argmax(-1)
    torch.testing.assert_close(sharp, value.gather(2, nearest[..., None].expand(B, H, L, 3)))


def test_location_only_does_not_see_the_keys(tensors):
    query, key, _ = tensors
    score = LocationOnly(E, 8).double()
    assert torch.equal(score(query, key), score(query, torch.randn_like(key)))
    torch.testing.assert_close(score(query, key), (query @ score.to_places.weight.t())[..., :S])
    with pytest.raises(ValueError, match="has 4 places and found 5 keys"):
        LocationOnly(E, 4).double()(query, key)


def test_shaw(tensors):
    query, key, _ = tensors
    score = ShawRelative(E, reach=2).double()
    vectors = score.vectors.weight

    def formula(q, k, i, j):
        distance = max(-2, min(2, j - (i + S - L)))  # the last query is at the last key
        return (q @ k + q @ vectors[distance + 2]) / math.sqrt(E)

    torch.testing.assert_close(score(query, key), looped(query, key, formula))
    nn.init.zeros_(score.vectors.weight)
    torch.testing.assert_close(score(query, key), ScaledDotProduct()(query, key))


def test_relational_takes_the_score_of_each_pairs_relation(tensors):
    query, key, _ = tensors
    scores = [GraphAdditive(E, E).double() for _ in range(3)]
    relations = torch.randint(0, 3, (B, L, S))
    result = Relational(scores, relations)(query, key)
    every = torch.stack([score(query, key) for score in scores])
    for b in range(B):
        for i in range(L):
            for j in range(S):
                torch.testing.assert_close(result[b, :, i, j], every[relations[b, i, j], b, :, i, j])
    with pytest.raises(ValueError, match="relations must be 0 to 1, found 0 to 2"):
        Relational(scores[:2], torch.tensor([[[0, 2]]]))


def test_soft_cap(tensors):
    query, key, _ = tensors
    scores = SoftCapped(ScaledDotProduct(100.0), 5.0)(query, key)
    assert scores.abs().max() <= 5.0
    torch.testing.assert_close(SoftCapped(ScaledDotProduct(), 1e6)(query, key), ScaledDotProduct()(query, key))


def test_talking_heads_mix_scores(tensors):
    query, key, _ = tensors
    score = TalkingHeads(H, ScaledDotProduct()).double()
    torch.testing.assert_close(score(query, key), ScaledDotProduct()(query, key))
    with torch.no_grad():
        score.mixture.copy_(torch.eye(H).roll(1, 1))
    torch.testing.assert_close(score(query, key), ScaledDotProduct()(query, key).roll(1, 1))

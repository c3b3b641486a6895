"""Each mechanism against an implementation of its own, and what pairs of tensors cannot show."""

import oracles_alignments
import oracles_graphs
import oracles_patterns
import oracles_pictures
import oracles_positions
import oracles_sequence_libraries
import oracles_sequence_transformers
import oracles_sequences
import oracles_standard
import pytest
import torch
from oracles import ORACLES
from oracles_standard import S, build

from transduce.attention.catalogue import MECHANISMS

# importing them fills ORACLES
FILES = (
    oracles_standard,
    oracles_alignments,
    oracles_graphs,
    oracles_patterns,
    oracles_pictures,
    oracles_positions,
    oracles_sequences,
    oracles_sequence_libraries,
    oracles_sequence_transformers,
)


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: f"{oracle.mechanism}: {oracle.against}")
def test_agrees_with_its_oracle(oracle):
    torch.manual_seed(11)
    pairs = list(oracle.pairs())
    assert pairs
    for ours, expected in pairs:
        torch.testing.assert_close(ours, expected)


def test_every_mechanism_has_an_oracle():
    assert {oracle.mechanism for oracle in ORACLES} == set(MECHANISMS)


def test_location_based_ignores_the_keys():
    module, query, key, value = build("location-based")
    assert torch.equal(module.weights(query, torch.randn_like(key), value), module.weights(query, key, value))


def test_causal_has_a_triangular_jacobian():
    module, query, key, value = build("causal")
    jacobian = torch.autograd.functional.jacobian(lambda v: module(query[:1], key[:1], v), value[:1])
    assert all((jacobian[0, i, :, 0, i + 1 :] == 0).all() for i in range(S))


def queries_agree(name):
    module, query, key, value = build(name)
    module.mask = None  # a complete graph
    best = module.weights(5 * query, 5 * key, value).argmax(-1)
    return bool((best == best[:, :1]).all())


def test_dynamic_prefers_different_keys_where_graph_attention_cannot():
    torch.manual_seed(11)
    assert not all(queries_agree("dynamic") for _ in range(10))
    assert all(queries_agree("graph") for _ in range(10))


def test_top_k_has_weights_on_k_keys_and_sparsemax_has_zeros():
    module, query, key, value = build("top-k")
    assert ((module.weights(query, key, value) > 0).sum(-1) == 2).all()
    module, query, key, value = build("sparsemax")
    assert (module.weights(5 * query, key, value) == 0).any()

"""Properties of monotonic, structured, recurrent, graph and tree attention that no pair of tensors shows."""

import pytest
import torch
from oracles import build
from scipy.stats import chisquare
from torch import nn

from transduce.attention.mask import Mask
from transduce.attention.masks import blocks, causal
from transduce.attention.mechanisms.bigbird import bigbird
from transduce.attention.mechanisms.dynamic_convolutional import DynamicConvolution
from transduce.attention.mechanisms.feedback import FeedbackMemory
from transduce.attention.mechanisms.heterogeneous import HeterogeneousGraph
from transduce.attention.mechanisms.location_hybrid import Filtered
from transduce.attention.mechanisms.mocha import MonotonicChunkwise
from transduce.attention.mechanisms.multi_relational import RelationalGraph
from transduce.attention.mechanisms.structured import chain_marginals
from transduce.attention.mechanisms.tree import PARENTS
from transduce.attention.monotonic import hard_alignment, monotonic_alignment
from transduce.attention.normalisers import Hard
from transduce.attention.scores import Additive

WITH_PADDING = ["monotonic", "mocha", "location-hybrid", "coverage", "dynamic-convolutional"]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(6)


@pytest.mark.parametrize("name", WITH_PADDING)
def test_padding_has_no_influence_and_a_padded_row_is_that_of_its_keys_alone(name):
    module, query, *keys_and_values = build(name, batch=3)
    size = keys_and_values[-1].shape[1]
    allowed = torch.arange(size) < torch.tensor([[size - 2], [0], [size]])  # the second row is padding alone
    allowed[2, 1] = False
    hostile = [each.clone() for each in keys_and_values]
    hostile[-1][~allowed] = torch.nan
    for each in hostile[:-1]:
        each[~allowed] = 100.0
    leaves = [each.requires_grad_() for each in hostile]
    output = module(query, *leaves, allowed)
    assert (output[1] == 0).all()
    torch.testing.assert_close(output, module(query, *keys_and_values, allowed))
    torch.testing.assert_close(output[:1], module(query[:1], *(each[:1, : size - 2] for each in keys_and_values)))
    for gradient in torch.autograd.grad(output.square().sum(), leaves):
        assert gradient.isfinite().all() and (gradient[~allowed] == 0).all()
    weights = module.weights(query, *keys_and_values, allowed)
    assert (weights[~allowed[:, None].expand_as(weights)] == 0).all()


def test_monotonic_alignments_never_go_back_and_sum_to_at_most_one():
    stops = torch.rand(20, 6, 9).double()
    alignment = monotonic_alignment(stops)
    assert (alignment.sum(-1) <= 1 + 1e-12).all() and (alignment >= 0).all()
    assert (alignment.sum(-1).diff(dim=-1) <= 1e-12).all()  # a scan that ran past the end stays there
    # later rows are later as a distribution: more of their mass is beyond every key
    assert (alignment.cumsum(-1).diff(dim=1) <= 1e-12).all()
    path = hard_alignment(stops)
    places = torch.where(path.any(-1), path.argmax(-1), 9)
    assert set(path.unique().tolist()) == {0.0, 1.0} and (places.diff(dim=-1) >= 0).all()


def test_monotonic_alignments_of_long_inputs_have_finite_gradients():
    energies = (30 * torch.randn(1, 20, 400)).requires_grad_()  # stop probabilities are 0 and 1 in single precision
    alignment = monotonic_alignment(energies.sigmoid())
    double = monotonic_alignment(energies.detach().double().sigmoid())
    torch.testing.assert_close(alignment.double(), double, atol=1e-5, rtol=1e-4)
    (gradient,) = torch.autograd.grad((alignment * torch.arange(400)).sum(), energies)
    assert gradient.isfinite().all()


def test_monotonic_noise_is_for_training():
    module, *inputs = build("monotonic")
    torch.testing.assert_close(module(*inputs), module(*inputs))
    module.train()
    assert not torch.allclose(module(*inputs), module(*inputs))
    module.noise = 1e-9
    torch.testing.assert_close(module(*inputs), module.eval()(*inputs))


def test_marginals_of_large_scores_are_finite_and_pairs_join_neighbours():
    unary = torch.tensor([[1e4, -1e4, 3.0, -3.0]]).double()
    pairs = torch.eye(2).double()
    marginals = chain_marginals(unary, (1e3 * pairs).expand(1, 3, 2, 2))
    assert marginals.isfinite().all()
    single = chain_marginals(torch.tensor([[0.7]]), torch.zeros(1, 0, 2, 2))
    torch.testing.assert_close(single, torch.tensor([[0.7]]).sigmoid())
    favoured = torch.tensor([[4.0, 0.0, 0.0, 0.0]])
    apart = chain_marginals(favoured, torch.zeros(1, 3, 2, 2))
    together = chain_marginals(favoured, torch.eye(2).expand(1, 3, 2, 2))
    assert (together[0, 1:] > apart[0, 1:]).all() and (together[0, 1:].diff() < 0).all()


def jacobian(module, x):
    """Which inputs (columns) each output (row) depends on."""
    full = torch.autograd.functional.jacobian(module, x)[0, :, :, 0]  # (L, D, L, D)
    return full.abs().amax((1, 3)) > 0


def test_feedback_reaches_all_earlier_tokens_through_memories_of_one_step():
    length = 6
    module, x = FeedbackMemory(4, 2, span=1).double(), torch.randn(1, length, 4).double()
    assert torch.equal(jacobian(module, x), torch.ones(length, length, dtype=torch.bool).tril())
    weights = module.weights(x)[0]
    assert (weights[:, 0] == 0).all()
    assert torch.equal(weights > 0, torch.eye(length, dtype=torch.bool).roll(1, 0).tril().expand(2, -1, -1))


def test_dynamic_convolution_ignores_the_values_and_moves_on():
    module, query, value = build("dynamic-convolutional")
    assert torch.equal(module.weights(query, value), module.weights(query, torch.randn_like(value)))
    nn.init.zeros_(module.to_score.weight)
    place = (module.weights(query, value) * torch.arange(value.shape[1])).sum(-1)
    assert (place.diff(dim=-1) > 0).all()


def test_coverage_can_turn_away_from_keys_that_had_weight():
    module, query, key, value = build("coverage", batch=1)
    query = query[:, :1].expand(1, 6, 8)  # the same query again and again
    weights = module.weights(query, key, value)[0]
    best = weights[0].argmax()
    assert weights[1, best] < weights[0, best]
    nn.init.zeros_(module.from_features.weight)
    blind = module.weights(query, key, value)[0]
    torch.testing.assert_close(blind, weights[:1].expand(6, -1))
    assert weights.sum(0).std() < blind.sum(0).std() / 2  # in the end all keys have had their share


def test_relational_graphs_with_renamed_nodes_have_renamed_outputs():
    edges, names = [(0, 0, 1), (1, 1, 2), (2, 0, 0), (3, 1, 3), (0, 1, 1)], [2, 0, 3, 1]
    renamed = [(names[source], relation, names[target]) for source, relation, target in edges]
    x = torch.randn(2, 4, 6).double()
    moved = torch.empty_like(x)
    moved[:, names] = x
    for make in (
        lambda edges, types: RelationalGraph(6, 6, 4, 2, edges),
        lambda edges, types: HeterogeneousGraph(6, 2, types, 2, edges),
    ):
        types = torch.tensor([0, 1, 1, 0])
        module = make(edges, types.tolist()).double()
        other = make(renamed, types[torch.tensor(names).argsort()].tolist()).double()
        other.load_state_dict(module.state_dict())
        torch.testing.assert_close(other(moved)[:, names], module(x))


def test_nodes_without_edges_get_no_message():
    x = torch.randn(1, 3, 4).double().requires_grad_()
    module = RelationalGraph(4, 4, 3, 2, [(0, 1, 1)]).double()
    output = module(x)
    assert (output[0, [0, 2]] == 0).all() and (module.weights(x)[0, [0, 2]] == 0).all()
    torch.testing.assert_close(output[0, 1], module.to_values[1] @ x[0, 0])  # one edge has all the weight
    (gradient,) = torch.autograd.grad(output.sum(), x)
    assert gradient.isfinite().all() and (gradient[0, 2] == 0).all()
    other = HeterogeneousGraph(4, 2, (0, 1, 1), 2, [(0, 1, 1)]).double()
    torch.testing.assert_close(other(x)[0, [0, 2]], x[0, [0, 2]])


def test_nodes_outside_a_subtree_have_no_gradient():
    module, query, key, value = build("tree", batch=1)
    np_of_cat = 5
    value.requires_grad_()
    (gradient,) = torch.autograd.grad(module(query, key, value)[0, np_of_cat].sum(), value)
    assert gradient[0].abs().sum(-1).nonzero().flatten().tolist() == [0, 1, 5]
    assert [node for node, parent in enumerate(PARENTS) if parent == np_of_cat] == [0, 1]


def test_documents_do_not_see_each_other():
    module, query, key, value, documents = build("document")
    other = key.clone(), value.clone()
    for each in other:
        each[:, 2:5] += 1.0  # the second text
    changed = module(query, *other, documents) != module(query, key, value, documents)
    assert changed[:, 2:5].all() and not changed[:, :2].any() and not changed[:, 5:].any()


@pytest.mark.parametrize(("block", "summary"), [(3, 1), (4, 2), (5, 5)])
def test_two_steps_of_the_fixed_heads_reach_every_earlier_key(block, summary):
    """Section 4.3 of Child et al. 2019: both heads, and the residual sum, by which a token reaches itself."""
    residual = torch.eye(12, dtype=torch.bool)
    own_block = (causal() & blocks(block)).dense(1, 1, 12, 12)[0, 0] | residual
    ends = causal() & Mask(lambda b, h, q, k: k % block >= block - summary)
    summaries = ends.dense(1, 1, 12, 12)[0, 0] | residual
    assert torch.equal((summaries.float() @ own_block.float()) > 0, residual.new_ones(12, 12).tril())


def test_hard_attention_samples_by_the_softmax():
    scores = torch.tensor([0.3, -1.0, 1.2, 0.0]).double()
    counts = Hard(sample=True)(scores.expand(5_000, 1, 4), None).sum((0, 1))
    assert chisquare(counts.numpy(), 5_000 * scores.softmax(0).numpy()).pvalue > 0.01
    wrong = 5_000 * (scores / 1.2).softmax(0)
    assert chisquare(counts.numpy(), wrong.numpy()).pvalue < 0.01  # so many samples tell a difference


def test_rotary_scores_do_not_depend_on_a_shift():
    module, x = build("rotary")
    shifted = torch.cat([torch.randn(2, 3, 8).double(), x], 1)
    later = module.weights(shifted)[..., 3:, 3:]
    torch.testing.assert_close(later / later.sum(-1, keepdim=True), module.weights(x), atol=1e-5, rtol=1e-4)


def test_additive_scores_of_queries_and_keys_of_different_widths():
    score, query, key = Additive(4, 6, 5), torch.randn(2, 3, 4), torch.randn(2, 5, 6)
    pairs = torch.cat([query[:, :, None].expand(2, 3, 5, 4), key[:, None].expand(2, 3, 5, 6)], -1)
    network = nn.Sequential(nn.Linear(10, 5), nn.Tanh(), nn.Linear(5, 1, bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.cat([score.from_query.weight, score.from_key.weight], 1))
        network[0].bias.copy_(score.from_query.bias)
        network[2].weight.copy_(score.to_score.weight)
    torch.testing.assert_close(score(query, key), network(pairs)[..., 0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MonotonicChunkwise(4, 4, chunk=0), "at least 1 key, found 0"),
        (lambda: FeedbackMemory(4, 0), "at least 1 layer and a span of at least 1, found 0"),
        (lambda: DynamicConvolution(4, 4, taps=4), "odd number of taps, which has a middle, found 4"),
        (lambda: Filtered(2, 4), "odd number of taps, which has a middle, found 4"),
        (lambda: RelationalGraph(4, 4, 3, 2, [(0, 0, 1), (0, 2, 1)]), "edge 1 has the relation 2, expected 0 to 1"),
        (lambda: RelationalGraph(4, 4, 3, 2, [(0, 0, 3)]), r"edge 0 is \(0, 3\), but the graph has nodes 0 to 2"),
        (lambda: HeterogeneousGraph(5, 2, (0, 0), 1, []), "multiple of the heads, found 5 and 2"),
        (lambda: RelationalGraph(4, 4, 3, 1, [])(torch.zeros(1, 2, 4)), "has 3 nodes, found vectors of 2"),
        (lambda: HeterogeneousGraph(4, 2, (0, 0), 1, [])(torch.zeros(1, 3, 4)), "has 2 nodes, found vectors of 3"),
        (lambda: bigbird(10, 4, causal()), "multiple of the block size, found 10 and 4"),
    ],
)
def test_bad_input_is_explained(make, message):
    with pytest.raises(ValueError, match=message):
        make()

"""Rules that every mechanism of the catalogue keeps (metamorphic tests)."""

import pytest
import torch

from transduce.attention.catalogue import MECHANISMS, mechanism
from transduce.attention.masks import by_table, window

B, L, S, D, V = 2, 5, 5, 6, 3
BY_PLACE = {"local", "causal", "sparse", "location-based"}  # their weights depend on the places of the keys
ARGMAX = {"hard"}  # not differentiable: the backward pass is that of another function


@pytest.fixture(params=MECHANISMS)
def module(request):
    torch.manual_seed(4)
    return MECHANISMS[request.param].build(D).double().eval()


@pytest.fixture
def name(request, module):
    return request.node.callspec.params["module"]


@pytest.fixture
def tensors():
    torch.manual_seed(7)
    return torch.randn(B, L, D).double(), torch.randn(B, S, D).double(), torch.randn(B, S, V).double()


def test_the_weights_give_the_output(module, tensors):
    query, key, value = tensors
    torch.testing.assert_close(module.weights(query, key) @ value, module(query, key, value))


def test_rows_sum_to_one(module, name, tensors):
    query, key, _ = tensors
    weights = module.weights(query, key)
    assert (weights >= 0).all()
    if MECHANISMS[name].sums_to_one:
        torch.testing.assert_close(weights.sum(-1), torch.ones(B, L).double())


def test_masked_keys_have_no_influence_and_a_row_without_keys_gives_zeros(module, tensors):
    query, key, value = (each.requires_grad_() for each in tensors)
    allowed = torch.rand(L, S) < 0.6
    allowed[1] = False
    allowed[:, 2] = False
    mask = by_table(allowed)
    output = module(query, key, value, mask)
    assert (output[:, 1] == 0).all()
    gradients = torch.autograd.grad(output.square().sum(), (key, value), allow_unused=True)
    for gradient in gradients:
        assert gradient is None or (gradient.isfinite().all() and (gradient[:, 2] == 0).all())
    other = key.detach().clone(), value.detach().clone()
    other[0][:, 2], other[1][:, 2] = 100.0, -100.0
    torch.testing.assert_close(module(query, *other, mask), output)


def test_batch_rows_are_independent(module, tensors):
    whole = module(*tensors)
    for row in range(B):
        torch.testing.assert_close(module(*(each[row : row + 1] for each in tensors)), whole[row : row + 1])


def test_keys_in_another_order_give_the_same_output(module, name, tensors):
    if name in BY_PLACE:
        pytest.skip("the weights depend on the places of the keys")
    query, key, value = tensors
    order = torch.randperm(S)
    allowed = torch.rand(L, S) < 0.7
    output = module(query, key[:, order], value[:, order], by_table(allowed[:, order]))
    torch.testing.assert_close(output, module(query, key, value, by_table(allowed)))


def test_outputs_are_linear_in_the_values(module, tensors):
    query, key, value = tensors
    other = torch.randn_like(value)
    both = module(query, key, 2 * value - 3 * other)
    torch.testing.assert_close(both, 2 * module(query, key, value) - 3 * module(query, key, other))


def test_gradients(module, name, tensors):
    if name in ARGMAX:
        pytest.skip("tested in test_normalisers.py: its gradient is that of the softmax")
    inputs = tuple(each.requires_grad_() for each in tensors)
    assert torch.autograd.gradcheck(lambda *x: module(*x, window(2, 1)), inputs)


def test_single_precision_is_near_double(module, tensors):
    double = module(*tensors)
    single = module.float()(*(each.float() for each in tensors))
    torch.testing.assert_close(single.double(), double, atol=1e-5, rtol=1e-4)


def test_one_key_returns_its_value(module, name, tensors):
    query, key, value = tensors
    if MECHANISMS[name].sums_to_one:
        torch.testing.assert_close(module(query[:, :1], key[:, :1], value[:, :1]), value[:, :1])


def test_names_and_descriptions():
    for name, row in MECHANISMS.items():
        assert row.name == name and name == name.lower()
        assert row.purpose.endswith(".") and row.formula and row.paper and row.cost
    with pytest.raises(ValueError, match="no attention mechanism 'aditive'; did you mean 'additive'"):
        mechanism("aditive")

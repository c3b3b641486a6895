"""Rules that every mechanism of the catalogue keeps (metamorphic tests).

Those of the second part are for mechanisms between any queries, keys and values. A mechanism with inputs of its own shows
them in its own tests where they apply to it.
"""

import inspect
import subprocess
import sys

import pytest
import torch

from transduce.attention.catalogue import MECHANISMS, mechanism
from transduce.attention.masks import by_table, window
from transduce.attention.mechanisms.mechanism import STANDARD

B, L, S, D, V = 2, 5, 5, 6, 3
WIDTH = 8
BY_PLACE = {
    "local",
    "local-predictive",
    "causal",
    "sparse",
    "location-based",
    "structured",
    "prefix",
    "dilated",
    "graph",
    "gaussian",
}  # their weights depend on the places of the keys
ARGMAX = {"hard"}  # not differentiable: the backward pass is that of another function


def doubled(values):
    return tuple(each.double() if each.is_floating_point() else each for each in values)


def different(x):
    """Without equal scores, at which some mechanisms have no gradient."""
    return x + 0.1 * torch.randn_like(x)


@pytest.fixture(params=MECHANISMS)
def name(request):
    return request.param


@pytest.fixture
def example(name):
    """The module in float64, and its example inputs."""
    torch.manual_seed(4)
    row = MECHANISMS[name]
    return row.build(WIDTH).double().eval(), doubled(row.inputs(B, WIDTH))


def test_batch_rows_are_independent(example):
    module, inputs = example
    whole = module(*inputs)
    for row in range(B):
        torch.testing.assert_close(module(*(each[row : row + 1] for each in inputs)), whole[row : row + 1])


def test_gradients(name, example):
    if name in ARGMAX:
        pytest.skip("tested in test_normalisers.py: its gradient is that of the softmax")
    module, inputs = example
    inputs = tuple(different(each[:1]).requires_grad_() if each.is_floating_point() else each[:1] for each in inputs)
    if any(each.requires_grad for each in inputs):
        assert torch.autograd.gradcheck(module, inputs, fast_mode=True)
        return
    parameters = dict(module.named_parameters())  # tokens have no gradient

    def with_parameters(*values):
        return torch.func.functional_call(module, dict(zip(parameters, values, strict=True)), inputs)

    assert torch.autograd.gradcheck(with_parameters, tuple(parameters.values()), fast_mode=True)


def test_single_precision_is_near_double(name, example):
    module, inputs = example
    double = module(*inputs)
    single = module.float()(*(each.float() if each.is_floating_point() else each for each in inputs))
    torch.testing.assert_close(single.double(), double, atol=1e-5, rtol=1e-4)


def test_weights_are_non_negative_finite_and_have_the_sides_of_the_page(name, example):
    row = MECHANISMS[name]
    module, inputs = example
    weights = module.weights(*inputs)
    assert weights.shape[0] == B and weights.shape[-2:] == tuple(map(len, row.sides))
    assert weights.isfinite().all() and (weights >= 0).all()
    if row.sums_to_one:
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]).double())


def test_forward_and_weights_take_the_same_arguments(name):
    module = MECHANISMS[name].build(WIDTH)
    forward, weights = (inspect.signature(each).parameters for each in (module.forward, module.weights))
    assert list(forward) == list(weights)


# Between any queries, keys and values.


@pytest.fixture(params=[name for name, row in MECHANISMS.items() if row.standard])
def standard(request):
    torch.manual_seed(4)
    return MECHANISMS[request.param].build(D).double().eval()


@pytest.fixture
def standard_name(request, standard):
    return request.node.callspec.params["standard"]


@pytest.fixture
def tensors():
    torch.manual_seed(7)
    return torch.randn(B, L, D).double(), torch.randn(B, S, D).double(), torch.randn(B, S, V).double()


def test_the_weights_give_the_output(standard, tensors):
    torch.testing.assert_close(standard.weights(*tensors) @ tensors[2], standard(*tensors))


def test_masked_keys_have_no_influence_and_a_row_without_keys_gives_zeros(standard, tensors):
    query, key, value = (each.requires_grad_() for each in tensors)
    allowed = torch.rand(L, S) < 0.6
    allowed[1] = False
    allowed[:, 2] = False
    mask = by_table(allowed)
    output = standard(query, key, value, mask)
    assert (output[:, 1] == 0).all()
    gradients = torch.autograd.grad(output.square().sum(), (key, value), allow_unused=True)
    for gradient in gradients:
        assert gradient is None or (gradient.isfinite().all() and (gradient[:, 2] == 0).all())
    other = key.detach().clone(), value.detach().clone()
    other[0][:, 2], other[1][:, 2] = 100.0, -100.0
    torch.testing.assert_close(standard(query, *other, mask), output)


def test_keys_in_another_order_give_the_same_output(standard, standard_name, tensors):
    if standard_name in BY_PLACE:
        pytest.skip("the weights depend on the places of the keys")
    query, key, value = tensors
    order = torch.randperm(S)
    allowed = torch.rand(L, S) < 0.7
    output = standard(query, key[:, order], value[:, order], by_table(allowed[:, order]))
    torch.testing.assert_close(output, standard(query, key, value, by_table(allowed)))


def test_outputs_are_linear_in_the_values(standard, tensors):
    query, key, value = tensors
    other = torch.randn_like(value)
    both = standard(query, key, 2 * value - 3 * other)
    torch.testing.assert_close(both, 2 * standard(query, key, value) - 3 * standard(query, key, other))


def test_gradients_with_a_mask(standard, standard_name, tensors):
    if standard_name in ARGMAX:
        pytest.skip("tested in test_normalisers.py: its gradient is that of the softmax")
    inputs = tuple(each.requires_grad_() for each in tensors)
    assert torch.autograd.gradcheck(lambda *x: standard(*x, window(2, 1)), inputs, fast_mode=True)


def test_one_key_returns_its_value(standard, standard_name, tensors):
    query, key, value = tensors
    if MECHANISMS[standard_name].sums_to_one:
        torch.testing.assert_close(standard(query[:, :1], key[:, :1], value[:, :1]), value[:, :1])


def test_names_and_descriptions():
    for name, row in MECHANISMS.items():
        assert row.name == name and name == name.lower()
        assert row.purpose.endswith(".") and row.formula and row.paper and row.cost
        assert all(each in MECHANISMS for each in row.alternates)
        assert row.standard == (row.shapes == STANDARD)
    with pytest.raises(ValueError, match="no attention mechanism 'aditive'; did you mean 'additive'"):
        mechanism("aditive")


COMPILE = """
import torch
from transduce.attention.catalogue import MECHANISMS

for name, row in MECHANISMS.items():
    if row.kind == "point":
        module, inputs = row.build(8).eval(), row.inputs(2, 8)
        torch._dynamo.reset()
        compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(*inputs), module(*inputs), msg=name)
        print(name)
"""


@pytest.mark.slow
def test_points_compile_as_one_graph():
    """In a process of its own, as the checks of shapes while the tests run are no part of a graph."""
    run = subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.split() == [name for name, row in MECHANISMS.items() if row.kind == "point"]

"""Masked keys have no influence: adding them changes nothing, and neither do NaN and infinity in them."""

import inspect

import pytest
import torch

from transduce.attention.catalogue import MECHANISMS
from transduce.attention.mask import Mask
from transduce.attention.masks import by_keys, window, within_lengths
from transduce.attention.mechanisms.multi_head import MultiHead

B, WIDTH = 2, 8
NUMBERS = [torch.nan, torch.inf, -torch.inf]
KEYS = {
    "masked": (1, 2),
    "monotonic": (1, 2),
    "mocha": (1, 2),
    "location-hybrid": (1, 2),
    "coverage": (1, 2),
    "dynamic-convolutional": (1,),
    "multi-head": (1, 2),
    "single-head": (1, 2),
    "fine-grained": (1, 2),
    "opponent": (1, 2),
    "generative": (1,),
    "cross": (1,),
    "cross-modal": (1,),
    "memory": (1,),
    "multi-step": (2, 3),
    "task-specific": (0,),
    "time-based": (0,),
    "co-attention": (1,),
    "dual": (1,),
    "dual-stream": (0,),
    "hierarchical": (0,),
    "multi-view": (0,),
    "set": (0,),
    "global-local": (0, 1),
} | {
    name: (1, 2) for name, row in MECHANISMS.items() if row.standard and name != "graph"
}  # the inputs that have the keys
# a token that is key and query: NaN in its query is NaN in its output. Or the keys are no axis of an input
OTHER = {
    "self", "talking-heads", "alibi", "rotary", "t5", "relative", "adaptive", "convolutional",
    "graph", "tree", "bigbird", "interactive", "multi-scale", "multi-modal", "contrastive",
}  # fmt: skip


def mask_parameter(module):
    names = inspect.signature(module.forward).parameters
    return next((each for each in names if each in {"mask", "allowed", "keys_allowed"}), None)


def test_every_mechanism_with_a_mask_has_its_keys_here():
    masks = {"mask", "valid", "present"}
    for name, row in MECHANISMS.items():
        parameters = inspect.signature(row.build(WIDTH).forward).parameters
        has_mask = any(each in masks or each.endswith("allowed") for each in parameters)
        assert has_mask == (name in KEYS or name in OTHER), name


@pytest.fixture(params=KEYS)
def keyed(request):
    """A module, its inputs, the numbers of the inputs with keys, and a function from allowed keys to the mask argument."""
    torch.manual_seed(4)
    row = MECHANISMS[request.param]
    module = row.build(WIDTH).double().eval()
    inputs = [each.double() if each.is_floating_point() else each for each in row.inputs(B, WIDTH)]
    parameter = mask_parameter(module)
    if request.param == "masked":
        inputs = inputs[:-1]  # the last one is the mask

    def options(allowed):
        return {parameter: by_keys(allowed) if parameter == "mask" else allowed}

    return module, inputs, KEYS[request.param], options


def tensors_of(output):
    return output if isinstance(output, tuple) else (output,)


def results(function, inputs, at, *mask, **options):
    """Outputs, and gradients of the inputs `at` and of the parameters, in one list."""
    inputs = [each.detach().clone() for each in inputs]
    for number in at:
        if inputs[number].is_floating_point():
            inputs[number].requires_grad_()
    outputs = tensors_of(function(*inputs, *mask, **options))
    module = getattr(function, "__self__", function)
    leaves = [each for each in (*inputs, *module.parameters()) if each.requires_grad]
    total = sum(each.square().sum() for each in outputs)
    if not total.requires_grad:
        return list(outputs)
    return [*outputs, *torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)]


def hidden_last(inputs, at):
    """The last key of every row, and the first but one of the first row too."""
    axes = inputs[at[0]].shape[:-1]
    allowed = torch.ones(axes, dtype=torch.bool)
    allowed[..., -1] = False
    allowed[0, ..., 1] = False
    return allowed


@pytest.mark.parametrize("number", NUMBERS)
def test_nan_and_infinity_at_masked_keys_leave_outputs_and_gradients(keyed, number):
    module, inputs, at, options = keyed
    allowed = hidden_last(inputs, at)
    bad = list(inputs)
    for place in at:
        if inputs[place].is_floating_point():
            bad[place] = inputs[place].masked_fill(~allowed.unsqueeze(-1), number)
    for function in (module, module.weights):
        expected = results(function, inputs, at, **options(allowed))
        torch.testing.assert_close(results(function, bad, at, **options(allowed)), expected)


def test_masked_keys_at_the_end_change_nothing(keyed):
    module, inputs, at, options = keyed
    allowed = torch.ones(inputs[at[0]].shape[:-1], dtype=torch.bool)
    longer = list(inputs)
    for place in at:
        axis = -2 if inputs[place].is_floating_point() else -1
        longer[place] = torch.cat([inputs[place], inputs[place].narrow(axis, 0, 2)], axis)
    padded = torch.cat([allowed, torch.zeros_like(allowed[..., :2])], -1)
    whole = zip(
        tensors_of(module(*inputs, **options(allowed))), tensors_of(module(*longer, **options(padded))), strict=True
    )
    for output, other in whole:
        torch.testing.assert_close(other[tuple(map(slice, output.shape))], output)


def test_nan_behind_the_padding_of_a_long_window_of_several_heads():
    torch.manual_seed(7)
    module = MultiHead(4, heads=2)
    inputs = [torch.randn(1, 520, 4) for _ in range(3)]
    mask = window(3, 3) & within_lengths(torch.tensor([400]))
    bad = [inputs[0], *(torch.cat([each[:, :400], torch.full((1, 120, 4), torch.nan)], 1) for each in inputs[1:])]
    torch.testing.assert_close(results(module, bad, (1, 2), mask), results(module, inputs, (1, 2), mask))


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", [name for name, row in MECHANISMS.items() if row.standard] + ["tree", "bigbird"])
def test_nan_and_infinity_that_no_query_sees(name, number):
    """With a mask of queries and keys, in which some queries see nothing."""
    torch.manual_seed(7)
    module = MECHANISMS[name].build(WIDTH).double().eval()
    inputs = [each.double() for each in MECHANISMS[name].inputs(B, WIDTH)]
    tokens = inputs[0].shape[1]
    allowed = torch.rand(B, tokens, tokens) < 0.7
    allowed[:, :, 2], allowed[0, :, 4], allowed[:, 3] = False, False, False
    mask = Mask(lambda b, h, q, k: allowed[b, q, k])
    hidden = ~allowed.any(1).unsqueeze(-1)
    bad = [inputs[0], *(each.masked_fill(hidden, number) for each in inputs[1:])]
    for function in (module, module.weights):
        torch.testing.assert_close(results(function, bad, (1, 2), mask), results(function, inputs, (1, 2), mask))

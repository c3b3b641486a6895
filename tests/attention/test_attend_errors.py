"""Bad input of `attend` on every backend: wrong shapes and types, NaN behind masks, numbers out of range, empty rows."""

import pytest
import torch
from torch.nn import functional as F

from transduce.attention.attend import attend, attention_weights
from transduce.attention.mask import DenseMask, Mask
from transduce.attention.masks import causal, window, within_lengths
from transduce.attention.normalisers import Hard, Sigmoid, Softmax, SoftmaxWithSink, Sparsemax, TalkingHeads, TopK
from transduce.attention.scores import Additive, Cosine, FeatureKernel, General, ScaledDotProduct
from transduce.attention.scores import TalkingHeads as TalkingScores

B, H, L, S, E, V = 2, 4, 3, 5, 8, 6
BACKENDS = ["reference", "matmul", "sdpa"]
LENGTHS = torch.tensor([3, 4])


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


def tensors(key_heads=H, dtype=torch.float64):
    torch.manual_seed(3)
    shapes = [(B, H, L, E), (B, key_heads, S, E), (B, key_heads, S, V)]
    return [torch.randn(shape, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes]


# Shapes and types.


def test_a_mask_of_numbers(backend, as_users):
    additive = DenseMask(torch.zeros(1, 1, L, S))
    with pytest.raises(ValueError, match=r"needs the type bool, .* found torch.float32: add numbers .* as a bias"):
        attend(*tensors(), additive, backend=backend)
    with pytest.raises(ValueError, match=r"needs the type bool, .* found torch.int64"):
        attend(*tensors(), Mask(lambda b, h, q, k: q + k), backend=backend)


def test_a_tensor_as_a_mask(backend, as_users):
    with pytest.raises(ValueError, match=r"a Mask or a DenseMask, found Tensor: DenseMask\(tensor\)"):
        attend(*tensors(), torch.ones(L, S, dtype=torch.bool), backend=backend)


@pytest.mark.parametrize("shape", [(1, 1, L, S + 1), (1, 1, S, L), (3, 1, L, S), (1, 2, L, S), (L, S), (1, 1, 1, L, S)])
def test_a_mask_of_another_shape(backend, as_users, shape):
    message = r"must have the shape \(B, H, L, S\) = \(2, 4, 3, 5\), or 1 in the place of a size, found \(" + str(
        shape[0]
    )
    with pytest.raises(ValueError, match=message):
        attend(*tensors(), DenseMask(torch.ones(shape, dtype=torch.bool)), backend=backend)


def test_masks_may_have_one_place_for_all(backend):
    query, key, value = tensors()
    for shape in [(1, 1, 1, 1), (1, 1, 1, S), (B, 1, 1, S), (1, H, L, 1)]:
        mask = DenseMask(torch.ones(shape, dtype=torch.bool))
        torch.testing.assert_close(attend(query, key, value, mask, backend=backend), attend(query, key, value))


def test_heads_of_keys(backend, as_users):
    with pytest.raises(ValueError, match="heads of queries must be a multiple of heads of keys, found 4 and 3"):
        attend(*tensors(key_heads=3), backend=backend)


def test_widths(backend, as_users):
    query, key, value = tensors()
    with pytest.raises(
        ValueError, match="queries and keys of one width, found 8 and 7: the scores General and Additive"
    ):
        attend(query, key[..., 1:], value, backend=backend)
    score = General(E, E - 1).double()
    assert attend(query, key[..., 1:], value, score=score).shape == (B, H, L, V)


def test_lengths_heads_and_batches_of_keys_and_values(backend, as_users):
    query, key, value = tensors()
    for other in (value[:, :, 1:], value[:, :2], value[:1]):
        with pytest.raises(ValueError, match=r"one batch, number of heads and length, found \(2, 4, 5, 8\) and \("):
            attend(query, key, other, backend=backend)
    with pytest.raises(ValueError, match="queries and keys must be of one batch, found 1 and 2 rows"):
        attend(query[:1], key, value, backend=backend)
    with pytest.raises(
        ValueError, match=r"four axes .* found the shapes \(4, 3, 8\), \(2, 4, 5, 8\) and \(2, 4, 5, 6\)"
    ):
        attend(query[0], key, value, backend=backend)


def test_weights_have_the_same_checks(as_users):
    query, key, _ = tensors()
    with pytest.raises(ValueError, match="queries and keys of one width"):
        attention_weights(query, key[..., 1:])
    with pytest.raises(ValueError, match="must have the shape"):
        attention_weights(query, key, DenseMask(torch.ones(1, 1, S, S, dtype=torch.bool)))


@pytest.mark.parametrize("dropout", [-0.1, 1.0, 1.5, float("nan")])
def test_dropout(backend, dropout):
    with pytest.raises(ValueError, match="dropout must be at least 0 and below 1, found"):
        attend(*tensors(), dropout=dropout, backend=backend)


# Behind a mask.

NUMBERS = [torch.nan, torch.inf, -torch.inf]
HIDING = {
    "lengths": within_lengths(LENGTHS),
    "lengths and causal": within_lengths(LENGTHS) & causal(2),
    "each head": within_lengths(LENGTHS) & Mask(lambda b, h, q, k: (k + h) % 3 > 0),
    "an empty row": within_lengths(LENGTHS) & Mask(lambda b, h, q, k: q + k >= 2),
    "no key at all": within_lengths(LENGTHS) & Mask(lambda b, h, q, k: b + 0 * k > 0),
}


def results(inputs, mask, backend, **parts):
    """Output and gradients."""
    output = attend(*inputs, mask, backend=backend, **parts)
    return output, *torch.autograd.grad(output.square().sum(), inputs)


def spoilt(inputs, number):
    """`number` in place of keys and values beyond the lengths."""
    query, key, value = (each.detach().clone() for each in inputs)
    for row, length in enumerate(LENGTHS):
        key[row, :, length:], value[row, :, length:] = number, number
        key[row, :, length:, 1] = 1.0  # products with both signs
    return [each.requires_grad_() for each in (query, key, value)]


@pytest.mark.parametrize("name", HIDING)
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("key_heads", [H, 2, 1])
def test_nothing_comes_from_behind_a_mask(backend, name, number, key_heads):
    inputs = tensors(key_heads)
    ours = results(spoilt(inputs, number), HIDING[name], backend)
    for mine, other in zip(ours, results(inputs, HIDING[name], backend), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("number", NUMBERS)
def test_minus_infinity_in_keys_alone_leaves_gradients_finite(backend, number):
    query, key, value = tensors()
    bad = key.detach().clone()
    for row, length in enumerate(LENGTHS):
        bad[row, :, length:] = number
    positive = query.detach().abs().requires_grad_()  # all products have one sign
    ours = results([positive, bad.requires_grad_(), value], HIDING["lengths"], backend)
    for mine, other in zip(ours, results([positive, key, value], HIDING["lengths"], backend), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize(
    "parts",
    [
        {"score": Additive(E, E, 4)},
        {"score": Cosine(E)},
        {"score": General(E, E)},
        {"score": TalkingScores(H, ScaledDotProduct())},
        {"normalise": Sparsemax()},
        {"normalise": Sigmoid()},
        {"normalise": Hard()},
        {"normalise": TopK(2)},
        {"normalise": SoftmaxWithSink(H)},
        {"normalise": TalkingHeads(H, Softmax())},
    ],
    ids=lambda parts: type(next(iter(parts.values()))).__name__,
)
@pytest.mark.parametrize("number", NUMBERS)
def test_nor_through_other_scores_and_normalisers(parts, number):
    parts = {name: part.double() if isinstance(part, torch.nn.Module) else part for name, part in parts.items()}
    inputs = tensors()
    ours = results(spoilt(inputs, number), HIDING["lengths"], "reference", **parts)
    for mine, other in zip(ours, results(inputs, HIDING["lengths"], "reference", **parts), strict=True):
        torch.testing.assert_close(mine, other)


def test_nan_at_a_key_that_is_seen_shows(backend):
    query, key, value = tensors()
    bad = value.detach().clone()
    bad[0, 0, 0] = torch.nan
    output = attend(query, key, bad, within_lengths(LENGTHS), backend=backend)
    assert output[0, 0].isnan().all() and output[1].isfinite().all()


def test_hidden_keys_of_a_mask():
    mask = within_lengths(LENGTHS).written_out(B, H, L, S, "cpu")
    assert mask.hidden_keys[:, 0, :, 0].int().tolist() == [[0, 0, 0, 1, 1], [0, 0, 0, 0, 1]]
    assert causal().written_out(1, 1, S, S, "cpu").hidden_keys is None


# Numbers out of range, and rows without keys.


def agrees_with_float64(inputs, backend, dtype, mask=None, bias=None, **tolerances):
    half_bias = None if bias is None else bias.to(dtype)
    output = attend(*inputs, mask, bias=half_bias, backend=backend)
    assert output.dtype is dtype
    exact = attend(*(each.double() for each in inputs), mask, bias=bias, backend="reference")
    torch.testing.assert_close(output.double(), exact, **tolerances)
    assert all(each.isfinite().all() for each in torch.autograd.grad(output.float().sum(), inputs))


def test_scores_of_float16_beyond_its_range(backend):
    """Products up to 10^6, where float16 ends at 65504."""
    query, key, value = (each.detach() for each in tensors(dtype=torch.float16))
    inputs = [(400 * query).requires_grad_(), (400 * key).requires_grad_(), value.requires_grad_()]
    assert (inputs[0].double() @ inputs[1].double().mT).abs().max() > 4e5
    for mask in (None, *HIDING.values()):
        agrees_with_float64(inputs, backend, torch.float16, mask, atol=2e-3, rtol=2e-3)


def test_a_large_bias_does_not_reach_behind_a_mask_of_float16(backend):
    inputs = tensors(dtype=torch.float16)
    for number in (-60000.0, 60000.0):
        bias = torch.zeros(1, 1, L, S).double()
        bias[..., 3:] = number
        for mask in HIDING.values():
            agrees_with_float64(inputs, backend, torch.float16, mask, bias, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("key_heads", [H, 2])
@pytest.mark.parametrize("bias", [0.0, 1e4, -1e4])
def test_rows_without_keys_give_zeros(backend, dtype, key_heads, bias):
    inputs = tensors(key_heads, dtype)
    added = torch.full((1, H, L, S), bias, dtype=dtype)
    mask = Mask(lambda b, h, q, k: (q > 0) & (k >= 0))
    output = attend(*inputs, mask, bias=added, backend=backend)
    assert output.dtype is dtype and (output[:, :, 0] == 0).all() and (output[:, :, 1:] != 0).any()
    assert all(each.isfinite().all() for each in torch.autograd.grad(output.sum(), inputs))
    nothing = attend(*inputs, Mask(lambda b, h, q, k: (q < 0) & (k >= 0)), bias=added, backend=backend)
    assert (nothing == 0).all()
    assert all((each == 0).all() for each in torch.autograd.grad(nothing.sum(), inputs))


@pytest.mark.parametrize(
    "normalise", [Softmax(), Sparsemax(), Sigmoid(), Hard(), TopK(2), SoftmaxWithSink(H)], ids=type
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_rows_without_keys_give_zeros_with_every_normaliser(normalise, dtype):
    normalise = normalise.to(dtype) if isinstance(normalise, torch.nn.Module) else normalise
    output = attend(*tensors(dtype=dtype), HIDING["an empty row"], normalise=normalise)
    assert output.dtype is dtype and output.isfinite().all()
    assert (attend(*tensors(dtype=dtype), HIDING["no key at all"], normalise=normalise)[0] == 0).all()


def test_every_backend_agrees_with_pytorch_in_bfloat16(backend):
    inputs = tensors(dtype=torch.bfloat16)
    exact = F.scaled_dot_product_attention(*(each.double() for each in inputs))
    torch.testing.assert_close(attend(*inputs, backend=backend).double(), exact, atol=2e-2, rtol=2e-2)


def test_talking_heads_of_float16():
    inputs = tensors(dtype=torch.float16)
    parts = {"score": TalkingScores(H, ScaledDotProduct()).half(), "normalise": TalkingHeads(H, Softmax()).half()}
    exact = attend(*(each.double() for each in inputs))  # both begin as the identity
    torch.testing.assert_close(attend(*inputs, **parts).double(), exact, atol=2e-3, rtol=2e-3)


# The kernels of narrow windows and of sums over the keys.


@pytest.mark.parametrize("number", NUMBERS)
def test_nothing_comes_from_behind_the_mask_of_a_window(number):
    torch.manual_seed(3)
    inputs = [torch.randn(B, heads, 40, E).double().requires_grad_() for heads in (H, 2, 2)]
    mask = window(3, 1) & within_lengths(LENGTHS)
    ours = results(spoilt(inputs, number), mask, "windowed")
    for mine, other in zip(ours, results(inputs, mask, "reference"), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("backend", ["linear", "reference"])
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("key_heads", [H, 2])
def test_nothing_comes_from_behind_the_mask_of_a_sum(backend, number, key_heads):
    inputs = tensors(key_heads)
    ours = results(spoilt(inputs, number), HIDING["lengths"], backend, score=FeatureKernel())
    for mine, other in zip(ours, results(inputs, HIDING["lengths"], "reference", score=FeatureKernel()), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize(
    "mask", [None, causal(), within_lengths(torch.tensor([1990, 1]))], ids=["none", "causal", "keys"]
)
def test_sums_of_float16_beyond_its_range(mask):
    torch.manual_seed(3)
    inputs = [4 * torch.randn(2, 1, 2000, E).half() for _ in range(3)]
    output = attend(*inputs, mask, score=FeatureKernel())
    exact = attend(*(each.double() for each in inputs), mask, score=FeatureKernel())
    assert output.dtype is torch.float16
    torch.testing.assert_close(output.double(), exact, atol=5e-3, rtol=5e-3)

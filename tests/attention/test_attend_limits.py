"""`attend` at limits: no tokens, large numbers behind masks, names and sizes that do not exist."""

import pytest
import torch

from transduce.attention.attend import attend, attention_weights, explain
from transduce.attention.biases import AdaptiveSpan, LearnedBias, T5Buckets
from transduce.attention.mask import Mask
from transduce.attention.masks import causal, window, within_lengths
from transduce.attention.multihead import SelfAttention
from transduce.attention.normalisers import Entmax, Hard, Sigmoid, Softmax, SoftmaxWithSink, Sparsemax, TopK
from transduce.attention.scores import Cosine, LocationOnly, ScaledDotProduct, ShawRelative, SoftCapped

BACKENDS = ["reference", "matmul", "sdpa"]


@pytest.mark.parametrize("backend", [*BACKENDS, "windowed"])
@pytest.mark.parametrize("key_heads", [4, 2, 1])
@pytest.mark.parametrize("mask", [None, causal(), window(2, 1), within_lengths(torch.tensor([0, 0]))])
def test_no_tokens(backend, key_heads, mask):
    if backend == "windowed" and (mask is None or mask.band.window is None):
        return
    query, key = torch.zeros(2, 4, 0, 8), torch.zeros(2, key_heads, 0, 8)
    assert attend(query, key, key[..., :6], mask, backend=backend).shape == (2, 4, 0, 6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("key_heads", [4, 2, 1])
@pytest.mark.parametrize("mask", [None, causal(), within_lengths(torch.tensor([0, 0]))])
def test_no_queries_or_no_keys(backend, key_heads, mask):
    for queries, keys in ((0, 5), (3, 0)):
        query, key = torch.zeros(2, 4, queries, 8), torch.zeros(2, key_heads, keys, 8)
        output = attend(query, key, key[..., :6], mask, backend=backend)
        assert torch.equal(output, torch.zeros(2, 4, queries, 6))


@pytest.mark.parametrize(
    "normalise",
    [Softmax(), Sparsemax(), Entmax(), Entmax(1.2), Hard(), TopK(2), Sigmoid(), SoftmaxWithSink(4)],
    ids=type,
)
def test_no_keys_give_zeros_with_every_normaliser(normalise):
    query, key = torch.zeros(2, 4, 3, 8), torch.zeros(2, 4, 0, 8)
    assert torch.equal(attend(query, key, key, normalise=normalise), query)
    assert attention_weights(query, key, normalise=normalise).shape == (2, 4, 3, 0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    "mask", [causal() & within_lengths(torch.tensor([2])), causal(), within_lengths(torch.tensor([2]))]
)
def test_a_large_finite_key_behind_a_mask(backend, dtype, mask):
    """Its score is near the largest number of the format."""
    query, key = torch.ones(1, 1, 3, 1, dtype=dtype), torch.zeros(1, 1, 3, 1, dtype=dtype)
    key[:, :, 2] = 0.9 * torch.finfo(dtype).max
    value = torch.tensor([1.0, 1.0, 5.0], dtype=dtype).view(1, 1, 3, 1)
    output = attend(query, key, value, mask, score=ScaledDotProduct(1.0), backend=backend)
    assert output[0, 0, :2].flatten().tolist() == [1.0, 1.0]
    assert output[0, 0, 2].item() == (5.0 if mask.band.is_causal else 1.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_queries_of_a_long_row_that_see_its_last_keys_alone(dtype):
    """A fused kernel meets whole blocks of masked keys first."""
    torch.manual_seed(3)
    inputs = [torch.randn(1, 1, 700, 8, dtype=dtype).requires_grad_() for _ in range(3)]
    mask = Mask(lambda b, h, q, k: (k >= 690) & (q != 5))
    results = []
    for backend in ("sdpa", "reference"):
        output = attend(*inputs, mask, backend=backend)
        results.append([output, *torch.autograd.grad(output.sum(), inputs)])
    tolerances = {"atol": 5e-2, "rtol": 5e-2} if dtype is torch.bfloat16 else {"atol": 1e-4, "rtol": 1e-4}
    torch.testing.assert_close(*results, **tolerances)
    assert (results[0][0][:, :, 5] == 0).all()


def test_cosines_of_a_zero_vector_of_float16_are_0():
    key = torch.zeros(1, 1, 3, 4, dtype=torch.float16)
    key[0, 0, 0], query = 1.0, torch.ones(1, 1, 2, 4, dtype=torch.float16)
    scores = Cosine(4, fixed=2.0)(query, key)
    torch.testing.assert_close(scores[0, 0, 0], torch.tensor([2.0, 0.0, 0.0]).half(), atol=2e-3, rtol=0)
    assert attend(query, key, key, score=Cosine(4, fixed=2.0)).isfinite().all()


def test_an_unknown_backend(as_users):
    x = torch.zeros(1, 1, 4, 2)
    for call in (lambda: attend(x, x, x, backend="flash"), lambda: explain(x, x, backend="flash")):
        with pytest.raises(
            ValueError, match=r"a backend of attention is one of 'reference', .*'linear', found 'flash'"
        ):
            call()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: T5Buckets(1, buckets=2), "T5Buckets: buckets must be at least 4, found 2"),
        (lambda: T5Buckets(1, buckets=1, causal=True), "T5Buckets: buckets must be at least 2, found 1"),
        (lambda: T5Buckets(1, buckets=32, most=8), "T5Buckets: most must be at least 9, found 8"),
        (lambda: T5Buckets(1, buckets=32, most=16, causal=True), "T5Buckets: most must be at least 17, found 16"),
        (lambda: AdaptiveSpan(2, longest=0), "AdaptiveSpan: longest must be at least 1, found 0"),
        (lambda: AdaptiveSpan(2, longest=4, ramp=0), "AdaptiveSpan: ramp must be at least 1, found 0"),
        (lambda: LearnedBias(1, 0, 3), "LearnedBias: queries must be at least 1, found 0"),
        (lambda: LearnedBias(1, 3, -1), "LearnedBias: keys must be at least 1, found -1"),
        (lambda: ShawRelative(4, -1), "ShawRelative: reach must be at least 0, found -1"),
        (lambda: LocationOnly(4, 0), "LocationOnly: places must be at least 1, found 0"),
        (lambda: SelfAttention(8, 0), "heads must be at least 1, found 0"),
        (lambda: Cosine(4, fixed=0.0), "Cosine: the sharpness must be above 0 and finite, found 0.0"),
        (lambda: SoftCapped(ScaledDotProduct(), -1.0), "SoftCapped: the cap must be above 0 and finite, found -1.0"),
    ],
)
def test_sizes_out_of_range(build, message):
    with pytest.raises(ValueError, match=message):
        build()

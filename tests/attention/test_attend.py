"""All backends agree with the reference, with PyTorch and with the rules that every mechanism must keep."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from transduce.attention.attend import attend, attention_weights, explain
from transduce.attention.kernels import Plan, Request, plan
from transduce.attention.mask import Mask
from transduce.attention.masks import causal, within_lengths
from transduce.attention.scores import ScaledDotProduct

BACKENDS = ["reference", "matmul", "sdpa"]


@pytest.fixture
def qkv():
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 6)]
    return [torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes]


MASKS = {
    "none": None,
    "causal": causal(1),
    "lengths": within_lengths(torch.tensor([5, 2])),
    "both": causal(1) & within_lengths(torch.tensor([4, 3])),
    "empty row": Mask(lambda b, h, q, k: (q > 0) & (k >= 0)),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", MASKS)
def test_values_and_gradients_agree_with_pytorch(qkv, backend, name):
    query, key, value = qkv
    mask = MASKS[name]
    allowed = None if mask is None else mask.dense(2, 3, 4, 5)
    theirs = F.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
    ours = attend(query, key, value, mask, backend=backend)
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=1e-12)
    weight = torch.randn(ours.shape, dtype=torch.float64)
    for mine, other in zip(
        torch.autograd.grad((ours * weight).sum(), qkv), torch.autograd.grad((theirs * weight).sum(), qkv), strict=True
    ):
        torch.testing.assert_close(mine, other, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_query_without_any_key_gives_zeros_and_finite_gradients(qkv, backend):
    query, key, value = qkv
    out = attend(query, key, value, MASKS["empty row"], backend=backend)
    assert (out[:, :, 0] == 0).all() and (out[:, :, 1:] != 0).any()
    assert all(torch.isfinite(g).all() for g in torch.autograd.grad(out.sum(), qkv))


@pytest.mark.parametrize("backend", BACKENDS)
def test_masked_keys_have_no_influence_and_no_gradient(qkv, backend):
    query, key, value = qkv
    mask = within_lengths(torch.tensor([3, 3]))
    out = attend(query, key, value, mask, backend=backend)
    changed_key, changed_value = key.detach().clone(), value.detach().clone()
    changed_key[:, :, 3:], changed_value[:, :, 3:] = 1e3, -1e3
    torch.testing.assert_close(out, attend(query, changed_key, changed_value, mask, backend=backend))
    assert all((g[:, :, 3:] == 0).all() for g in torch.autograd.grad(out.sum(), [key, value]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_keys_with_their_values_and_mask_may_be_permuted(qkv, backend):
    query, key, value = qkv
    order = torch.tensor([3, 0, 4, 2, 1])
    before = attend(query, key, value, MASKS["both"], backend=backend)
    allowed = MASKS["both"].dense(2, 3, 4, 5)[..., order]
    permutation = Mask(lambda b, h, q, k: allowed[b, 0, q, k])
    torch.testing.assert_close(
        before, attend(query, key[:, :, order], value[:, :, order], permutation, backend=backend)
    )


def test_one_key_gives_its_value(qkv):
    query, key, value = qkv
    out = attend(query, key[:, :, :1], value[:, :, :1])
    torch.testing.assert_close(out, value[:, :, :1].expand_as(out))


def test_the_worked_example_of_two_saturated_heads():
    """One sentence, two heads of width 1, scale 1, no output map; computed by hand, each head sits on one key."""
    x = torch.tensor(
        [[-1, 2, -3, 4, -5], [6, -7, 8, -9, 10], [-11, 12, -13, 14, -15], [16, -17, 18, -19, 20]], dtype=torch.float64
    )
    w_q = torch.tensor([[0.1, -0.2, 0.3, -0.4, 0.5], [-0.6, 0.7, -0.8, 0.9, -1.0]], dtype=torch.float64)
    w_k = torch.tensor([[-1.1, 1.2, -1.3, 1.4, -1.5], [1.6, -1.7, 1.8, -1.9, 2.0]], dtype=torch.float64)
    w_v = torch.tensor([[2.1, -2.2, 2.3, -2.4, 2.5], [-2.6, 2.7, -2.8, 2.9, -3.0]], dtype=torch.float64)
    query, key, value = ((x @ w.t()).t()[None, :, :, None] for w in (w_q, w_k, w_v))  # (1, 2, 4, 1)
    assert query[0, :, :, 0].t().round(decimals=6).tolist() == [
        [-5.5, 13.0],
        [13.0, -33.0],
        [-20.5, 53.0],
        [28.0, -73.0],
    ]
    out = attend(query, key, value, score=ScaledDotProduct(scale=1.0))[0, :, :, 0].t()
    expected = torch.tensor([[208.0, -253], [-150.5, 183], [208, -253], [-150.5, 183]], dtype=torch.float64)
    torch.testing.assert_close(out, expected)


def test_other_scores_go_to_the_reference_and_a_forced_backend_refuses_them(qkv):
    query, key, value = qkv

    def negative_distance(q, k):
        return -torch.cdist(q, k)

    weights = negative_distance(query, key).softmax(-1)
    torch.testing.assert_close(attend(query, key, value, score=negative_distance), weights @ value)
    with pytest.raises(ValueError, match="'sdpa' cannot do this: the score is no scaled dot product"):
        attend(query, key, value, score=negative_distance, backend="sdpa")


def test_bias_is_added_to_the_scores(qkv):
    query, key, value = qkv
    bias = torch.randn(1, 3, 4, 5, dtype=torch.float64)
    theirs = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    for backend in BACKENDS:
        torch.testing.assert_close(attend(query, key, value, bias=bias, backend=backend), theirs)


def test_explain_says_which_kernel_computes_a_call_and_why(qkv):
    query, key, _ = qkv
    assert explain(query, key) == plan(Request(device="cpu", keys=5, dot_product=True, softmax=True, bytes=8))
    assert explain(query, key).backend == "matmul" and "at most 128 keys on a CPU" in explain(query, key).reason
    assert explain(query, key, score=lambda q, k: q @ k.mT) == Plan("reference", "the score is no scaled dot product")
    assert explain(query, key, backend="sdpa") == Plan("sdpa", "the caller sets it")


def test_the_plan_says_why():
    short = Request(device="cpu", keys=30, dot_product=True, softmax=True)
    assert plan(short).backend == "matmul"
    half = Request(device="cpu", keys=500, dot_product=True, softmax=True, bytes=2)
    assert plan(half).backend == "matmul" and plan(replace(half, bytes=4)).backend == "sdpa"
    assert plan(Request(device="cpu", keys=4096, dot_product=True, softmax=True)).backend == "sdpa"
    assert plan(Request(device="cuda", keys=30, dot_product=True, softmax=True)).backend == "sdpa"
    other = plan(Request(device="cpu", keys=30, dot_product=False, softmax=True))
    assert other.backend == "reference" and "no scaled dot product" in other.reason


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["none", "both"])
def test_dropped_weights_keep_the_mean(qkv, backend, name):
    """Over many draws the output is that without dropout, and single draws differ from it."""
    query, key, value = (part.detach().float() for part in qkv)
    torch.manual_seed(5)
    exact = attend(query, key, value, MASKS[name])
    draws = [attend(query, key, value, MASKS[name], dropout=0.4, backend=backend) for _ in range(3000)]
    torch.testing.assert_close(torch.stack(draws).mean(0), exact, atol=0.08, rtol=0.0)
    assert not torch.allclose(draws[0], exact, atol=1e-3)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [*MASKS, "each head"])
@pytest.mark.parametrize("key_heads", [1, 2])
def test_grouped_heads_are_repeated_keys_and_values(name, key_heads, backend):
    torch.manual_seed(6)
    query = torch.randn(2, 4, 4, 8, dtype=torch.float64, requires_grad=True)
    key, value = (torch.randn(2, key_heads, 5, 8, dtype=torch.float64, requires_grad=True) for _ in range(2))
    bias = torch.randn(1, 4, 4, 5, dtype=torch.float64)
    mask = Mask(lambda b, h, q, k: k <= q + h) if name == "each head" else MASKS[name]
    shared = [x.repeat_interleave(4 // key_heads, 1) for x in (key, value)]
    added = bias if mask is None else bias.masked_fill(~mask.dense(2, 4, 4, 5), -torch.inf)
    theirs = F.scaled_dot_product_attention(query, *shared, attn_mask=added).nan_to_num(0.0)
    ours = attend(query, key, value, mask, bias=bias, backend=backend)
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=1e-12)
    weights = attention_weights(query, key, mask, bias)
    torch.testing.assert_close(weights @ shared[1], theirs, atol=1e-12, rtol=1e-12)
    if name != "empty row":
        mine, other = (torch.autograd.grad(x.square().sum(), [query, key, value]) for x in (ours, theirs))
        for a, b in zip(mine, other, strict=True):
            torch.testing.assert_close(a, b, atol=1e-11, rtol=1e-11)

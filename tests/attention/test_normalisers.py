"""Each normaliser against its definition, and the rules that all of them keep."""

import pytest
import torch
from torch.nn import functional as F

from transduce.attention.normalisers import (
    Entmax,
    Hard,
    LearnedEntmax,
    Sigmoid,
    Softmax,
    SoftmaxWithSink,
    Sparsemax,
    TalkingHeads,
    TopK,
)

H, L, S = 2, 4, 6
SUM_TO_ONE = [
    Softmax(),
    Sparsemax(),
    Entmax(),
    Entmax(1.2),
    LearnedEntmax(H),
    Hard(),
    TopK(2),
    TalkingHeads(H, Softmax()),
]
EVERY = [*SUM_TO_ONE, Sigmoid(), SoftmaxWithSink(H)]


def name(part):
    return type(part).__name__


@pytest.fixture
def scores():
    torch.manual_seed(2)
    return torch.randn(3, H, L, S).double()


@pytest.mark.parametrize("part", EVERY, ids=name)
def test_masked_keys_have_no_weight_and_no_gradient(part, scores):
    part = part.double() if isinstance(part, torch.nn.Module) else part
    allowed = torch.rand(3, 1, L, S) < 0.6
    allowed[0, 0, 1] = False  # a row without keys
    leaf = scores.clone().requires_grad_()
    weights = part(leaf, allowed)
    assert (weights[~allowed.expand_as(weights)] == 0).all()
    assert weights.isfinite().all()
    (gradient,) = torch.autograd.grad((weights * torch.randn_like(weights)).sum(), leaf)
    assert gradient.isfinite().all() and (gradient[~allowed.expand_as(weights)] == 0).all()
    other = scores.masked_fill(~allowed, 1e9)  # whatever the masked scores are
    torch.testing.assert_close(part(other, allowed), weights)


@pytest.mark.parametrize("part", SUM_TO_ONE, ids=name)
def test_rows_sum_to_one_over_the_allowed_keys(part, scores):
    part = part.double() if isinstance(part, torch.nn.Module) else part
    allowed = torch.ones(L, S, dtype=torch.bool).tril()
    for mask in (None, allowed):
        weights = part(scores, mask)
        torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
        assert (weights >= 0).all()


@pytest.mark.parametrize("part", [Softmax(), Sparsemax(), Entmax(), Entmax(1.2), TopK(3), Hard()], ids=name)
def test_a_constant_in_a_row_changes_nothing(part, scores):
    torch.testing.assert_close(part(scores + 100.0, None), part(scores, None), atol=1e-9, rtol=1e-9)


def projection(row):
    """The nearest point of the simplex, by bisection of the threshold."""
    low, high = row.min() - 1, row.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if (row - middle).clamp(min=0).sum() > 1 else (low, middle)
    return (row - low).clamp(min=0)


def test_sparsemax_is_the_projection_onto_the_simplex(scores):
    weights = Sparsemax()(3 * scores, None)
    expected = torch.stack([projection(row) for row in (3 * scores).flatten(0, -2)]).view_as(scores)
    torch.testing.assert_close(weights, expected, atol=1e-12, rtol=0)
    assert (weights == 0).any()
    assert torch.autograd.gradcheck(lambda s: Sparsemax()(s, None), scores[0, 0].requires_grad_())
    assert Sparsemax()(torch.tensor([[1.0, 0.5, -1.0]]), None).tolist() == [[0.75, 0.25, 0.0]]


def test_sparsemax_is_one_hot_where_the_highest_score_leads_by_one():
    assert Sparsemax()(torch.tensor([[2.0, 1.0, 0.5]]), None).tolist() == [[1.0, 0.0, 0.0]]


def test_entmax_lies_between_softmax_and_sparsemax(scores):
    torch.testing.assert_close(Entmax(1 + 1e-5)(scores, None), scores.softmax(-1), atol=1e-4, rtol=0)
    zeros = [int((part(3 * scores, None) == 0).sum()) for part in (Entmax(1.2), Entmax(1.5), Sparsemax())]
    assert 0 < zeros[0] < zeros[1] < zeros[2]
    assert Entmax()(torch.tensor([[2.5, 0.5, 0.0]]), None).tolist() == [[1.0, 0.0, 0.0]]  # it leads by 1 / (alpha - 1)
    for part in (Entmax(), Entmax(1.2)):
        assert torch.autograd.gradcheck(lambda s, part=part: part(s, None), scores[0, 0].requires_grad_())
    with pytest.raises(ValueError, match=r"alpha above 1, found 1\.0; its limit 1 is the normaliser Softmax"):
        Entmax(1.0)


def test_entmax_with_a_learned_alpha(scores):
    part = LearnedEntmax(H).double()
    assert part.alpha().tolist() == [1.5, 1.5]
    torch.testing.assert_close(part(scores, None), Entmax(1.5)(scores, None))

    def output(raw):
        return torch.func.functional_call(part, {"raw": raw}, (scores, None))

    assert torch.autograd.gradcheck(output, torch.tensor([-0.5, 1.0]).double().requires_grad_())
    allowed = torch.ones(L, S, dtype=torch.bool)
    allowed[1] = False  # a row without keys
    (gradient,) = torch.autograd.grad(part(scores, allowed).square().sum(), part.raw)
    assert gradient.isfinite().all() and (gradient != 0).all()
    with torch.no_grad():
        part.raw.fill_(-1000.0)
    assert part(scores, None).isfinite().all() and part.alpha().tolist() == [1.01, 1.01]
    assert LearnedEntmax(1, 1.25).alpha().item() == pytest.approx(1.25)
    with pytest.raises(ValueError, match=r"must start between 1 and 2, found 2\.0"):
        LearnedEntmax(1, 2.0)


@pytest.mark.parametrize("part", [Entmax(), Entmax(1.2), LearnedEntmax(H)], ids=name)
def test_entmax_computes_low_precision_in_float32(part, scores):
    low = scores.bfloat16()
    weights = part(low, None)
    assert weights.dtype is torch.bfloat16
    assert torch.equal(weights, part(low.float(), None).bfloat16())


def test_hard_attention_has_the_gradient_of_softmax(scores):
    leaf, probe = scores.clone().requires_grad_(), torch.randn_like(scores)
    weights = Hard()(leaf, None)
    assert set(weights.detach().unique().tolist()) == {0.0, 1.0}
    assert torch.equal(weights.argmax(-1), scores.argmax(-1))
    (gradient,) = torch.autograd.grad((weights * probe).sum(), leaf)
    (soft,) = torch.autograd.grad((leaf.softmax(-1) * probe).sum(), leaf)
    torch.testing.assert_close(gradient, soft)


def test_sampled_hard_attention_draws_by_the_softmax():
    torch.manual_seed(5)
    scores = torch.tensor([0.0, 1.0, 2.0]).expand(1, 1, 20_000, 3)
    share = Hard(sample=True)(scores, None).mean(-2).flatten()
    torch.testing.assert_close(share, scores[0, 0, 0].softmax(-1), atol=0.012, rtol=0)


def test_top_k(scores):
    weights = TopK(2)(scores, None)
    assert ((weights > 0).sum(-1) == 2).all()
    best = scores.topk(2)
    torch.testing.assert_close(weights.gather(-1, best.indices), best.values.softmax(-1))
    torch.testing.assert_close(TopK(S)(scores, None), scores.softmax(-1))
    assert TopK(1)(torch.zeros(1, 3), None).tolist() == [[1.0, 0.0, 0.0]]


def test_a_sink_is_a_key_without_a_value(scores):
    part = SoftmaxWithSink(H).double()
    with torch.no_grad():
        part.sinks.copy_(torch.tensor([0.0, 1.5]))
    column = part.sinks[:, None, None].expand(3, H, L, 1)
    expected = torch.cat([scores, column], -1).softmax(-1)[..., :-1]
    torch.testing.assert_close(part(scores, None), expected)
    assert (part(scores, None).sum(-1) < 1).all()


def test_sigmoid(scores):
    torch.testing.assert_close(Sigmoid(-1.0)(scores, None), F.sigmoid(scores - 1))


def test_talking_heads_mix_weights(scores):
    part = TalkingHeads(H, Softmax()).double()
    torch.testing.assert_close(part(scores, None), scores.softmax(-1))
    with torch.no_grad():
        part.mixture.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    torch.testing.assert_close(part(scores, None), scores.softmax(-1).flip(1))


@pytest.mark.parametrize("part", EVERY, ids=name)
@pytest.mark.parametrize("number", [torch.nan, torch.inf])
def test_a_row_with_nan_is_nan_and_the_others_are_not(part, number, scores):
    part = part.double() if isinstance(part, torch.nn.Module) else part
    allowed = torch.ones(3, 1, L, S, dtype=torch.bool)
    allowed[0, 0, 1], allowed[:, :, 2, 3] = False, False  # a row without keys, and one masked key
    bad = scores.clone()
    bad[0, :, 0, 0], bad[0, :, 1:3, 3] = torch.nan, number
    leaf = bad.requires_grad_()
    weights = part(leaf, allowed)
    torch.testing.assert_close(weights[:, :, 1:], part(scores, allowed)[:, :, 1:])
    assert weights[0, :, 0].isnan().any(-1).all() and weights[1:].isfinite().all()
    (gradient,) = torch.autograd.grad(weights[:, :, 1:].square().sum(), leaf)
    assert isinstance(part, Sigmoid) or gradient[:, :, 1:].isfinite().all()
    assert part(torch.full_like(scores, torch.nan), None).isnan().any(-1).all()


@pytest.mark.parametrize("part", EVERY, ids=name)
@pytest.mark.parametrize("shape", [(3, H, L, 0), (3, H, 0, S), (0, H, L, S)])
def test_empty_scores_give_empty_weights(part, shape):
    leaf = torch.zeros(shape, requires_grad=True)
    weights = part(leaf, torch.ones(shape, dtype=torch.bool))
    assert weights.shape == part(leaf, None).shape == shape
    weights.sum().backward()


def test_sparsemax_of_low_precision_sums_to_one():
    torch.manual_seed(1)
    scores = (0.001 * torch.randn(8, 1000)).bfloat16()
    weights = Sparsemax()(scores, None)
    assert weights.dtype is torch.bfloat16
    assert torch.equal(weights, Sparsemax()(scores.float(), None).bfloat16())
    torch.testing.assert_close(weights.double().sum(-1), torch.ones(8).double(), atol=2e-3, rtol=0)


def test_second_derivatives_are_right_or_refused(scores):
    leaf = scores[:1].clone().requires_grad_()
    for part in (Softmax(), Sparsemax()):
        assert torch.autograd.gradgradcheck(lambda s, part=part: part(s, None), leaf)
    for part in (Entmax(), Entmax(1.2), LearnedEntmax(H).double()):
        with pytest.raises(RuntimeError, match="entmax has no second derivative: leave out create_graph=True"):
            torch.autograd.grad(part(leaf, None).square().sum(), leaf, create_graph=True)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_hard_attention_needs_a_temperature_above_0(temperature):
    with pytest.raises(ValueError, match="the temperature must be above 0 and finite, found"):
        Hard(temperature=temperature)


@pytest.mark.parametrize("count", [0, -1])
def test_top_k_needs_a_key(count):
    with pytest.raises(ValueError, match=f"count must be at least 1, found {count}"):
        TopK(count)

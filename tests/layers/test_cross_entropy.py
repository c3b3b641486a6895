"""The loss against F.cross_entropy: value and gradients, in one piece and in many."""

import pytest
import torch
from torch.nn import functional as F

from transduce.layers import cross_entropy
from transduce.layers.cross_entropy import linear_cross_entropy

PAD = 0


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(3)
    hidden = torch.randn(17, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(11, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(0, 11, (17,), generator=generator)
    targets[[0, 5, 16]] = PAD
    return hidden, weight, targets


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("piece", [1, 40, 1 << 22])
def test_agrees_with_pytorch(problem, smoothing, piece, monkeypatch):
    monkeypatch.setattr(cross_entropy, "LOGITS_AT_ONCE", piece)
    hidden, weight, targets = problem
    ours = linear_cross_entropy(hidden, weight, targets, smoothing, PAD)
    logits = hidden @ weight.t()
    theirs = F.cross_entropy(logits, targets, ignore_index=PAD, label_smoothing=smoothing, reduction="sum")
    plain = F.cross_entropy(logits, targets, ignore_index=PAD, reduction="sum")
    torch.testing.assert_close(ours.total, theirs)
    torch.testing.assert_close(ours.nll, plain)
    assert ours.tokens == 14 and not ours.nll.requires_grad
    mine = torch.autograd.grad(ours.total / 7, [hidden, weight])
    other = torch.autograd.grad(theirs / 7, [hidden, weight])
    for a, b in zip(mine, other, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_tokens_without_smoothing_keep_only_the_weight_of_targets(problem, smoothing):
    """F.cross_entropy with the distributions written out: those tokens have 1 - smoothing as targets, else nothing."""
    hidden, weight, targets = problem
    without = [0, 3, 4, 10]
    ours = linear_cross_entropy(hidden, weight, targets, smoothing, PAD, without)
    own = targets != PAD
    expected = F.one_hot(targets[own], 11).double() * (1 - smoothing)
    expected[:, [token for token in range(11) if token not in without]] += smoothing / 7
    theirs = F.cross_entropy((hidden @ weight.t())[own], expected, reduction="sum")
    torch.testing.assert_close(ours.total, theirs)
    mine, other = (torch.autograd.grad(loss, [hidden, weight]) for loss in (ours.total, theirs))
    for a, b in zip(mine, other, strict=True):
        torch.testing.assert_close(a, b)


def test_gradcheck(problem):
    hidden, weight, targets = problem
    assert torch.autograd.gradcheck(lambda h, w: linear_cross_entropy(h, w, targets, 0.1, PAD).total, [hidden, weight])


def test_certain_and_hopeless_targets_stay_finite():
    hidden = torch.eye(2) * 300.0
    weight = torch.eye(2, requires_grad=True)
    result = linear_cross_entropy(hidden, weight, torch.tensor([0, 0]), 0.0, 1)
    torch.testing.assert_close(result.total, torch.tensor(300.0))
    result.total.backward()
    assert torch.isfinite(weight.grad).all()


def test_in_bfloat16_it_is_close_to_float32(problem):
    hidden, weight, targets = (t.detach() for t in problem)
    wide = linear_cross_entropy(hidden.float(), weight.float(), targets, 0.1, PAD)
    narrow = linear_cross_entropy(hidden.bfloat16(), weight.bfloat16(), targets, 0.1, PAD)
    assert narrow.total.dtype == torch.float32
    assert narrow.total.item() == pytest.approx(wide.total.item(), rel=0.02)


def test_in_bfloat16_what_is_nearly_certain_is_told_from_what_is_certain():
    """The target's probability is 0.97929, whose nearest bfloat16 number is 6 % off in its distance to 1."""
    hidden = torch.full((1, 2), 2.0, dtype=torch.bfloat16, requires_grad=True)
    weight = torch.zeros(64, 2, dtype=torch.bfloat16)
    weight[5] = 2.0
    result = linear_cross_entropy(hidden, weight, torch.tensor([5]), 0.0, PAD)
    result.total.backward()
    exact = hidden.detach().double().requires_grad_()
    expected = F.cross_entropy(exact @ weight.double().t(), torch.tensor([5]))
    expected.backward()
    assert result.total.item() == result.nll.item() == pytest.approx(expected.item(), rel=0.01)
    torch.testing.assert_close(hidden.grad.double(), exact.grad, rtol=0.01, atol=0.0)

"""One training step: R-Drop against autograd on its definition."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from transduce.layers.divergence import symmetric_divergence
from transduce.networks.heads import VocabularyHead
from transduce.tasks.tokens import IGNORE, token_loss
from transduce.training.losses import Loss
from transduce.training.training_step import TrainingStep, consistent


def inputs(tokens=23, width=6, vocabulary=11):
    torch.manual_seed(2)
    first, second = (torch.randn(tokens, width, requires_grad=True) for _ in range(2))
    weight = torch.randn(vocabulary, width, requires_grad=True)
    targets = torch.randint(0, vocabulary, (tokens,))
    targets[3] = IGNORE
    return first, second, weight, targets


def by_definition(first, second, weight, targets, smoothing, alpha):
    included = targets != IGNORE
    total = 0.0
    for hidden in (first, second):
        total = total + F.cross_entropy(
            hidden @ weight.t(), targets, ignore_index=IGNORE, label_smoothing=smoothing, reduction="sum"
        )
    logs = [F.log_softmax(hidden @ weight.t(), -1)[included] for hidden in (first, second)]
    there = F.kl_div(logs[1], logs[0], log_target=True, reduction="sum")
    back = F.kl_div(logs[0], logs[1], log_target=True, reduction="sum")
    return total / 2 + alpha / 2 * (there + back) / 2


@pytest.mark.parametrize("piece", [1 << 22, 50])  # 50 logits at once: many pieces
def test_loss_and_gradients_are_those_of_the_definition(piece, monkeypatch):
    monkeypatch.setattr("transduce.layers.divergence.LOGITS_AT_ONCE", piece)
    first, second, weight, targets = inputs()
    head = VocabularyHead(weight.shape[1], len(weight))
    head.vocabulary.weight = nn.Parameter(weight.detach())
    weight = head.vocabulary.weight
    passes = [token_loss(head, hidden[None], targets[None], 0.1) for hidden in (first, second)]
    ours = consistent(*passes, alpha=5.0)
    gradients = torch.autograd.grad(ours.total * 0.3, (first, second, weight))
    expected = by_definition(first, second, weight, targets, 0.1, 5.0)
    expected_gradients = torch.autograd.grad(expected * 0.3, (first, second, weight))
    torch.testing.assert_close(ours.total, expected)
    assert ours.weight == (targets != IGNORE).sum()
    torch.testing.assert_close(ours.shown["nll"], (passes[0].shown["nll"] + passes[1].shown["nll"]) / 2)
    for one, other in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_equal_passes_are_not_apart():
    first, _, weight, targets = inputs()
    assert symmetric_divergence(first, first.detach(), weight, targets != IGNORE).abs() < 1e-6


@dataclass(frozen=True)
class Numbers:
    """Outputs with a divergence that is easy to follow."""

    value: torch.Tensor

    def divergence(self, other) -> torch.Tensor:
        return (self.value - other.value).square().sum()


def test_a_step_takes_one_pass_and_with_r_drop_two_with_other_dropout():
    network, passes = nn.Dropout(0.5), []

    def loss(network: nn.Module, batch: torch.Tensor, smoothing: float) -> Loss:
        value = network(batch)
        passes.append((value, smoothing))
        return Loss(value.sum(), len(batch), {"nll": value.sum()}, Numbers(value))

    batch = torch.ones(100)
    assert TrainingStep(network, loss, 0.2)(batch).total == passes[0][0].sum() and len(passes) == 1
    both = TrainingStep(network, loss, 0.2, r_drop=3.0)(batch)
    (first, _), (second, _) = passes[1:]
    assert not torch.equal(first, second) and {smoothing for _, smoothing in passes} == {0.2}
    expected = (first.sum() + second.sum()) / 2 + 1.5 * (first - second).square().sum()
    torch.testing.assert_close(both.total, expected)
    assert both.weight == 100


def test_r_drop_of_a_task_without_distributions_is_refused():
    def loss(network: nn.Module, batch: torch.Tensor, smoothing: float) -> Loss:
        return Loss(network(batch).sum(), 1, {})

    with pytest.raises(ValueError, match=r"training\.r-drop compares the distributions of two passes"):
        TrainingStep(nn.Identity(), loss, r_drop=1.0)(torch.ones(2))

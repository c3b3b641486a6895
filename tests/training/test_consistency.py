"""R-Drop against autograd on its definition."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transduce.training.consistency import consistent_cross_entropy

from transduce.layers.divergence import symmetric_divergence
from transduce.networks.heads import VocabularyHead

PADDING = 0


def inputs(tokens=23, width=6, vocabulary=11):
    torch.manual_seed(2)
    first, second = (torch.randn(tokens, width, requires_grad=True) for _ in range(2))
    weight = torch.randn(vocabulary, width, requires_grad=True)
    targets = torch.randint(0, vocabulary, (tokens,))
    targets[3] = PADDING
    return first, second, weight, targets


def by_definition(first, second, weight, targets, smoothing, alpha):
    counted = targets != PADDING
    total = 0.0
    for hidden in (first, second):
        total = total + F.cross_entropy(
            hidden @ weight.t(), targets, ignore_index=PADDING, label_smoothing=smoothing, reduction="sum"
        )
    logs = [F.log_softmax(hidden @ weight.t(), -1)[counted] for hidden in (first, second)]
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
    ours = consistent_cross_entropy(head, first, second, targets, 0.1, PADDING, 5.0)
    found = torch.autograd.grad(ours.loss * 0.3, (first, second, weight))
    expected = by_definition(first, second, weight, targets, 0.1, 5.0)
    wanted = torch.autograd.grad(expected * 0.3, (first, second, weight))
    torch.testing.assert_close(ours.loss, expected)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_equal_passes_are_not_apart():
    first, _, weight, targets = inputs()
    assert symmetric_divergence(first, first.detach(), weight, targets != PADDING).abs() < 1e-6

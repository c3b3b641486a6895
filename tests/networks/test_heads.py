"""Heads: their losses by definition, means over own tokens, and the matrices that are not heads."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from transduce.layers import cross_entropy
from transduce.networks.heads import ClassHead, NumberHead, VocabularyHead, inner_matrices
from transduce.networks.presets import encoder_only_tiny, transformer_tiny


def test_vocabulary_head_loss_and_divergence():
    torch.manual_seed(0)
    head = VocabularyHead(6, 11).double()
    one, other = torch.randn(2, 9, 6).double()
    targets = torch.randint(1, 11, (9,))
    targets[4] = 0
    loss = head.loss(one, targets, 0.1, 0)
    expected = F.cross_entropy(head.logits(one), targets, ignore_index=0, label_smoothing=0.1, reduction="sum")
    torch.testing.assert_close(loss[0], expected)
    torch.testing.assert_close(loss[1], F.cross_entropy(head(one), targets, ignore_index=0, reduction="sum"))
    assert loss[2] == 8
    p, q = (head.logits(hidden)[targets != 0].log_softmax(-1) for hidden in (one, other))
    symmetric = (
        F.kl_div(q, p, log_target=True, reduction="sum") + F.kl_div(p, q, log_target=True, reduction="sum")
    ) / 2
    torch.testing.assert_close(head.divergence(one, other, targets, 0).double(), symmetric, atol=1e-5, rtol=1e-5)


def test_a_tied_head_has_no_weights_of_its_own():
    embedding = nn.Embedding(11, 6)
    head = VocabularyHead(6, 11, embedding)
    assert head.vocabulary.weight is embedding.weight
    network = transformer_tiny().build(11)
    assert not any(name.startswith("head") for name, _ in network.named_parameters())


def test_logits_in_pieces(monkeypatch):
    monkeypatch.setattr(cross_entropy, "LOGITS_AT_ONCE", 30)
    monkeypatch.setattr("transduce.networks.heads.LOGITS_AT_ONCE", 30)
    head, hidden = VocabularyHead(6, 11), torch.randn(7, 6)
    pieces = list(head.logits_in_pieces(hidden))
    assert [len(piece) for piece in pieces] == [2, 2, 2, 1]
    torch.testing.assert_close(torch.cat(pieces), head.logits(hidden))


def test_classes_and_numbers_come_from_the_mean_over_own_tokens():
    hidden, lengths = torch.randn(3, 4, 6), torch.tensor([4, 1, 2])
    hidden[1, 1:], hidden[2, 2:] = torch.nan, 1e9  # padding must not matter
    means = torch.stack([row[:length].mean(0) for row, length in zip(hidden, lengths, strict=True)])
    classes, number = ClassHead(6, 5), NumberHead(6)
    torch.testing.assert_close(classes.logits(hidden, lengths), means @ classes.classes.weight.t())
    torch.testing.assert_close(number(hidden, lengths), (means @ number.number.weight.t())[:, 0])


@pytest.mark.parametrize("source_vocabulary", [None, 13])
def test_inner_matrices_are_neither_embeddings_nor_heads(source_vocabulary):
    network = transformer_tiny().build(11, source_vocabulary)
    names = inner_matrices(network)
    parameters = dict(network.named_parameters())
    assert names < parameters.keys() and all(parameters[name].ndim == 2 for name in names)
    assert len(names) == 2 * (2 + 2) + 2 * (2 + 2 + 2)  # packed, output; those of the cross-attention; inner, outer
    outside = {name for name in parameters if parameters[name].ndim == 2} - names
    tables = {"target_embedding.weight"} | ({"source_embedding.weight"} if source_vocabulary else set())
    assert outside == tables
    classifier = encoder_only_tiny().build(11, ClassHead(64, 3))
    assert not any(name.startswith("head") for name in inner_matrices(classifier))

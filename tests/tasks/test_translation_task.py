"""Rows to batches, and losses of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from transduce.networks.presets import transformer_tiny
from transduce.tasks.translation import batch_of, first_choices, loss, padded, token_log_probabilities

SOURCE = [np.array([17, 4, 9], dtype=np.int32), np.array([5], dtype=np.int32)]
TARGET = [np.array([5, 8], dtype=np.int32), np.array([6, 7, 9], dtype=np.int32)]


@pytest.fixture
def network():
    torch.manual_seed(0)
    return replace(transformer_tiny(), dropout=0.0).build(20).double()


def test_padded_as_its_docstring_says():
    assert padded([[5, 8], [7]], (), (3,)).tolist() == [[5, 8, 3], [7, 3, 0]]
    assert padded([[5, 8], []], (2,), ()).tolist() == [[2, 5, 8], [2, 0, 0]]


def test_a_batch():
    batch = batch_of(SOURCE, TARGET)
    assert batch.source.tolist() == [[17, 4, 9, 3], [5, 3, 0, 0]] and batch.lengths.tolist() == [4, 2]
    assert batch.target_in.tolist() == [[2, 5, 8, 0], [2, 6, 7, 9]]
    assert batch.target_out.tolist() == [[5, 8, 3, 0], [6, 7, 9, 3]]


def test_the_loss_is_cross_entropy_over_what_is_no_padding(network):
    batch = batch_of(SOURCE, TARGET)
    logits = network.head.logits(network(batch.source, batch.lengths, batch.target_in))
    found = loss(network, batch, 0.1)
    expected = F.cross_entropy(
        logits.flatten(0, 1), batch.target_out.flatten(), ignore_index=0, label_smoothing=0.1, reduction="sum"
    )
    torch.testing.assert_close(found.loss, expected)
    assert found.tokens == 7


def test_losses_of_pairs_add_up_whatever_they_are_batched_with(network):
    together = loss(network, batch_of(SOURCE, TARGET), 0.0).nll
    apart = sum(loss(network, batch_of([s], [t]), 0.0).nll for s, t in zip(SOURCE, TARGET, strict=True))
    torch.testing.assert_close(together, apart)


def test_log_probabilities_sum_to_the_loss(network):
    batch = batch_of(SOURCE, TARGET)
    found = token_log_probabilities(network.float().eval(), batch)
    assert [len(row) for row in found] == [3, 4]
    assert -sum(map(sum, found)) == pytest.approx(loss(network, batch, 0.0).nll.item(), rel=1e-5)


def test_first_choices_are_the_most_probable_tokens(network):
    network.eval()
    batch = batch_of(SOURCE, TARGET)
    found = first_choices(network, batch)
    assert [len(sure) for sure, _ in found] == [3, 4]
    for row, (sure, right) in enumerate(found):
        for place, (confidence, hit) in enumerate(zip(sure, right, strict=True)):
            prefix = batch.target_in[row : row + 1, : place + 1]
            hidden = network(batch.source[row : row + 1], batch.lengths[row : row + 1], prefix)[0, -1]
            probability, choice = network.head.logits(hidden).softmax(0).max(0)
            assert confidence == pytest.approx(probability.item(), rel=1e-5)
            assert hit == (choice == batch.target_out[row, place]).item()
    with pytest.raises(ValueError, match="training mode"):
        first_choices(network.train(), batch)

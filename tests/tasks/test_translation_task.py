"""Rows to batches, and losses of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.networks.config import DecoderOnlyConfig
from transduce.networks.presets import transformer_tiny
from transduce.tasks.tokens import IGNORE, padded
from transduce.tasks.translation import TRANSLATION, pair_batch, token_log_probabilities
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train

SOURCE = [np.array([17, 4, 9], dtype=np.int32), np.array([5], dtype=np.int32)]
TARGET = [np.array([5, 8], dtype=np.int32), np.array([6, 7, 9], dtype=np.int32)]
WORDS = TokenizerConfig(kind="words", vocabulary=20)
TOKENIZER = train([" ".join("abcdefghijklmnop")], WORDS, WORDS)
PROCESSORS = Processors({"source": TOKENIZER, "target": TOKENIZER})


@pytest.fixture
def network():
    torch.manual_seed(0)
    return TRANSLATION.network(replace(transformer_tiny(), dropout=0.0), PROCESSORS).double()


def test_padded_as_its_docstring_says():
    assert padded([[5, 8], [7]], (), (3,), 0).tolist() == [[5, 8, 3], [7, 3, 0]]
    assert padded([[5, 8], []], (2,), (), IGNORE).tolist() == [[2, 5, 8], [2, IGNORE, IGNORE]]


def test_a_batch():
    batch = pair_batch(SOURCE, TARGET, PROCESSORS)
    assert batch.source.tolist() == [[17, 4, 9, 3], [5, 3, 0, 0]] and batch.lengths.tolist() == [4, 2]
    assert batch.target_in.tolist() == [[2, 5, 8, 0], [2, 6, 7, 9]]
    assert batch.target_out.tolist() == [[5, 8, 3, IGNORE], [6, 7, 9, 3]]
    of_rows = TRANSLATION.batch(Rows(0, 0, {"source": SOURCE, "target": TARGET}, np.arange(2)), PROCESSORS, seed=1)
    assert all(torch.equal(tensor, vars(batch)[name]) for name, tensor in vars(of_rows).items())


def test_the_cost_of_a_pair_counts_the_end_tokens():
    costs = TRANSLATION.cost({"source": np.array([3, 1]), "target": np.array([2, 3])})
    assert costs.main.tolist() == [3, 4] and costs.other.tolist() == [4, 2]


def test_the_loss_is_cross_entropy_over_what_is_no_padding(network):
    batch = pair_batch(SOURCE, TARGET, PROCESSORS)
    logits = network.head.logits(network(batch.source, batch.lengths, batch.target_in))
    loss = TRANSLATION.loss(network, batch, 0.1)
    own = batch.target_out != IGNORE
    spread = torch.ones(TOKENIZER.size).double()
    spread[[TOKENIZER.pad, TOKENIZER.unknown, TOKENIZER.start]] = 0.0  # these have no text
    targets = 0.9 * F.one_hot(batch.target_out[own], TOKENIZER.size) + 0.1 * spread / spread.sum()
    expected = F.cross_entropy(logits[own], targets, reduction="sum")
    torch.testing.assert_close(loss.total, expected)
    assert loss.weight == 7


def test_smoothing_gives_bytes_that_the_targets_lack_no_probability():
    """Trained on one target, the model draws its piece or, by smoothing, another piece of text; never a byte."""
    config = TokenizerConfig(kind="characters", vocabulary=300)
    letters = train(["abcdefg"], config, config)
    processors = Processors({"source": letters, "target": letters})
    torch.manual_seed(0)
    network = TRANSLATION.network(replace(transformer_tiny(), dropout=0.0), processors)
    optimiser = torch.optim.Adam(network.parameters(), 2e-2)
    batch = pair_batch([letters.encode("ab")], [letters.encode("a")], processors)
    for _ in range(10):
        optimiser.zero_grad()
        TRANSLATION.loss(network, batch, 0.4).total.backward()
        optimiser.step()
    logits = network.head.logits(network(batch.source, batch.lengths, batch.target_in))
    probabilities = logits[0, 0].softmax(-1)
    assert probabilities[letters.spelling_ids()].sum() < 0.02
    assert probabilities[letters.encode("bcdefg")].sum() > 0.2


def test_losses_of_pairs_add_up_whatever_they_are_batched_with(network):
    def nll(source, target):
        return TRANSLATION.loss(network, pair_batch(source, target, PROCESSORS), 0.0).shown["nll"]

    apart = sum(nll([s], [t]) for s, t in zip(SOURCE, TARGET, strict=True))
    torch.testing.assert_close(nll(SOURCE, TARGET), apart)


def test_log_probabilities_sum_to_the_loss(network):
    batch = pair_batch(SOURCE, TARGET, PROCESSORS)
    values = token_log_probabilities(network.float().eval(), batch)
    assert [len(row) for row in values] == [3, 4]
    nll = TRANSLATION.loss(network, batch, 0.0).shown["nll"]
    assert -sum(map(sum, values)) == pytest.approx(nll.item(), rel=1e-5)
    with pytest.raises(ValueError, match="training mode"):
        token_log_probabilities(network.train(), batch)


def test_logits_are_those_after_the_right_tokens_before(network):
    network.eval()
    batch = pair_batch(SOURCE, TARGET, PROCESSORS)
    ((logits, targets),) = TRANSLATION.logits_and_targets(network, batch)
    assert len(logits) == len(targets) == 3 + 4
    places = [(row, place) for row, count in enumerate([3, 4]) for place in range(count)]
    for number, (row, place) in enumerate(places):
        prefix = batch.target_in[row : row + 1, : place + 1]
        hidden = network(batch.source[row : row + 1], batch.lengths[row : row + 1], prefix)[0, -1]
        torch.testing.assert_close(logits[number], network.head.logits(hidden), rtol=1e-5, atol=1e-5, check_dtype=False)
        assert targets[number] == batch.target_out[row, place]


def test_a_network_that_does_not_fit_is_named_with_the_task():
    with pytest.raises(
        ValueError, match="needs an encoder-decoder, recurrent or convolutional network, found decoder-only"
    ):
        TRANSLATION.network(DecoderOnlyConfig(), PROCESSORS)

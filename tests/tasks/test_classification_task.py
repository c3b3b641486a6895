"""The classification task: batches, losses and predictions."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from transduce.data.columns import Labels
from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.decoding.config import Generation
from transduce.models.folder import ModelConfig
from transduce.models.model import Model
from transduce.networks.config import DecoderOnlyConfig, EncoderOnlyConfig
from transduce.tasks.classification import Classification, ClassOutputs
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train

CHARACTERS = TokenizerConfig(kind="characters", vocabulary=300)
TOKENIZER = train(["good and fine", "bad and ugly"] * 3, CHARACTERS, CHARACTERS)
PROCESSORS = Processors({"text": TOKENIZER, "label": Labels(("bad", "good", "neutral"))})
SMALL = EncoderOnlyConfig(d_model=16, heads=2, feed_forward=32, layers=2)


def test_rows_are_cut_and_framed() -> None:
    task = Classification(max_tokens=5)
    texts, labels = TOKENIZER.encode_batch(["good and fine", "bad"]), [[1], [0]]
    encoded = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    rows = list(task.rows(iter(encoded), PROCESSORS))
    assert [len(row["text"]) for row in rows] == [3, 3]
    columns = {name: [np.array(row[name]) for row in rows] for name in ("text", "label")}
    batch = task.batch(Rows(0, 0, columns, np.arange(2)), PROCESSORS, seed=1)
    assert batch.tokens.shape == (2, 5) and batch.classes.tolist() == [1, 0]
    assert set(batch.tokens[:, 0].tolist()) == {TOKENIZER.start}
    assert set(batch.tokens[:, -1].tolist()) == {TOKENIZER.end}
    costs = task.cost({"text": np.array([3, 3]), "label": np.array([1, 1])})
    assert costs.main.tolist() == [5, 5]


def test_the_loss_is_that_of_torch() -> None:
    task = Classification()
    network = task.network(SMALL, PROCESSORS).eval()
    columns = {
        "text": [np.array(TOKENIZER.encode(t)) for t in ("good", "bad and ugly")],
        "label": [np.array([1]), np.array([0])],
    }
    batch = task.batch(Rows(0, 0, columns, np.arange(2)), PROCESSORS, seed=1)
    loss = task.loss(network, batch, 0.1)
    logits = network.head(network(batch.tokens, batch.lengths), batch.lengths)
    expected = F.cross_entropy(logits, batch.classes, reduction="sum", label_smoothing=0.1)
    assert loss.weight == 2 and loss.total.item() == pytest.approx(expected.item(), rel=1e-5)
    plain = F.cross_entropy(logits, batch.classes, reduction="sum")
    assert loss.shown["nll"].item() == pytest.approx(plain.item(), rel=1e-5)
    assert loss.outputs is not None and loss.outputs.divergence(loss.outputs).item() == 0


def test_predictions_come_in_input_order_whatever_the_lengths() -> None:
    task = Classification()
    network = task.network(SMALL, PROCESSORS).eval()
    model = Model(ModelConfig(task, SMALL), network, PROCESSORS, Generation())
    texts = ["good", "bad and ugly and bad and ugly", "", "fine"]
    together = model.predict(texts)
    alone = [model.predict([{"text": text}])[0] for text in texts]
    assert [each.text for each in together] == [each.text for each in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.confidence == pytest.approx(other.confidence, abs=1e-6)
        assert sum(dict(one.probabilities).values()) == pytest.approx(1)
        assert one.confidence == max(dict(one.probabilities).values())


def test_a_network_that_does_not_fit_is_named_with_the_task() -> None:
    with pytest.raises(ValueError, match="classification needs an encoder-only network, found decoder-only"):
        Classification().network(DecoderOnlyConfig(), PROCESSORS)


def test_the_divergence_of_two_passes_is_that_of_torch() -> None:
    torch.manual_seed(0)
    first, second = torch.randn(5, 3), torch.randn(5, 3)
    logs = first.log_softmax(-1), second.log_softmax(-1)
    there = F.kl_div(logs[1], logs[0], log_target=True, reduction="sum")
    back = F.kl_div(logs[0], logs[1], log_target=True, reduction="sum")
    torch.testing.assert_close(ClassOutputs(first).divergence(ClassOutputs(second)), (there + back) / 2)


def test_logits_are_those_of_the_predictions() -> None:
    task = Classification()
    network = task.network(SMALL, PROCESSORS).eval()
    texts = ["good", "bad and ugly", "fine"]
    columns = {"text": TOKENIZER.encode_batch(texts), "label": [[1], [0], [2]]}
    rows = {name: [np.array(row) for row in values] for name, values in columns.items()}
    ((logits, targets),) = task.logits_and_targets(
        network, task.batch(Rows(0, 0, rows, np.arange(3)), PROCESSORS, seed=1)
    )
    best = logits.softmax(-1).max(-1)
    predictions = Model(ModelConfig(task, SMALL), network, PROCESSORS, Generation()).predict(texts)
    assert best.values.tolist() == pytest.approx([each.confidence for each in predictions], abs=1e-6)
    labels = PROCESSORS.labels("label").names
    assert [labels[place] for place in best.indices.tolist()] == [each.text for each in predictions]
    assert targets.tolist() == [1, 0, 2]

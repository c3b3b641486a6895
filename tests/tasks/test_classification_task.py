"""The classification task: batches, losses and predictions."""

from types import SimpleNamespace

import numpy as np
import pytest
from torch.nn import functional as F

from transduce.data.loader import Rows
from transduce.data.processors import Labels, Processors
from transduce.data.records import Record
from transduce.networks.config import DecoderOnlyConfig, EncoderOnlyConfig
from transduce.tasks.classification import Classification
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train

TOKENIZER = train(["good and fine", "bad and ugly"] * 3, TokenizerConfig("characters", 300))
PROCESSORS = Processors({"text": TOKENIZER, "label": Labels(("bad", "good", "neutral"))})
SMALL = EncoderOnlyConfig(d_model=16, heads=2, feed_forward=32, layers=2)


def test_rows_are_cut_and_framed() -> None:
    task = Classification(max_tokens=5)
    records = [
        Record({"text": "good and fine", "label": "good"}, "a:1"),
        Record({"text": "bad", "label": "bad"}, "a:2"),
    ]
    rows = list(task.rows(iter(records), PROCESSORS))
    assert [len(row["text"]) for row in rows] == [3, 3]
    columns = {name: [np.array(row[name]) for row in rows] for name in ("text", "label")}
    batch = task.batch(Rows(0, 0, columns, np.arange(2)), PROCESSORS, seed=1)
    assert batch.tokens.shape == (2, 5) and batch.classes.tolist() == [1, 0]
    assert set(batch.tokens[:, 0].tolist()) == {TOKENIZER.start} and set(batch.tokens[:, -1].tolist()) == {
        TOKENIZER.end
    }


def test_the_loss_is_that_of_torch() -> None:
    task = Classification()
    network = task.network(SMALL, PROCESSORS).eval()
    columns = {
        "text": [np.array(TOKENIZER.encode(t)) for t in ("good", "bad and ugly")],
        "label": [np.array([1]), np.array([0])],
    }
    batch = task.batch(Rows(0, 0, columns, np.arange(2)), PROCESSORS, seed=1)
    loss = task.loss(network, batch, 0.1)
    logits = network(batch.tokens, batch.lengths)
    expected = F.cross_entropy(logits, batch.classes, reduction="sum", label_smoothing=0.1)
    assert loss.weight == 2 and loss.total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert loss.outputs is not None and loss.outputs.divergence(loss.outputs).item() == 0


def test_predictions_come_in_input_order_whatever_the_lengths() -> None:
    task = Classification()
    network = task.network(SMALL, PROCESSORS).eval()
    model = SimpleNamespace(network=network, processors=PROCESSORS, device="cpu")
    texts = ["good", "bad and ugly and bad and ugly", "", "fine"]
    records = [Record({"text": text}, f"a:{number}") for number, text in enumerate(texts)]
    together = list(task.predict(model, records))
    alone = [next(task.predict(model, [record])) for record in records]
    assert [each.text for each in together] == [each.text for each in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.confidence == pytest.approx(other.confidence, abs=1e-6)
        assert sum(dict(one.probabilities).values()) == pytest.approx(1)
        assert one.confidence == max(dict(one.probabilities).values())


def test_a_network_that_does_not_fit_is_named_with_the_task() -> None:
    with pytest.raises(ValueError, match="classification needs an encoder-only network, found decoder-only"):
        Classification().network(DecoderOnlyConfig(), PROCESSORS)

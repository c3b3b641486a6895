"""The language model task: rows, batches and losses against definitions on single documents."""

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.data.records import Record
from transduce.networks.config import DecoderOnlyConfig
from transduce.tasks.language_model import LanguageModel
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train

TOKENIZER = train(["to be or not to be", "that is the question"] * 3, TokenizerConfig("characters", 300))
PROCESSORS = Processors({"text": TOKENIZER})
START, END, PAD = TOKENIZER.start, TOKENIZER.end, TOKENIZER.pad


def records(texts: Sequence[str]) -> list[Record]:
    return [Record({"text": text}, f"file:{number}") for number, text in enumerate(texts, 1)]


def rows_of(task: LanguageModel, texts: Sequence[str]) -> list[list[int]]:
    return [list(row["text"]) for row in task.rows(iter(records(texts)), PROCESSORS)]


TEXTS = st.lists(st.text("tobernq ", min_size=1, max_size=30), min_size=1, max_size=8)


@given(TEXTS, st.integers(2, 20))
def test_every_token_is_predicted_once_from_those_before_it(texts: list[str], context: int) -> None:
    task = LanguageModel(context)
    rows = rows_of(task, texts)
    batch = task.batch(Rows(0, 0, {"text": rows}, torch.arange(len(rows)).numpy()), PROCESSORS, seed=1)
    targets = [token for row in batch.targets.tolist() for token in row if token != PAD]
    assert targets == [token for text in texts for token in (*TOKENIZER.encode(text), END)]
    assert batch.tokens.shape[1] <= context


@given(TEXTS)
def test_the_loss_of_packed_documents_is_that_of_single_ones(texts: list[str]) -> None:
    task = LanguageModel(64)
    torch.manual_seed(0)
    network = task.network(DecoderOnlyConfig(d_model=16, heads=2, feed_forward=32, layers=2), PROCESSORS).eval()

    def loss(rows: list[list[int]]) -> tuple[float, int]:
        batch = task.batch(Rows(0, 0, {"text": rows}, torch.arange(len(rows)).numpy()), PROCESSORS, seed=1)
        with torch.no_grad():
            found = task.loss(network, batch, 0.0)
        return float(found.shown["nll"]), found.weight

    short = [text for text in texts if len(TOKENIZER.encode(text)) + 2 <= 64]
    single = [loss(rows_of(task, [text])) for text in short]
    packed_rows = [[token for text in short[:2] for token in (START, *TOKENIZER.encode(text), END)]]
    if short:
        nll, weight = loss(packed_rows)
        assert weight == sum(each[1] for each in single[:2])
        assert nll == pytest.approx(sum(each[0] for each in single[:2]), rel=1e-4)


def test_figures() -> None:
    figures = LanguageModel().figures(math.log(8), bytes_per_unit=2.0)
    assert figures["perplexity"] == pytest.approx(8)
    assert figures["bits-per-byte"] == pytest.approx(1.5)

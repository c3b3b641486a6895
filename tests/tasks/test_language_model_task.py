"""The language model task: rows, batches and losses against definitions on single documents."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foreign_tokenizers
from transduce.data.loader import Rows
from transduce.data.processors import Processors
from transduce.data.records import Record
from transduce.decoding.config import Decoding, Generation
from transduce.models.folder import ModelConfig
from transduce.models.model import Model
from transduce.networks.config import DecoderOnlyConfig, EncoderOnlyConfig
from transduce.tasks.language_model import LanguageModel, text_stream
from transduce.tasks.outputs import LineError
from transduce.tasks.references import units_per_byte
from transduce.tasks.tokens import IGNORE
from transduce.text.config import BYTES, TokenizerConfig
from transduce.text.imported_tokenizer import load
from transduce.text.learn.learn import train
from transduce.text.special import NAMES

CHARACTERS = TokenizerConfig(kind="characters", vocabulary=300)
TOKENIZER = train(["to be or not to be", "that is the question"] * 3, CHARACTERS, CHARACTERS)
PROCESSORS = Processors({"text": TOKENIZER})
START, END = TOKENIZER.start, TOKENIZER.end
SMALL = DecoderOnlyConfig(d_model=16, heads=2, feed_forward=32, layers=2)


def rows_of(task: LanguageModel, texts: Sequence[str], processors: Processors = PROCESSORS) -> Rows:
    """All rows of the documents as one batch of the loader."""
    encoded = [{"text": ids} for ids in processors["text"].encode_batch(texts)]
    rows = [np.array(row["text"]) for row in task.rows(iter(encoded), processors)]
    return Rows(0, 0, {"text": rows}, np.arange(len(rows)))


def small_model(context: int) -> Model:
    torch.manual_seed(0)
    task = LanguageModel(context)
    network = task.network(SMALL, PROCESSORS).eval()
    return Model(ModelConfig(task, SMALL), network, PROCESSORS, Generation(beam=1, max_length=8))


TEXTS = st.lists(st.text("tobernq ", max_size=30).filter(str.strip), min_size=1, max_size=8)


@given(TEXTS, st.integers(2, 20))
def test_every_token_is_predicted_once_from_those_before_it(texts: list[str], context: int) -> None:
    task = LanguageModel(context)
    batch = task.batch(rows_of(task, texts), PROCESSORS, seed=1)
    targets = [token for row in batch.targets.tolist() for token in row if token != IGNORE]
    assert targets == [token for ids in TOKENIZER.encode_batch(texts) for token in (*ids, END)]
    assert batch.tokens.shape[1] <= context


def test_a_batch_as_the_docstring_of_the_module_has_it() -> None:
    first, second = TOKENIZER.encode("to"), TOKENIZER.encode("be o")
    task = LanguageModel(6)
    rows = rows_of(task, ["to", "be o"])
    assert [len(row) for row in rows.columns["text"]] == [7, len(first) + len(second) + 5 - 7]
    batch = task.batch(rows, PROCESSORS, seed=1)
    assert batch.tokens[0].tolist() == [START, *first, END, START, second[0]][:6]
    assert batch.targets[0].tolist() == [*first, END, IGNORE, *second][:6]
    assert batch.documents[0].tolist() == [1, 1, 1, 1, 2, 2]


@given(TEXTS)
def test_the_loss_of_packed_documents_is_that_of_single_ones(texts: list[str]) -> None:
    task = LanguageModel(64)
    torch.manual_seed(0)
    network = task.network(SMALL, PROCESSORS).eval()

    def loss(texts: Sequence[str]) -> tuple[float, int]:
        with torch.no_grad():
            result = task.loss(network, task.batch(rows_of(task, texts), PROCESSORS, seed=1), 0.0)
        return float(result.shown["nll"]), result.weight

    short = texts[:2]
    single = [loss([text]) for text in short]
    nll, weight = loss(short)
    assert weight == sum(each[1] for each in single)
    if sum(len(TOKENIZER.encode(text)) + 2 for text in short) <= 65:  # both in one row
        assert len(rows_of(task, short).indices) == 1
        assert nll == pytest.approx(sum(each[0] for each in single), rel=1e-4)


def test_an_end_token_that_is_the_start_token_too_is_learnt(tmp_path) -> None:
    """As with the tokenizer of GPT-2, whose <|endoftext|> is also its padding."""
    foreign_tokenizers.gpt2().save(str(tmp_path / "tokenizer.json"))
    tokenizer = load(tmp_path / "tokenizer.json")
    assert tokenizer.start == tokenizer.end == tokenizer.pad
    texts, processors = ["The quick fox", "It", "der Hund"], Processors({"text": tokenizer})
    encoded = tokenizer.encode_batch(texts)
    for context in (4, 5, 6, 7, 64):
        task = LanguageModel(context)
        batch = task.batch(rows_of(task, texts, processors), processors, seed=1)
        counted = batch.targets != IGNORE
        assert batch.targets[counted].tolist() == [token for ids in encoded for token in (*ids, tokenizer.end)]
        first = batch.documents[:, :1]
        assert bool(((batch.tokens[:, 0] == tokenizer.start).long() == first[:, 0]).all())
    numbers = [number for number, ids in enumerate(encoded, 1) for _ in range(len(ids) + 2)]
    assert batch.documents.tolist() == [numbers[:-1]]  # of context 64: all in one row


def test_figures() -> None:
    figures = LanguageModel().figures(math.log(8), 0.5)
    assert figures["perplexity"] == pytest.approx(8)
    assert figures["bits-per-byte"] == pytest.approx(1.5)
    assert LanguageModel().figures(1e6, 0.5)["perplexity"] == math.inf


def test_a_text_begins_with_its_prompt_and_comes_in_parts() -> None:
    model = small_model(context=12)
    with torch.no_grad():  # bytes that are no UTF-8 are text with one decoder and not yet text with the other
        model.network.embedding.weight[len(NAMES) : len(NAMES) + BYTES] = 0.0
    prompts = ["to be", "", "not"]
    texts = model.generate(prompts)
    assert all(text.startswith(prompt) for text, prompt in zip(texts, prompts, strict=True))
    for prompt, text in zip(prompts, texts, strict=True):
        assert model.generate([prompt]) == [text]
        parts = list(text_stream(model, prompt, Decoding(beam=1, max_length=8), 12))
        assert prompt + "".join(parts) == text and len(parts) > 1
    assert [each.text for each in model.predict([{"text": "to be"}, "not"])] == [texts[0], texts[2]]


def test_a_prompt_that_fills_the_context_is_refused_by_its_line() -> None:
    prompt = "to be or not"
    count = len(TOKENIZER.encode(prompt))
    told = f"line 2: the prompt has {count} tokens, but this model takes at most {count - 1}: shorten the prompt"
    with pytest.raises(LineError, match=told):
        small_model(count).generate(["to", prompt])
    assert small_model(count + 1).generate([prompt])[0].startswith(prompt)  # training reads as many inputs


def test_a_network_that_does_not_fit_is_named_with_the_task() -> None:
    with pytest.raises(ValueError, match="language-model needs a decoder-only network, found encoder-only"):
        LanguageModel().network(EncoderOnlyConfig(), PROCESSORS)


def test_tags_are_conditions_and_no_targets() -> None:
    tokenizer = train(["to be or not to be"] * 3, CHARACTERS, CHARACTERS, ("de", "fr"))
    processors, task = Processors({"text": tokenizer}), LanguageModel(64)
    torch.manual_seed(0)
    model = Model(ModelConfig(task, SMALL), task.network(SMALL, processors).eval(), processors, Generation())
    records = [
        Record({"text": "to be"}, "1", tags=("de",)),
        Record({"text": "not"}, "2"),
        Record({"text": ""}, "3", tags=("fr", "de")),
    ]
    (batch,) = model.batches(records)
    targets = [*tokenizer.encode("to be"), END, *tokenizer.encode("not"), END, END]
    assert batch.targets[batch.targets != IGNORE].tolist() == targets
    assert {*tokenizer.tag_ids(("de", "fr"))} <= {*batch.tokens.flatten().tolist()}
    _, units = model.likelihood(records)
    assert units == len(targets) == round(units_per_byte(task, processors, records) * len("to benot"))

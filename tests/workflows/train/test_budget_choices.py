"""What is chosen by the budget and the kind of text: characters or subwords, the size of the network, the minutes."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.config import Given
from transduce.networks.alexnet import AlexNetConfig
from transduce.networks.presets import transformer_mini, transformer_small
from transduce.tasks.translation import Translation
from transduce.training.config import TrainingConfig
from transduce.workflows.prepare.earlier import earlier_preparation
from transduce.workflows.train import rules
from transduce.workflows.train.budget_choice import minutes
from transduce.workflows.train.choices import choose, training
from transduce.workflows.train.compute import Compute
from transduce.workflows.train.data_facts import DataFacts, Examples
from transduce.workflows.train.machine_rate import machine_rate
from transduce.workflows.train.network_choice import best_size
from transduce.workflows.train.plan import choices_of_run, plan
from transduce.workflows.train.run import prepare_run
from transduce.workflows.train.run_file import read_run
from transduce.workflows.train.text_facts import TextFacts, TextSample
from transduce.workflows.train.tokenizer_choice import text_kind, text_kinds

NONE_GIVEN = Given(frozenset())
WORDS = TextFacts(9.0, 1.0, 20, 10_000, 0.9, 0.0)
SENTENCES = TextFacts(90.0, 15.0, 240, 15_000, 0.1, 0.02)
PHONEMES = TextFacts(15.0, 6.4, 36, 39, 0.0, 0.0)


def sample(*corpora: list[str]) -> TextFacts:
    collected = TextSample()
    for texts in corpora:
        collected.begin_corpus()
        for text in texts:
            collected.add(text)
    lengths = [len(text) for texts in corpora for text in texts]
    return collected.facts(sum(lengths) / max(1, len(lengths)))


def rate(width: int) -> float:
    return 2.0**35


def compute(count: float, tokens: float = 1e6) -> Compute:
    return Compute(float(count), tokens, Translation(), rate)


def examples(pairs: int) -> Examples:
    return Examples.of_data(Translation(), DataFacts(pairs, {"source": SENTENCES, "target": SENTENCES}))


# --- Facts of texts


def test_facts_of_texts() -> None:
    facts = sample(["a bb", "a 1st c"] * 9 + ["a new word", "a bb"])
    assert facts.words == (9 * 2 + 9 * 3 + 3 + 2) / 20
    assert facts.different == 6  # a, bb, 1st, c, new, word
    assert facts.unseen == 2 / 5  # of the last tenth: a new word a bb
    assert facts.digits == 9 / 50
    assert facts.longest == 10
    assert sample([]) == TextFacts(0.0)


def test_the_order_of_corpora_does_not_count() -> None:
    first, second = ["a b c d e"] * 90, ["v w x y z"] * 10
    assert sample(first, second) == sample(second, first)
    assert sample(first, second).unseen == 0


@given(st.lists(st.text(max_size=20), max_size=60))
@settings(max_examples=50)
def test_facts_are_shares_and_means(texts: list[str]) -> None:
    facts = sample(texts)
    assert 0 <= facts.unseen <= 1 and 0 <= facts.digits <= 1
    assert facts.longest <= max(map(len, texts), default=0)
    assert facts.different <= sum(len(text.split()) for text in texts)


# --- Characters or subwords


@pytest.mark.parametrize(
    ("facts", "kind", "closed"),
    [
        (WORDS, "characters", False),
        (SENTENCES, "unigram", False),
        (PHONEMES, "unigram", True),
        (replace(PHONEMES, digits=0.2), "unigram", False),  # numbers are spelt digit by digit, if anything
        (replace(WORDS, longest=400), "unigram", False),  # characters would be too many to learn from
        (replace(SENTENCES, characters=40.0, unseen=0.5), "characters", False),
    ],
)
def test_the_kind_of_a_text(facts: TextFacts, kind: str, closed: bool) -> None:
    found = text_kind(facts, 250)
    assert (found.kind, found.closed) == (kind, closed)


def test_short_texts_beside_spelt_ones_are_spelt_too() -> None:
    """Lemma and features to a form; words to phonemes, each of which stays a piece."""
    features = TextFacts(31.0, 5.0, 47, 1_300, 0.2, 0.02)
    kinds = text_kinds(DataFacts(9_000, {"source": features, "target": WORDS}), 250)
    assert {each.kind for each in kinds.values()} == {"characters"}
    kinds = text_kinds(DataFacts(9_000, {"source": WORDS, "target": PHONEMES}), 250)
    assert [each.kind for each in kinds.values()] == ["characters", "unigram"]
    kinds = text_kinds(DataFacts(9_000, {"source": WORDS, "target": SENTENCES}), 250)
    assert [each.kind for each in kinds.values()] == ["characters", "unigram"]


# --- The network and the minutes


def test_more_minutes_never_choose_a_smaller_network() -> None:
    sizes = [best_size(examples(100_000), "encoder-decoder", compute(count))[0] for count in (0.01, 0.3, 3, 60, 600)]
    assert sizes == sorted(sizes, key=rules.SIZES.index)
    assert sizes[0] == "tiny" and sizes[-1] == "small"  # 100,000 pairs allow no larger one


def test_the_reason_compares_passes() -> None:
    size, reason = best_size(examples(100_000), "encoder-decoder", compute(3, 2e6))
    assert size == "mini"
    assert reason.startswith("3 minutes give a network of 1.0 million parameters ")
    assert "; the 7.4 million of small would get " in reason and reason.endswith(" passes, which are too few")


def test_without_a_budget_of_time_the_records_decide() -> None:
    sizes = [best_size(examples(count), "encoder-decoder", None)[0] for count in (500, 50_000, 5_000_000)]
    assert sizes == ["mini", "small", "base"]


def test_networks_of_unknown_cost_have_no_effort() -> None:
    assert compute(3).effort(AlexNetConfig()) is None
    small, mini = (compute(3).effort(network) for network in (transformer_small(), transformer_mini()))
    assert small is not None and mini is not None and mini.passes > 5 * small.passes


def test_minutes_without_a_budget() -> None:
    few = [*minutes(NONE_GIVEN, compute(30, 1e3), lambda some: some.effort(transformer_mini()))]
    assert [each.value for each in few] == [1.0] and "little" in few[0].reason
    many = [*minutes(NONE_GIVEN, compute(30, 1e9), lambda some: some.effort(transformer_mini()))]
    assert [each.value for each in many] == [30.0] and "--minutes" in many[0].reason
    assert not [*minutes(Given(frozenset({"training.steps"})), compute(30), lambda some: None)]


def test_dropout_by_passes() -> None:
    def dropout(epochs: float, r_drop: float = 0.0) -> float:
        run = TrainingConfig(epochs=epochs, r_drop=r_drop)
        choices = training(examples(20_000), transformer_small(), "unigram", run, NONE_GIVEN)
        return next(choice.value for choice in choices if choice.key == "model.dropout")

    assert [dropout(epochs) for epochs in (1.0, 8.0, 100.0)] == [0.0, 0.1, 0.3]
    assert dropout(1.0, r_drop=1.0) == 0.1  # two passes must differ


def test_the_rate_of_this_machine_is_a_power_of_two() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    for width in (8, 64, 200):  # a probe has heads of 64
        value = machine_rate(width, "float32", "cpu")
        assert value > 1e6 and math.log2(value).is_integer()
    assert torch.equal(torch.get_rng_state(), before)


# --- Tokenizers of an earlier preparation


def write_run(folder: Path, pairs: int) -> Path:
    lines = [f"sentence number {n} of many with some words\tSatz {n} von {pairs} mit Wörtern\n" for n in range(pairs)]
    (folder / "pairs.tsv").write_text("".join(lines), encoding="utf-8")
    (folder / "run.toml").write_text('[data]\ntrain = [{ file = "pairs.tsv" }]\nsplit = { dev = 5 }\n')
    return folder / "run.toml"


def test_tokenizers_that_are_prepared_are_kept(tmp_path: Path) -> None:
    path = write_run(tmp_path, 60)
    first = prepare_run(
        read_run(path, ["tokenizer.kind=bpe", "tokenizer.vocabulary=330", "training.steps=3"]), tmp_path
    )
    file = read_run(path, ["training.steps=3"])
    preparation, every = plan(file, choose(file).run, tmp_path), ("kind", "vocabulary", "exact", "shared")
    earlier = earlier_preparation(preparation, every)
    assert earlier is not None and earlier.folder == first.folder
    assert earlier.differences["kind"] == "bpe" and earlier.differences["vocabulary"] == 330
    assert earlier_preparation(preparation, ("vocabulary",)) is None  # the run does not leave the kind open
    assert choices_of_run(file, "cpu", tmp_path).run.tokenizer.kind == "bpe"
    assert choices_of_run(file, "cpu", tmp_path, keep_tokenizers=False).run.tokenizer.kind == "unigram"
    (first.folder / "train.arrow").unlink()
    assert earlier_preparation(preparation, every) is None  # a damaged one does not count
    write_run(tmp_path, 61)
    other = read_run(path, ["training.steps=3"])
    assert earlier_preparation(plan(other, choose(other).run, tmp_path), every) is None  # other records


@pytest.mark.parametrize("given_key", ["tokenizer.kind=unigram", "tokenizer.lowercase=false", "tokenizer.shared=true"])
def test_what_the_run_gives_is_not_replaced(tmp_path: Path, given_key: str) -> None:
    path = write_run(tmp_path, 60)
    prepare_run(read_run(path, ["tokenizer.lowercase=true", "tokenizer.kind=bpe", "training.steps=3"]), tmp_path)
    tokenizer = choices_of_run(read_run(path, ["training.steps=3", given_key]), "cpu", tmp_path).run.tokenizer
    assert not tokenizer.lowercase and tokenizer.kind != "bpe"

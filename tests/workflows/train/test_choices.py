"""What is chosen by the size of the data: sensible at every size, only where nothing is given, and lasting."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preparing import prepare_data
from transduce import config
from transduce.attention.positions import Rotary
from transduce.config import Given
from transduce.data.cleaning.rules import Clean
from transduce.decoding.config import Decoding
from transduce.networks.alexnet import AlexNetConfig
from transduce.networks.presets import PRESETS
from transduce.tasks.image_classification import ImageClassification
from transduce.tasks.translation import Translation
from transduce.text.config import TokenizerConfig
from transduce.training.config import TrainingConfig
from transduce.training.optimisers import OPTIMISERS, Muon
from transduce.workflows.train import choices, data_facts
from transduce.workflows.train.choice import Choice
from transduce.workflows.train.choices import choose, log_choices
from transduce.workflows.train.data_facts import DataFacts, Examples
from transduce.workflows.train.network_choice import network
from transduce.workflows.train.run_file import RunConfig, names_of, read_run, run_toml
from transduce.workflows.train.run_folder import RunFolder
from transduce.workflows.train.text_facts import TextFacts
from transduce.workflows.train.tokenizer_choice import tokenizers

AUTOMATIC = config.keys_where(RunConfig, lambda fact: fact.automatic, names_of(Translation()))
SIZES = (500, 5_000, 50_000, 500_000, 5_000_000)
RUN = """
[data]
train = [{ file = "pairs.tsv" }]
split = { dev = 5 }
"""


def keys(*given_keys: str) -> Given:
    return Given(frozenset(given_keys))


def settled_run(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    return choose(read_run(path, overrides), rate=rate).run


def rate(width: int, precision: str, device: str) -> float:
    """A machine that trains a million parameters on 10,000 tokens a second."""
    return 1e10


def facts_of(pairs: int, source: float, target: float) -> DataFacts:
    """Of sentences with words of five letters."""
    return DataFacts(pairs, {"source": sentence_facts(source), "target": sentence_facts(target)})


def lengths_of(facts: DataFacts) -> tuple[int, float, float]:
    """Records, and mean characters of sources and targets."""
    return facts.records, facts.texts["source"].characters, facts.texts["target"].characters


def sentence_facts(characters: float) -> TextFacts:
    return TextFacts(characters, max(4.0, characters / 6), round(characters), 10_000, 0.05)


def of(facts: DataFacts) -> Examples:
    return Examples.of_data(Translation(), facts)


def chosen(pairs: int, given_keys: Iterable[str] = (), length: float = 100.0) -> dict[str, Any]:
    """All choices for so many pairs of sentences, for a run that is otherwise as it comes."""
    facts, given = facts_of(pairs, length, length), keys(*given_keys)
    first = [
        *network(of(facts), given),
        *tokenizers(facts, RunConfig.tokenizer, given, 250, None),
        *choices.optimiser(given),
    ]
    values = {choice.key: choice.value for choice in first}
    model = PRESETS[values.get("model.preset", "transformer-small")]()
    rest = choices.training(of(facts), model, "unigram", RunConfig.training, given)
    return values | {choice.key: choice.value for choice in rest if choice.key not in given}


def test_what_is_chosen_grows_with_the_data() -> None:
    found = [chosen(pairs) for pairs in SIZES]
    presets = [PRESETS[each["model.preset"]]() for each in found]
    assert [each.d_model for each in presets] == [128, 256, 256, 512, 512]
    for key in ("tokenizer.vocabulary", "training.batch-tokens"):
        assert [each[key] for each in found] == sorted(each[key] for each in found)
    assert found[0]["tokenizer.vocabulary"] == 1000 and found[-1]["tokenizer.vocabulary"] == 32_000
    assert [each["model.dropout"] for each in found] == [0.1, 0.3, 0.2, 0.2, 0.1]  # the first network is tiny


@given(
    pairs=st.integers(1, 10**9),
    more=st.integers(1, 1000),
    length=st.floats(0, 1e5),
    width=st.sampled_from(sorted(PRESETS)),
)
@settings(max_examples=50)
def test_more_data_never_asks_for_less(pairs: int, more: int, length: float, width: str) -> None:
    less, greater = (chosen(count, [], length) for count in (pairs, pairs * more))
    for key in ("tokenizer.vocabulary", "training.batch-tokens"):
        assert less[key] <= greater[key]
    assert less["training.label-smoothing"] >= greater["training.label-smoothing"]
    dropouts = [
        next(
            choice.value
            for choice in choices.training(
                of(facts_of(count, 1.0, 1.0)), PRESETS[width](), "bpe", RunConfig.training, keys("training")
            )
            if choice.key == "model.dropout"
        )
        for count in (pairs, pairs * more)
    ]
    assert dropouts[0] >= dropouts[1]


@given(pairs=st.integers(1, 10**8), given_keys=st.sets(st.sampled_from(["model.preset", *AUTOMATIC])))
@settings(max_examples=50)
def test_what_is_given_is_never_chosen(pairs: int, given_keys: set[str]) -> None:
    found = chosen(pairs, given_keys)
    assert not found.keys() & given_keys
    assert found.keys() <= {"model.preset", *AUTOMATIC}


@pytest.mark.parametrize("key", ["model.d-model", "model.heads", "model.decoder-layers"])
def test_no_network_is_chosen_where_part_of_its_size_is_given(key: str) -> None:
    assert "model.preset" not in chosen(5_000_000, [key])


def test_a_table_given_in_part_is_given() -> None:
    assert "training.schedule" not in chosen(5_000, ["training.schedule.warmup"])
    assert "training.schedule" in chosen(5_000, ["training.schedule-of-another-name"])


def test_sides_that_share_nothing_get_vocabularies_of_their_own() -> None:
    facts = facts_of(50_000, 20.0, 200.0)
    tokenizer = TokenizerConfig(shared=False)
    found = {choice.key: choice.value for choice in tokenizers(facts, tokenizer, keys("tokenizer.shared"), 250, 256)}
    assert found["tokenizer.source"] == {"kind": "unigram", "vocabulary": 2000}
    assert found["tokenizer.target"] == {"kind": "unigram", "vocabulary": 8000}
    partly = keys("tokenizer.source.kind", "tokenizer.shared")
    found = {choice.key: choice.value for choice in tokenizers(facts, tokenizer, partly, 250, 256)}
    assert found["tokenizer.source.vocabulary"] == 2000
    assert not tokenizers(facts, tokenizer, keys("tokenizer.vocabulary"), 250, 256)  # it speaks for both


def test_the_table_of_a_single_text_column_gets_its_vocabulary() -> None:
    facts, tokenizer = DataFacts(50_000, {"text": sentence_facts(20.0)}), TokenizerConfig(shared=False)
    vocabulary = tokenizers(facts, tokenizer, keys("tokenizer.text.kind", "tokenizer.shared"), 250, 256)
    assert [each.key for each in vocabulary] == ["tokenizer.text.vocabulary", "tokenizer.exact"]


@pytest.mark.parametrize("width", [64, 128, 256, 512, 1024])
def test_the_rate_goes_by_the_optimiser(width: int) -> None:
    rates = {}
    model = replace(PRESETS["transformer-small"](), d_model=width)
    for optimiser, part in OPTIMISERS.items():
        settings = TrainingConfig(optimiser=part())
        found = choices.training(of(facts_of(5000, 9.0, 9.0)), model, "bpe", settings, keys("training.optimiser"))
        (rates[optimiser],) = (choice.value for choice in found if choice.key == "training.learning-rate")
    assert rates["adam"] == rates["adamw"] == pytest.approx((width * 4000) ** -0.5, rel=0.05)  # two digits
    assert rates["muon"] == pytest.approx(2 * rates["adam"], rel=0.05)
    assert rates["adafactor"] == 0.01  # Shazeer and Stern 2018, section 8: min(0.01, step ** -0.5)


@pytest.mark.parametrize("given_key", ["training.optimiser", "training.optimiser.kind", "training.learning-rate"])
def test_no_optimiser_is_chosen_where_it_or_its_rate_is_given(given_key: str) -> None:
    assert chosen(5_000)["training.optimiser"] == "muon"
    assert "training.optimiser" not in chosen(5_000, [given_key])


def test_a_settled_run_has_the_rate_of_the_optimiser_chosen(tmp_path: Path) -> None:
    run = settled_run(write(tmp_path, sentences(60)), [])
    assert run.training.optimiser == Muon()
    assert run.training.learning_rate == pytest.approx(2 * (run.model.d_model * 4000) ** -0.5, rel=0.05)
    assert run.model.positions == Rotary()


def test_outputs_may_be_as_long_as_what_is_learnt_from_unless_their_owner_says_otherwise() -> None:
    long, usual = Clean(max_length=400), Clean()
    assert [(each.key, each.value) for each in choices.decoding(long, Decoding())] == [("decoding.max-length", 401)]
    assert choices.decoding(usual, Decoding()) == []
    assert choices.decoding(long, Decoding(max_length=500)) == []


def test_a_choice_reads_as_in_a_run_file() -> None:
    assert str(Choice("model.preset", "transformer-tiny", "why")) == "model.preset = transformer-tiny: why"
    schedule = Choice("training.schedule", {"kind": "linear", "warmup": 4}, "why")
    assert str(schedule) == 'training.schedule = { kind = "linear", warmup = 4 }: why'


# --- Run files


def write(folder: Path, lines: Sequence[str], text: str = RUN) -> Path:
    (folder / "pairs.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "run.toml").write_text(text, encoding="utf-8")
    return folder / "run.toml"


def sentences(count: int) -> list[str]:
    return [f"the number {i} of {i * i}\tdie Zahl {i} von {i * i}" for i in range(count)]


def test_a_settled_run_logs_every_choice_and_keeps_what_is_given(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "transduce")
    path = write(tmp_path, sentences(60), RUN + "[model]\ndropout = 0.05\n")
    run = log_choices(choose(read_run(path, ["training.learning-rate=0.01"]), rate=rate)).run
    assert run.model.dropout == 0.05 and run.training.learning_rate == 0.01
    assert run.model.d_model == 128
    assert [line.partition(" = ")[0] for line in caplog.messages] == [
        "training.minutes",
        "model.preset",
        "model.positions",
        "tokenizer.kind",
        "training.metric",
        "training.batch-tokens",
        "training.label-smoothing",
        "training.schedule",
    ]
    assert caplog.messages[1].startswith(
        "model.preset = transformer-mini: 1 minute gives a network of"
    )  # 5 of 60 are held out


def test_a_run_that_gives_everything_is_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, sentences(60))
    whole = settled_run(path, [])
    (tmp_path / "whole.toml").write_text(run_toml(whole), encoding="utf-8")
    again = choose(read_run(tmp_path / "whole.toml"), rate=rate)
    assert again.run == whole == read_run(tmp_path / "whole.toml").run
    assert not again.choices


@pytest.mark.parametrize(
    "lines",
    [
        ["a\tb", "c\td", "e\tf", "g\th", "i\tj", "k\tl"],
        [f"{chr(0x4E00 + i)}{chr(0x4E01 + i)}\t{chr(0x4E02 + i)}" for i in range(2000)],  # more letters than pieces
    ],
)
@pytest.mark.parametrize("shared", ["true", "false"])
def test_the_chosen_vocabulary_suits_any_text(tmp_path: Path, lines: list[str], shared: str) -> None:
    run = settled_run(write(tmp_path, lines), [f"tokenizer.shared={shared}"])
    prepared = prepare_data(run.task, run.data, run.tokenizer, run.seed, tmp_path, tmp_path / "prepared")
    assert prepared.report["parts"]["train"]["records"] == len(lines) - 5


def test_a_run_goes_on_with_the_settings_it_began_with(tmp_path: Path) -> None:
    path = write(tmp_path, sentences(60))
    began = settled_run(path, ["model.dropout=0.25"])
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.write(began)
    write(tmp_path, sentences(6000))  # with which all would be chosen differently
    assert folder.resumed(read_run(path)).model == began.model
    assert folder.resumed(read_run(path)).training == replace(began.training, precision="auto")
    assert settled_run(path) != began
    with pytest.raises(
        ValueError, match=r"run began with model\.dropout = 0\.25, now it is 0\.4: a run that resumes has"
    ):
        folder.resumed(read_run(path, ["model.dropout=0.4"]))
    assert folder.resumed(read_run(path, ["training.steps=7"])).training.steps == 7


def test_mistakes_in_the_run_file_come_before_the_data(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(RUN, encoding="utf-8")
    with pytest.raises(ValueError, match=r"unknown key 'model.dropuot'; did you mean 'model.dropout'"):
        settled_run(tmp_path / "run.toml", ["model.dropuot=0.1"])
    with pytest.raises(ValueError, match=r"pairs\.tsv: no such file; data\.train names it"):
        settled_run(tmp_path / "run.toml", [])


def test_a_split_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"data\.split holds out 90 distinct values of source, but the train files have 60 pairs at"
    ):
        settled_run(write(tmp_path, sentences(60)), ["data.split={dev=50,test=40}"])


def test_the_header_of_a_csv_file_is_no_pair(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("source,target\n" + "ab,abcd\n" * 30, encoding="utf-8")
    (tmp_path / "run.toml").write_text('[data]\ntrain = [{ file = "pairs.csv" }]\n')
    assert lengths_of(read_run(tmp_path / "run.toml").data.facts) == (30, 2.0, 4.0)
    (tmp_path / "pairs.csv").write_text("source,target\n", encoding="utf-8")
    assert lengths_of(read_run(tmp_path / "run.toml").data.facts) == (1, 0.0, 0.0)


def test_lengths_are_measured_in_proportion_to_the_corpora(tmp_path: Path) -> None:
    (tmp_path / "short.tsv").write_text("ab\tabcd\n" * 30, encoding="utf-8")
    (tmp_path / "long.tsv").write_text("abcdef\tabcdefgh\n" * 10, encoding="utf-8")
    (tmp_path / "run.toml").write_text('[data]\ntrain = [{ file = "short.tsv" }, { file = "long.tsv" }]\n')
    assert lengths_of(read_run(tmp_path / "run.toml").data.facts) == (40, 3.0, 5.0)


def test_lengths_are_measured_on_so_many_characters_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, ["ab\tabcd"] * 3 + ["a" * 1000 + "\tb"] * 3)
    monkeypatch.setattr(data_facts, "SAMPLE_CHARACTERS", 18)
    assert read_run(path).data.facts.texts["source"].characters == 2.0
    monkeypatch.setattr(data_facts, "SAMPLE_CHARACTERS", 19)
    assert read_run(path).data.facts.texts["source"].characters == 1006 / 4


def test_unusable_text_is_left_to_the_preparation(tmp_path: Path) -> None:
    assert lengths_of(read_run(write(tmp_path, ["\t", " \tx"] * 3)).data.facts) == (1, 0.0, 0.0)
    assert chosen(1, [], 0.0)["tokenizer.vocabulary"] == 1000


def test_weights_count_in_what_depends_on_the_length_of_an_epoch(tmp_path: Path) -> None:
    write(tmp_path, sentences(200))
    (tmp_path / "big.tsv").write_text("".join(f"{line}\n" for line in sentences(2000)), encoding="utf-8")
    (tmp_path / "run.toml").write_text(
        '[data]\ntrain = [{ file = "pairs.tsv" }, { file = "big.tsv", weight = 0.1 }]\n', encoding="utf-8"
    )
    facts = read_run(tmp_path / "run.toml").data.facts
    assert (facts.records, facts.epoch) == (2200, pytest.approx(400))
    network, settings = PRESETS["transformer-small"](), TrainingConfig(epochs=10.0)
    weighted = choices.training(of(facts), network, "unigram", settings, keys())
    as_few = choices.training(of(replace(facts, records=400, epoch=None)), network, "unigram", settings, keys())
    other = {"model.dropout", "training.label-smoothing"}  # which depend on how many different pairs there are
    assert [each for each in weighted if each.key not in other] == [each for each in as_few if each.key not in other]


def test_a_network_that_is_no_transformer_keeps_the_usual_rate_and_dropout() -> None:
    """The rules for both are those of Transformers."""
    made = {
        each.key: each
        for each in choices.training(of(facts_of(5000, 9.0, 9.0)), AlexNetConfig(), "bpe", TrainingConfig(), keys())
    }
    assert "model.dropout" not in made and made["training.learning-rate"].value == TrainingConfig().learning_rate
    assert "norm" not in made["training.schedule"].reason


@pytest.mark.parametrize(
    ("size", "kind", "preset"),
    [
        (28, "alexnet", "alexnet-mini"),
        (64, "efficientnet", "efficientnet-mini"),
        (65, "efficientnet", "efficientnet-b0"),
        (224, "vit", "vit-tiny"),
        (224, "alexnet", "alexnet-one-column"),
        (28, "my-own", None),
    ],
)
def test_the_size_of_the_pictures_chooses_the_network(size: int, kind: str, preset: str | None) -> None:
    examples = Examples.of_data(ImageClassification(size=size), DataFacts(500, {}))
    assert [choice.value for choice in network(examples, keys(), kind)] == ([] if preset is None else [preset])
    assert network(examples, keys("model.dropout", "model.stages"), "efficientnet") == []

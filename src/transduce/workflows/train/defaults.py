"""Settings by the size of the data, for the keys of a run file that its owner left out.

Rules of thumb from published experiments, each with its reason; they look at the data alone, not at the machine or the
time there is, so that the same data gives the same settings everywhere.

    Araabi and Monz 2020, 2011.02266      Transformers on 5,000 to 165,000 pairs: size, dropout, smoothing, vocabulary
    Sennrich and Zhang 2019, 1905.11901   low-resource practice: small vocabularies, small batches, strong dropout
    Gowda and May 2020, 2004.02334        vocabulary: 95 of 100 pieces should occur 100 times or more in training
    Vaswani et al. 2017, 1706.03762       what large data takes; the peak learning rate by width
    Xiong et al. 2020, 2002.04745         pre-norm does without a long warm-up
    Defazio et al. 2023, 2310.07831       a learning rate that falls on a straight line to 0 suits most training
    Liu et al. 2025, 2502.16982           Muon learns in half of the updates that AdamW takes
    Su et al. 2021, 2104.09864            rotary positions
"""

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from transduce.config.toml import inline
from transduce.data.cleaning.rules import Clean
from transduce.decoding.config import LIMITS, Decoding
from transduce.networks.config import TransformerConfig
from transduce.text.config import TokenizerConfig
from transduce.training.config import TrainingConfig
from transduce.training.optimisers import Adafactor, Muon, Optimiser
from transduce.workflows.evaluate.number_format import counted

# fields of [model] that make its size: who gives one of them chooses no network by the data's size
SHAPE = ("preset", "d-model", "heads", "feed-forward", "encoder-layers", "decoder-layers")

SUBWORDS = ("unigram", "bpe", "wordpiece")
CHARACTERS_PER_TOKEN = {"unigram": 4, "bpe": 4, "wordpiece": 4, "characters": 1, "words": 6}
BATCHES_PER_PASS = 100
LEAST_BATCH, MOST_BATCH = 512, 4096

# (up to so many characters of both sides, pieces that they share)
VOCABULARIES = ((300_000, 1000), (3_000_000, 2000), (6_000_000, 4000), (25_000_000, 8000), (80_000_000, 16_000))
LARGEST_VOCABULARY = 32_000


@dataclass(frozen=True)
class DataFacts:
    """What the rules look at: pairs to train on, and characters of a side in the mean.

    epoch: pairs of an epoch, where weights make it another number.
    """

    pairs: int
    source_characters: float
    target_characters: float
    epoch: float | None = None


@dataclass(frozen=True)
class Choice:
    """A setting by its dotted key, its value as TOML has it, and why.

    >>> print(Choice("model.dropout", 0.3, "only 5,000 pairs"))
    model.dropout = 0.3: only 5,000 pairs
    """

    key: str
    value: Any
    reason: str

    def __str__(self) -> str:
        return f"{self.key} = {self.value if isinstance(self.value, str) else inline(self.value)}: {self.reason}"


def is_given(key: str, given: Collection[str]) -> bool:
    """Whether `key`, or a key of its table, is among the dotted keys given: `is_given("a.b", ["a.b.c"])`."""
    return any(f"{each}.".startswith(f"{key}.") for each in given)


def network(facts: DataFacts, given: Collection[str]) -> list[Choice]:
    """The preset and its positions, unless something of its size is given."""
    if any(is_given(f"model.{name}", given) for name in SHAPE):
        return []
    chosen = [_preset(facts)]
    if chosen[0].value == "transformer-base" and not is_given("model.norm-placement", given):
        reason = "learns steadily at this size without a long warm-up (Xiong et al. 2020)"
        chosen.append(Choice("model.norm-placement", "pre", reason))
    if not is_given("model.positions", given):
        reason = "attention sees distances, and learns from fewer pairs (Su et al. 2021; recipe pronounce-en)"
        chosen.append(Choice("model.positions", "rotary", reason))
    return chosen


def _preset(facts: DataFacts) -> Choice:
    pairs = counted(facts.pairs, "pair")
    if facts.pairs < 2_000:
        return Choice("model.preset", "transformer-tiny", f"{pairs} only; more weights would learn them by heart")
    if facts.pairs < 300_000:
        reason = f"{pairs}; below some hundred thousand, smaller networks translate better (Araabi and Monz 2020)"
        return Choice("model.preset", "transformer-small", reason)
    reason = f"{pairs} are enough for the size of Vaswani et al. 2017; without a GPU, transformer-small learns faster"
    return Choice("model.preset", "transformer-base", reason)


def vocabulary(facts: DataFacts, tokenizer: TokenizerConfig, given: Collection[str]) -> list[Choice]:
    """Numbers of pieces by the amount of text: of both sides, or of each where they share nothing.

    Only subwords have a number to choose. It is not exact, as little text may not support it.
    """
    if tokenizer.shared:
        chosen = _shared_vocabulary(facts, tokenizer, given)
    else:
        chosen = _vocabularies(facts, tokenizer, given)
    if chosen and not is_given("tokenizer.exact", given):
        chosen.append(Choice("tokenizer.exact", False, "the nearest number of pieces that the text allows will do"))
    return chosen


def _shared_vocabulary(facts: DataFacts, tokenizer: TokenizerConfig, given: Collection[str]) -> list[Choice]:
    if tokenizer.file is not None or tokenizer.kind not in SUBWORDS or is_given("tokenizer.vocabulary", given):
        return []
    size, reason = _pieces(facts.pairs * (facts.source_characters + facts.target_characters))
    return [Choice("tokenizer.vocabulary", size, reason)]


def _vocabularies(facts: DataFacts, tokenizer: TokenizerConfig, given: Collection[str]) -> list[Choice]:
    """One for each side. A side without a table of its own gets one, unless tokenizer.vocabulary speaks for it."""
    chosen = []
    for name, characters in _sides(facts):
        key, kind = f"tokenizer.{name}", tokenizer.side(name).kind
        size, reason = _pieces(2 * facts.pairs * characters)
        if tokenizer.side(name).file is not None or kind not in SUBWORDS or is_given(f"{key}.vocabulary", given):
            continue
        if is_given(key, given):
            chosen.append(Choice(f"{key}.vocabulary", size, reason))
        elif not is_given("tokenizer.vocabulary", given):
            chosen.append(Choice(key, {"kind": kind, "vocabulary": size}, reason))
    return chosen


def optimiser(given: Collection[str]) -> list[Choice]:
    """Muon, unless a learning rate is given, which may have been found for another."""
    if is_given("training.optimiser", given) or is_given("training.learning-rate", given):
        return []
    reason = "needs about half of AdamW's updates (Liu et al. 2025)"
    return [Choice("training.optimiser", "muon", reason)]


def training(
    facts: DataFacts, model: TransformerConfig, kind: str, settings: TrainingConfig, given: Collection[str]
) -> list[Choice]:
    """Dropout, batch, smoothing and learning rate for a network that is settled; `kind` of the target's tokens."""
    return [choice for choice in _training(facts, model, kind, settings, given) if not is_given(choice.key, given)]


def _training(
    facts: DataFacts, model: TransformerConfig, kind: str, settings: TrainingConfig, given: Collection[str]
) -> Iterator[Choice]:
    yield _dropout(facts.pairs, model.d_model)
    in_epoch = facts.pairs if facts.epoch is None else facts.epoch
    tokens = in_epoch * (facts.target_characters / CHARACTERS_PER_TOKEN[kind] + 1)
    batch = 2 ** round(math.log2(min(MOST_BATCH, max(LEAST_BATCH, tokens / BATCHES_PER_PASS))))
    taken = settings.batch_tokens if is_given("training.batch-tokens", given) else batch
    updates = max(1, round(tokens / (taken * settings.accumulate)))
    yield Choice(
        "training.batch-tokens",
        batch,
        f"about {updates:,} updates in each pass over the pairs"
        + ("" if batch == MOST_BATCH else "; small data wants small batches (Sennrich and Zhang 2019)"),
    )
    few = facts.pairs < 50_000
    yield Choice(
        "training.label-smoothing",
        0.2 if few else 0.1,
        "few pairs want more of it than the usual 0.1 (Araabi and Monz 2020)" if few else "the usual amount",
    )
    yield _learning_rate(settings.optimiser, model.d_model)
    pre = model.norm_placement == "pre"
    steps = settings.steps or (settings.epochs and settings.epochs * updates) or math.inf
    warmup = int(max(1, min(400 if pre else 4000, steps // 10)))  # a short run must come to its peak
    yield Choice(
        "training.schedule",
        {"kind": "linear", "warmup": warmup},
        f"falls to 0 when the budget ends (Defazio et al. 2023); {'pre-norm needs little' if pre else 'post-norm needs a long'}"
        " warm-up (Xiong et al. 2020)",
    )


def decoding(clean: Clean, settings: Decoding, given: Collection[str]) -> list[Choice]:
    """Outputs as long as the longest target that is learnt from, where the usual limit is shorter."""
    longest = min(clean.max_length + 1, LIMITS["max_length"][1])  # the end token counts
    if settings.max_length >= longest or is_given("decoding.max-length", given):
        return []
    return [Choice("decoding.max-length", longest, f"pairs of up to {clean.max_length:,} tokens are learnt from")]


def gentler(choices: Iterable[Choice]) -> list[Choice]:
    """The same for a model that has been trained already: a lower rate, so that it forgets less of what it knows."""
    reason = "a quarter of what a new network would get, so that the model forgets less of what it knows"
    return [
        replace(each, value=each.value / 4, reason=reason) if each.key == "training.learning-rate" else each
        for each in choices
    ]


def _learning_rate(optimiser: Optimiser, width: int) -> Choice:
    """Adafactor's is a share of a weight's size; Muon stands, and wants, about twice as much as Adam."""
    rate = float(f"{(width * 4000) ** -0.5:.0e}")
    reason = f"about the peak of Vaswani et al. 2017 for a network {width} wide"
    if isinstance(optimiser, Adafactor):
        rate, reason = 0.01, "the greatest that Shazeer and Stern 2018 take for Adafactor"
    elif isinstance(optimiser, Muon):
        rate, reason = 2 * rate, f"twice {reason}, as Muon did best in the recipe pronounce-en"
    return Choice("training.learning-rate", rate, reason)


def _dropout(pairs: int, width: int) -> Choice:
    """The fewer the pairs and the wider the network, the more."""
    if width < 128:
        return Choice("model.dropout", 0.1, f"a network {width} wide can learn little by heart")
    strong, some = (300_000, 1_000_000) if width >= 512 else (30_000, 300_000)
    what = f"{counted(pairs, 'pair')} for a network {width} wide"
    if pairs < strong:
        return Choice("model.dropout", 0.3, f"{what}; few pairs want much of it (Araabi and Monz 2020)")
    return Choice("model.dropout", 0.2 if pairs < some else 0.1, what)


def _pieces(characters: float) -> tuple[int, str]:
    """A vocabulary for so much text, both sides together, and the reason."""
    size = next((size for most, size in VOCABULARIES if characters <= most), LARGEST_VOCABULARY)
    amount = f"{characters / 1e6:.2g} million" if characters < 1e7 else f"{characters / 1e6:,.0f} million"
    return size, f"{amount} characters; pieces that occur seldom are not learnt (Gowda and May 2020)"


def _sides(facts: DataFacts) -> tuple[tuple[Literal["source", "target"], float], ...]:
    return ("source", facts.source_characters), ("target", facts.target_characters)

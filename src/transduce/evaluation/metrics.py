"""The table of metrics by name."""

import difflib
from collections.abc import Collection
from functools import partial

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from transduce.evaluation.classification import Accuracy, MacroF1
from transduce.evaluation.error_rates import ErrorRate, ExactMatch
from transduce.evaluation.metric import Metric
from transduce.evaluation.numbers import MeanAbsoluteError, RootMeanSquaredError
from transduce.evaluation.sacrebleu import SacreBleu

USUAL: tuple[Metric, ...] = (
    # n-grams of words up to 4 (Papineni et al. 2002), tokenised by the 13a rules
    SacreBleu("bleu", BLEU),
    # chrF2: F score of character n-grams up to 6, which credits parts of words too (Popović 2015)
    SacreBleu("chrf", CHRF),
    # word edits and shifts of phrases (Snover et al. 2006); the search for shifts is slow
    SacreBleu("ter", TER, higher_is_better=False, costly=True),
    ErrorRate("token-error-rate", "token"),
    ErrorRate("word-error-rate", "word"),
    ErrorRate("character-error-rate", "character"),
    ExactMatch(),
)

ON_DEMAND: tuple[Metric, ...] = (  # only if named
    SacreBleu("bleu-lowercase", partial(BLEU, lowercase=True)),
    SacreBleu("bleu-intl", partial(BLEU, tokenize="intl")),  # separates punctuation of all scripts
    SacreBleu("bleu-zh", partial(BLEU, tokenize="zh")),  # separates Chinese characters
    SacreBleu("bleu-char", partial(BLEU, tokenize="char")),  # separates all characters, for languages without spaces
    SacreBleu("bleu-none", partial(BLEU, tokenize="none")),  # for tokenised text
    SacreBleu("chrf++", partial(CHRF, word_order=2)),  # chrF with words and pairs of words (Popović 2017)
)

OF_LABELS: tuple[Metric, ...] = (Accuracy(), MacroF1())

OF_NUMBERS: tuple[Metric, ...] = (MeanAbsoluteError(), RootMeanSquaredError())

METRICS = {metric.name: metric for metric in (*USUAL, *ON_DEMAND, *OF_LABELS, *OF_NUMBERS)}

FIGURES = ("perplexity", "bits-per-byte")  # of a model's probabilities, not of its outputs

# metrics of validations during training
QUICK_METRICS = {each.name: each for each in (*USUAL, *OF_LABELS, *OF_NUMBERS) if not each.costly}
ERROR_RATES = frozenset(name for name, each in METRICS.items() if not each.higher_is_better)


def variants_of(names: Collection[str]) -> tuple[str, ...]:
    """The metrics on demand that are variants of `names`: `variants_of(("chrf", "ter")) == ("chrf++",)`."""
    stems = [each.name.partition("-")[0].rstrip("+") for each in ON_DEMAND]
    return tuple(each.name for each, stem in zip(ON_DEMAND, stems, strict=True) if stem in names)


def metric(name: str) -> Metric:
    """The metric called `name`. ValueError with the nearest name, or all of them."""
    if name in METRICS:
        return METRICS[name]
    names = [*METRICS, *FIGURES]
    near = difflib.get_close_matches(name, names, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
    raise ValueError(f"unknown metric {name!r}; {advice}")

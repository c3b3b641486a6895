"""The metrics by name."""

from transduce.evaluation.error_rates import ErrorRate, ExactMatch
from transduce.evaluation.score import Metric
from transduce.evaluation.translation import Bleu, Chrf

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Bleu(),
        Chrf(),
        ErrorRate("token-error-rate", "token"),
        ErrorRate("word-error-rate", "word"),
        ErrorRate("character-error-rate", "character"),
        ExactMatch(),
    )
}

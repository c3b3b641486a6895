"""BLEU, chrF and TER are sacreBLEU's, with several references each."""

import random

import pytest
import sacrebleu
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from transduce.evaluation.metrics import METRICS

WORDS = ["the", "cat", "dog", "sat,", "on", "mat.", "It's", "Über-café", "said", "“no”", "3,000"]


def corpus(seed: int, most: int) -> tuple[list[str], list[list[str]]]:
    """Random sentences with 1 to `most` references that share most words with them."""
    source = random.Random(seed)
    hypotheses, references = [], []
    for _ in range(30):
        words = source.choices(WORDS, k=source.randint(1, 15))
        hypotheses.append(" ".join(words))
        answers = []
        for _ in range(source.randint(1, most)):
            answers.append(" ".join(w if source.random() < 0.8 else source.choice(WORDS) for w in words))
        references.append(answers)
    return hypotheses, references


def test_one_reference_agrees_with_the_corpus_functions() -> None:
    hypotheses, references = corpus(0, 1)
    stream = [[answers[0] for answers in references]]
    bleu, chrf = METRICS["bleu"].compute(hypotheses, references), METRICS["chrf"].compute(hypotheses, references)
    assert bleu.value == sacrebleu.corpus_bleu(hypotheses, stream).score
    assert chrf.value == sacrebleu.corpus_chrf(hypotheses, stream).score
    ter = METRICS["ter"].compute(hypotheses, references)
    assert ter.value == sacrebleu.corpus_ter(hypotheses, stream).score
    assert 0 < ter.value < 100
    assert 0 < bleu.value < 100
    assert 0 < chrf.value < 100


@pytest.mark.parametrize("seed", range(3))
def test_a_varying_number_of_references_agrees_with_streams_of_none(seed: int) -> None:
    hypotheses, references = corpus(seed, 3)
    streams = [[(answers + [None] * 3)[r] for answers in references] for r in range(3)]
    for name, metric in (("bleu", BLEU()), ("chrf", CHRF()), ("ter", TER())):
        score = METRICS[name].compute(hypotheses, references)
        assert score.value == metric.corpus_score(hypotheses, streams).score
        assert score.signature == str(metric.get_signature())
        assert "nrefs:var" in score.signature


def test_empty_text_is_no_error() -> None:
    for name in ("bleu", "chrf"):
        assert METRICS[name].compute(["", ""], [["a b"], ["c"]]).value == 0
        assert METRICS[name].compute(["a b c d e", "x"], [["a b c d e", ""], ["", "x"]]).value > 50


def test_a_shifted_phrase_is_one_edit_to_ter() -> None:
    score = METRICS["ter"].compute(["on the mat sat a cat"], [["a cat sat on the mat"]])
    assert score.value < METRICS["word-error-rate"].compute(["on the mat sat a cat"], [["a cat sat on the mat"]]).value
    assert METRICS["ter"].compute(["b a"], [["a b"]]).value == pytest.approx(50)
    assert "case:lc|tok:tercom" in score.signature

"""BLEU, chrF and TER are sacreBLEU's, with several references each."""

import random
from typing import Any

import pytest
import sacrebleu
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from transduce.evaluation.metric import measure
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
    bleu, chrf = measure(METRICS["bleu"], hypotheses, references), measure(METRICS["chrf"], hypotheses, references)
    assert bleu.value == sacrebleu.corpus_bleu(hypotheses, stream).score
    assert chrf.value == sacrebleu.corpus_chrf(hypotheses, stream).score
    ter = measure(METRICS["ter"], hypotheses, references)
    assert ter.value == sacrebleu.corpus_ter(hypotheses, stream).score
    assert 0 < ter.value < 100
    assert 0 < bleu.value < 100
    assert 0 < chrf.value < 100


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("bleu-lowercase", {"lowercase": True}),
        ("bleu-intl", {"tokenize": "intl"}),
        ("bleu-zh", {"tokenize": "zh"}),
        ("bleu-char", {"tokenize": "char"}),
        ("bleu-none", {"tokenize": "none"}),
    ],
)
def test_bleu_on_demand_agrees_with_the_corpus_function(name: str, settings: dict[str, Any]) -> None:
    outputs = ["The cat, 「猫」 sat 在垫子上。", "我爱北京。", "A b C d e."]
    references = [["the cat, 「猫」 sat 在桌子上。"], ["我爱北京天安门。"], ["a B c d e."]]
    found = measure(METRICS[name], outputs, references)
    expected = sacrebleu.corpus_bleu(outputs, [[answer for (answer,) in references]], **settings)
    assert found.value == expected.score > 0
    assert found.value != measure(METRICS["bleu"], outputs, references).value or name == "bleu-intl"
    assert str(settings.get("tokenize", "case:lc")) in found.signature


def test_chrf_with_words_agrees_with_the_corpus_function() -> None:
    outputs, references = corpus(1, 1)
    found = measure(METRICS["chrf++"], outputs, references)
    assert found.value == sacrebleu.corpus_chrf(outputs, [[answer for (answer,) in references]], word_order=2).score
    assert "nw:2" in found.signature


@pytest.mark.parametrize("seed", range(3))
def test_a_varying_number_of_references_agrees_with_streams_of_none(seed: int) -> None:
    hypotheses, references = corpus(seed, 3)
    streams = [[(answers + [None] * 3)[r] for answers in references] for r in range(3)]
    for name, metric in (("bleu", BLEU()), ("chrf", CHRF()), ("ter", TER())):
        score = measure(METRICS[name], hypotheses, references)
        assert score.value == metric.corpus_score(hypotheses, streams).score
        assert score.signature == str(metric.get_signature())
        assert "nrefs:var" in score.signature


def test_empty_text_is_no_error() -> None:
    for name in ("bleu", "chrf"):
        assert measure(METRICS[name], ["", ""], [["a b"], ["c"]]).value == 0
        assert measure(METRICS[name], ["a b c d e", "x"], [["a b c d e", ""], ["", "x"]]).value > 50


def test_a_shifted_phrase_is_one_edit_to_ter() -> None:
    score = measure(METRICS["ter"], ["on the mat sat a cat"], [["a cat sat on the mat"]])
    assert score.value < measure(METRICS["word-error-rate"], ["on the mat sat a cat"], [["a cat sat on the mat"]]).value
    assert measure(METRICS["ter"], ["b a"], [["a b"]]).value == pytest.approx(50)
    assert "case:lc|tok:tercom" in score.signature

"""What all metrics share: names, refusals, signatures."""

from functools import partial

import pytest

from transduce.evaluation.metric import measure
from transduce.evaluation.metrics import METRICS, OF_LABELS, OF_NUMBERS, ON_DEMAND, QUICK_METRICS, USUAL, metric

OF_TEXTS = [name for name in METRICS if name not in {each.name for each in OF_NUMBERS}]


@pytest.mark.parametrize("name", OF_TEXTS)
def test_a_metric_says_what_it_measured(name: str) -> None:
    each = METRICS[name]
    text = ["the cat sat on the mat", "a dog barked at the moon"]
    score = measure(each, text, [[line] for line in text])
    assert (score.name, score.higher_is_better) == (name, each.higher_is_better)
    assert score.value == pytest.approx(100 if each.higher_is_better else 0)
    assert "nrefs:1" in score.signature
    assert str(score).startswith(f"{name} {score.value:.2f} (")
    worse = measure(each, ["something else entirely", "again"], [[line] for line in text])
    assert (worse.value < score.value) == each.higher_is_better
    assert "nrefs:var" in measure(each, text, [[text[0], "another"], [text[1]]]).signature


@pytest.mark.parametrize("name", METRICS)
def test_refusals(name: str) -> None:
    compute = partial(measure, METRICS[name])
    with pytest.raises(ValueError, match="nothing to score"):
        compute([], [])
    with pytest.raises(ValueError, match="found 1 for 2"):
        compute(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match="hypothesis 2 has no reference"):
        compute(["a", "b"], [["a"], []])
    with pytest.raises(ValueError, match="must be a list, found the string 'abc'"):
        compute(["abc"], ["abc"])


def test_the_names() -> None:
    assert [each.name for each in USUAL] == [
        "bleu", "chrf", "ter", "token-error-rate", "word-error-rate", "character-error-rate", "exact-match"
    ]  # fmt: skip
    assert len(METRICS) == len(USUAL) + len(ON_DEMAND) + len(OF_LABELS) + len(OF_NUMBERS)


def test_validations_do_without_the_slow_one() -> None:
    assert {each.name for each in USUAL} - QUICK_METRICS.keys() == {"ter"}
    assert not {each.name for each in ON_DEMAND} & QUICK_METRICS.keys()


@pytest.mark.parametrize("name", OF_TEXTS)
def test_values_of_any_part_come_from_the_sums_of_its_sentences(name: str) -> None:
    """What resampling, breakdowns and tables of sentences rest on."""
    each = METRICS[name]
    hypotheses = ["the cat sat on a mat", "dogs bark", "", "不错 的 猫", "x"]
    references = [["a cat sat on the mat", "the cat sat"], ["dogs bark loudly"], ["nothing"], ["很好 的 猫"], ["x"]]
    statistics = each.statistics(hypotheses, references)
    for part in ([0, 1, 2, 3, 4], [3], [2], [1, 4], [0, 0, 3]):
        expected = measure(each, [hypotheses[i] for i in part], [references[i] for i in part]).value
        assert each.values(statistics[part].sum(0, keepdims=True))[0] == pytest.approx(expected)
    assert each.values(statistics[[[0], [1]]].sum(1)).shape == (2,)


@pytest.mark.parametrize(
    ("name", "message"), [("chr", "unknown metric 'chr'; did you mean 'chrf'?"), ("zzz", "known: bleu, chrf, ter")]
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        metric(name)
    assert message in str(error.value)
    assert metric("ter") is METRICS["ter"]

"""What all metrics share: names, refusals, signatures."""

import pytest

from transduce.evaluation.metrics import METRICS


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_says_what_it_measured(name: str) -> None:
    metric = METRICS[name]
    text = ["the cat sat on the mat", "a dog barked at the moon"]
    score = metric.compute(text, [[line] for line in text])
    assert (score.name, score.higher_is_better) == (name, metric.higher_is_better)
    assert score.value == pytest.approx(100 if metric.higher_is_better else 0)
    assert "nrefs:1" in score.signature
    assert str(score).startswith(f"{name} {score.value:.2f} (")
    worse = metric.compute(["something else entirely", "again"], [[line] for line in text])
    assert (worse.value < score.value) == metric.higher_is_better
    assert "nrefs:var" in metric.compute(text, [[text[0], "another"], [text[1]]]).signature


@pytest.mark.parametrize("name", METRICS)
def test_refusals(name: str) -> None:
    compute = METRICS[name].compute
    with pytest.raises(ValueError, match="nothing to score"):
        compute([], [])
    with pytest.raises(ValueError, match="2 hypotheses but references for 1"):
        compute(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match="hypothesis 2 has no reference"):
        compute(["a", "b"], [["a"], []])
    with pytest.raises(ValueError, match="must be a list, found the string 'abc'"):
        compute(["abc"], ["abc"])


def test_the_names() -> None:
    assert set(METRICS) == {
        "bleu", "chrf", "token-error-rate", "word-error-rate", "character-error-rate", "exact-match"
    }  # fmt: skip

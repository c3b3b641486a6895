"""Methods of translating: searched, drawn, of least risk, sentence by sentence."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

import tiny_model
from transduce.decoding.strategies.sampling import Sampling
from transduce.evaluation.minimum_risk import choose
from transduce.models.model import Model, load
from transduce.tasks.outputs import Output, in_order
from transduce.text.sentences import Sentence
from transduce.workflows.predict.method import Method, join_sentences, least_risk

LINES = ["bar dar", "", "mit dar bis kos", "nut", "lot lus", "bar dar"]
PARAGRAPHS = ["Bar dar.  Mit dar? Nut!", "", "  lot", "dos.\tkus.\n\nnas. "]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(tiny_model.write(tmp_path_factory.mktemp("tiny")), "cpu")


def drawn(model: Model, number: int = 1, seed: int = 1) -> Method:
    return Method(model.decoding(sampling=Sampling(seed=seed), n_best=number))


def outputs(method: Method, model: Model, lines: Sequence[str], **rest: Any) -> list[list[Output]]:
    """Of each line, in the order of the lines."""
    return list(in_order(method.outputs(model, lines, **rest)))


def texts(found: Sequence[Sequence[Output]]) -> list[list[str]]:
    return [[output.text for output in each] for each in found]


def test_plain_search_is_the_models_own(model: Model) -> None:
    method = Method(model.decoding(n_best=2))
    assert texts(outputs(method, model, LINES)) == texts(model.translate_n_best(LINES, n_best=2))
    assert method.places(LINES) == 5


@pytest.mark.parametrize("cuts", [[3], [1, 2], [2, 4, 5]])
def test_draws_depend_on_the_place_and_not_on_the_batch(model: Model, cuts: list[int]) -> None:
    method = drawn(model, 3)
    whole = texts(outputs(method, model, LINES))
    parts: list[list[str]] = []
    place = 0
    for start, end in zip([0, *cuts], [*cuts, len(LINES)], strict=True):
        parts += texts(outputs(method, model, LINES[start:end], first_place=place))
        place += method.places(LINES[start:end])
    assert parts == whole
    assert whole[0] != whole[5]  # the same line at another place
    assert texts(outputs(drawn(model, 3, seed=2), model, LINES)) != whole


def test_draws_of_paragraphs_depend_on_the_place_of_their_sentences(model: Model) -> None:
    method = replace(drawn(model), language="en")
    whole = texts(outputs(method, model, PARAGRAPHS))
    first = texts(outputs(method, model, PARAGRAPHS[:1]))
    assert method.places(PARAGRAPHS[:1]) == 3
    assert first + texts(outputs(method, model, PARAGRAPHS[1:], first_place=3)) == whole


def test_least_risk_chooses_among_the_draws(model: Model) -> None:
    candidates = outputs(drawn(model, 8), model, LINES)
    chosen = outputs(replace(drawn(model, 8), least_risk=True), model, LINES)
    assert [len(each) for each in chosen] == [1] * len(LINES)
    for each, (best,) in zip(candidates, chosen, strict=True):
        assert best == each[choose([output.text for output in each])]
    assert any(each[0] != best for each, (best,) in zip(candidates, chosen, strict=True))


def test_least_risk_after_a_prefix_compares_whole_texts_by_the_probability_of_their_continuations(model: Model) -> None:
    lines, prefixes = ["bar kus", "mit"], ["kos", "nut lot"]
    method = Method(model.decoding(n_best=5, alpha=1.5), least_risk=True)
    candidates = model.translate_n_best(lines, prefixes=prefixes, n_best=5, alpha=1.5)
    for each, (best,), prefix in zip(
        candidates, outputs(method, model, lines, prefixes=prefixes), prefixes, strict=True
    ):
        weights = [math.exp(output.log_probability) for output in each]
        assert best == each[choose([output.text for output in each], weights)] and best.text.startswith(prefix)
        for output in each:
            length = len(output.token_log_probabilities)
            assert output.score == pytest.approx(output.log_probability / length**1.5, rel=1e-5)


def test_what_a_search_found_counts_by_its_probability() -> None:
    def output(text: str, probability: float) -> Output:
        return Output(text, math.log(probability), math.log(probability))

    found = [output("xyz", 0.6), output("the cat sat", 0.2), output("the cat sits", 0.1)]
    assert least_risk(found, weighted=True).text == "xyz"
    assert least_risk(found, weighted=False).text.startswith("the cat")
    far_below = [replace(each, log_probability=each.log_probability - 2000) for each in found]
    assert least_risk(far_below, weighted=True).text == "xyz"


def test_sentences_are_translated_apart_and_joined_as_they_stood(model: Model) -> None:
    method = Method(model.decoding(), language="en")
    found = texts(outputs(method, model, PARAGRAPHS))
    bar, mit, nut, lot, dos, kus, nas = model.translate(["Bar dar.", "Mit dar?", "Nut!", "lot", "dos.", "kus.", "nas."])
    assert found == [[f"{bar}  {mit} {nut}"], [""], [f"  {lot}"], [f"{dos}\t{kus}\n\n{nas} "]]
    assert [place for place, _ in method.outputs(model, PARAGRAPHS)] == [0, 1, 2, 3]


def test_a_paragraph_longer_than_the_model_takes_is_not_cut(model: Model) -> None:
    paragraph = " ".join("Bar dar mit." for _ in range(60))
    ((output,),) = outputs(Method(model.decoding(), language="en"), model, [paragraph])
    assert not output.source_cut
    assert output.text == " ".join(model.translate(["Bar dar mit."]) * 60)
    assert model.translate_n_best([paragraph])[0][0].source_cut


def test_tokens_of_a_paragraph_are_those_of_its_sentences(model: Model) -> None:
    ((output,),) = outputs(Method(model.decoding(beam=1), language="en"), model, ["Bar dar.  Mit dar? Nut!"])
    parts = [found[0] for found in model.translate_n_best(["Bar dar.", "Mit dar?", "Nut!"], beam=1)]
    assert output.token_log_probabilities == pytest.approx([p for each in parts for p in each.token_log_probabilities])
    assert output.pieces == tuple(piece for each in parts for piece in each.pieces)
    assert output.log_probability == pytest.approx(sum(each.log_probability for each in parts))
    weights = [len(each.token_log_probabilities) for each in parts]
    mean = sum(w * math.log(each.confidence) for w, each in zip(weights, parts, strict=True)) / sum(weights)
    assert output.confidence == pytest.approx(math.exp(mean))
    assert output.ended == all(each.ended for each in parts)


def test_ends_within_a_paragraph_are_tokens_of_it(model: Model) -> None:
    tokenizer = model.processors.tokenizer("target")
    (das,) = tokenizer.encode("bar")
    ended = Output("bar", -1.0, -1.0, ids=(das,), token_log_probabilities=(-0.5, -0.5), tokenizer=tokenizer)
    cut = replace(ended, ended=False, token_log_probabilities=(-1.0,))
    sentences = [Sentence("a.", " "), Sentence("b.", "")]
    assert join_sentences(sentences, [ended, cut], 1.0).pieces == ("bar", "</s>", "bar")
    assert join_sentences(sentences, [cut, ended], 1.0).pieces == ("bar", "bar", "</s>")
    assert join_sentences(sentences, [ended, ended], 2.0).score == pytest.approx(-2 / 4**2)
    assert not join_sentences(sentences, [cut, ended], 1.0).ended


def test_what_paragraphs_cannot_have(model: Model) -> None:
    with pytest.raises(ValueError, match="n-best must be 1 where paragraphs"):
        Method(model.decoding(n_best=2), language="en")
    with pytest.raises(ValueError, match="expected a language code"):
        Method(model.decoding(), language="english")
    with pytest.raises(ValueError, match="a prefix is for a whole line"):
        outputs(Method(model.decoding(), language="en"), model, ["A b."], prefixes=["c"])
    Method(model.decoding(n_best=2), least_risk=True, language="en")


def test_frequencies_of_draws_match_the_models_probabilities(model: Model) -> None:
    """Over the whole way from a line to texts: first tokens of 2,000 draws of one line."""
    found = outputs(Method(model.decoding(sampling=Sampling(), n_best=2000, max_length=1)), model, ["bar dar"])[0]
    counts = Counter(output.ids for output in found)
    for output in {output.ids: output for output in found}.values():
        probability = math.exp(output.log_probability)
        sigma = math.sqrt(2000 * probability * (1 - probability))
        assert abs(counts[output.ids] - 2000 * probability) < 5 * sigma + 1

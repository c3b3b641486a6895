"""A model in use, through `transduce.load`."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

import tiny_model
import transduce
from transduce.data.processors import Processors
from transduce.decoding.config import Decoding, Generation
from transduce.decoding.strategies.sampling import Sampling
from transduce.models import folder as model_folder
from transduce.models.folder import ModelConfig
from transduce.models.model import Model
from transduce.networks.presets import PRESETS
from transduce.networks.tensors import tensors_of
from transduce.tasks.outputs import LineError
from transduce.tasks.translation import TRANSLATION, prefix_rows, source_rows
from transduce.text.config import TokenizerConfig
from transduce.text.learn.learn import train
from transduce.text.special import UNKNOWN
from transduce.text.tokenizer import Tokenizer

LINES = ["eine Zeile", "b", "noch eine ganz andere Zeile, die länger ist", "", "Wörter", "b"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "model"
    tiny_model.write(folder)
    return transduce.load(folder)


def test_outputs_come_in_order_and_blank_lines_stay_blank(model):
    outputs = model.translate(LINES, beam=2)
    assert len(outputs) == len(LINES) and outputs[3] == "" and outputs[1] == outputs[5]


@pytest.mark.parametrize("beam", [1, 4])
def test_scores_do_not_depend_on_who_shares_the_batch(model, beam):
    """To 1e-5 in float32, for the same output."""
    together = model.translate_n_best(LINES, beam=beam)
    for line, outputs in zip(LINES, together, strict=True):
        alone = model.translate_n_best([line], beam=beam)[0][0]
        assert alone.text == outputs[0].text
        assert alone.log_probability == pytest.approx(outputs[0].log_probability, abs=1e-5)


def test_score_of_an_output_is_what_the_search_gave_it(model):
    """Teacher-forced scoring and step-by-step search see the same probabilities, where the search reached an end."""
    pairs, expected = [], []
    for line in LINES[:3]:
        for output in model.translate_n_best([line], beam=4, n_best=4)[0]:
            ids = model.processors.tokenizer("target").encode(output.text)
            scored = model.score([(line, output.text)])[0]
            if len(scored.tokens) == len(ids) + 1 and output.score != 0:
                pairs.append((line, output.text))
                expected.append(scored.log_probability)
    batch = [scored.log_probability for scored in model.score(pairs)]
    assert batch == pytest.approx(expected, abs=1e-4)


def test_score_adds_up_and_names_its_tokens(model):
    for scored in model.score([("a", "b c"), ("long source line", "")]):
        assert scored.log_probability == pytest.approx(math.fsum(scored.tokens))
        assert len(scored.pieces) == len(scored.tokens) and scored.pieces[-1] == "</s>"
        assert all(value <= 0 for value in scored.tokens)


def test_scores_of_pairs_do_not_depend_on_their_order(model):
    pairs = [(line, line[::-1]) for line in LINES if line]
    forward, backward = model.score(pairs), model.score(pairs[::-1])
    for a, b in zip(forward, backward[::-1], strict=True):
        assert a.log_probability == pytest.approx(b.log_probability, abs=1e-4)


@pytest.mark.parametrize("method", ["translate", "predict"])
def test_several_outputs_are_for_the_method_that_returns_them(model, method):
    advice = "call translate_n_best" if method == "translate" else "leave n_best out"
    with pytest.raises(ValueError, match=f"{method} returns one output for each input, found n_best = 2; {advice}"):
        getattr(model, method)(["b"], n_best=2)
    assert getattr(model, method)(["b"], n_best=1) == getattr(model, method)(["b"])


def test_n_best_is_sorted_and_different(model):
    outputs = model.translate_n_best(["eine Zeile"], beam=4, n_best=4)[0]
    scores = [output.score for output in outputs]
    assert scores == sorted(scores, reverse=True) and len(outputs) == 4


def test_a_beam_narrower_than_n_best_is_refused(model):
    with pytest.raises(ValueError, match="n-best must be at most beam"):
        model.translate_n_best(["x"], beam=2, n_best=3)


def test_the_network_is_a_module_in_evaluation_mode(model):
    assert isinstance(model.network, torch.nn.Module) and not model.network.training


def test_saving_what_was_loaded_gives_the_same_weights(model, tmp_path):
    weights = tensors_of(model.network)
    model_folder.save(tmp_path / "again", model.config, weights, model.processors, model.generation, "# again\n")
    again = transduce.load(tmp_path / "again")
    for name, weight in again.network.named_parameters():
        assert torch.equal(weight, weights[name])
    assert again.translate(LINES) == model.translate(LINES)


def test_training_mode_is_refused(model):
    model.network.train()
    try:
        for use in (lambda: model.translate(["x"]), lambda: model.score([("x", "y")])):
            with pytest.raises(ValueError, match="training mode"):
                use()
    finally:
        model.network.eval()


def test_a_single_string_is_refused(model):
    with pytest.raises(ValueError, match=r"use \[line\]"):
        model.translate("abc")


def test_any_iterable_of_lines_and_pairs_will_do(model):
    assert model.translate(line for line in LINES[:2]) == model.translate(LINES[:2])
    assert len(model.score(zip(["a", "b"], ["c", "d"], strict=True))) == 2


@pytest.mark.parametrize("pairs", [["ab"], [("a",)], [("a", "b", "c")], [("a", 1)]])
def test_what_is_no_pair_is_refused(model, pairs):
    with pytest.raises((ValueError, TypeError)):
        model.score(pairs)


def test_score_cuts_what_translate_cuts(model):
    limit = model.generation.max_source
    long, cut = model.score([("x " * limit, "y"), ("x " * 2 * limit, "y")])
    assert long.source_cut and cut.source_cut
    assert long.log_probability == pytest.approx(cut.log_probability, abs=1e-5)


def test_an_output_cut_at_the_limit_says_so(model, monkeypatch):
    monkeypatch.setattr(model, "generation", replace(model.generation, max_length=2))
    outputs = model.translate_n_best(["noch eine Zeile"], beam=1)[0]
    assert outputs[0].ended == (len(model.processors.tokenizer("target").encode(outputs[0].text)) < 2)


def test_a_source_that_is_too_long_is_cut_with_a_warning(model):
    limit = model.generation.max_source
    with pytest.warns(UserWarning, match=f"line 2 has more than {limit} tokens"):
        outputs = model.translate(["short", "x " * limit, "short"], beam=1)
    assert outputs[0] == outputs[2]
    assert model.translate_n_best(["x " * limit], beam=1)[0][0].source_cut


def test_confidence_is_the_geometric_mean_of_the_tokens_probabilities(model):
    for outputs in model.translate_n_best(LINES, beam=4, n_best=3):
        for output in outputs:
            product = math.prod(output.token_probabilities)
            assert output.confidence == pytest.approx(product ** (1 / max(1, len(output.token_probabilities))))
            assert len(output.pieces) == len(output.token_probabilities)
            assert output.log_probability == pytest.approx(sum(output.token_log_probabilities), abs=1e-6)
            assert (output.pieces[-1:] == ("</s>",)) == (output.ended and output.text != "")


def test_tokens_of_an_output_have_the_probabilities_that_scoring_gives_them(model):
    output = model.translate_n_best(["eine Zeile"], beam=3, n_best=3)[0][0]
    scored = model.score([("eine Zeile", output.text)])[0]
    if scored.pieces[: len(output.pieces)] == output.pieces:
        assert scored.tokens[: len(output.pieces)] == pytest.approx(output.token_log_probabilities, abs=1e-4)


def test_translate_takes_every_setting_of_decoding(model):
    outputs = model.translate_n_best(LINES, beam=5, n_best=3, max_length=6)
    assert [len(each) for each in outputs] == [3, 3, 3, 1, 3, 3]
    assert max(len(output.token_probabilities) for each in outputs for output in each) == 6
    with pytest.raises(ValueError, match="unknown key 'beam-size'"):
        model.translate(LINES, beam_size=4)


def test_settings_derive_from_the_models_own(model, monkeypatch):
    own = replace(model.generation, beam=6, groups=3, diversity=0.5, alpha=0.7, no_repeat_ngram=4)
    monkeypatch.setattr(model, "generation", own)
    assert model.decoding() == own.decoding()
    assert model.decoding(n_best=8).beam == 9  # wide enough, and the groups still divide it
    drawn = model.decoding(sampling=Sampling(), n_best=20)
    assert (drawn.groups, drawn.no_repeat_ngram, drawn.n_best) == (1, 4, 20)
    assert model.decoding(beam=1) == replace(own.decoding(), beam=1, groups=1, diversity=0.0)
    assert model.decoding(groups=1) == replace(own.decoding(), groups=1, diversity=0.0)
    with pytest.raises(ValueError, match="groups must divide beam"):
        model.decoding(beam=4)


def test_a_forced_prefix_begins_the_text_and_counts_nowhere_else(model):
    prefixes = ["lot nas", "", "kus", "lot", "", ""]
    forced = model.translate_n_best(LINES, beam=2, prefixes=prefixes)
    free = model.translate_n_best(LINES, beam=2)
    for prefix, line, (best, *_), (other, *_) in zip(prefixes, LINES, forced, free, strict=True):
        if not line:
            assert best.text == ""
        elif prefix:
            assert best.text.startswith(f"{prefix} ")
            own = best.pieces[:-1] if best.ended else best.pieces
            assert [*prefix.split(), *own] == best.text.split()
            assert best.log_probability == pytest.approx(sum(best.token_log_probabilities), abs=1e-6)
            assert best.score == pytest.approx(best.log_probability / len(best.token_log_probabilities), abs=1e-6)
            assert len(best.ids) + best.ended == len(best.token_log_probabilities)
        else:
            assert best.text == other.text
    assert model.translate(LINES, beam=2, prefixes=prefixes) == [each[0].text for each in forced]


def test_prefixes_that_cannot_be(model):
    with pytest.raises(ValueError, match="expected a prefix for each of 1 line, found 2"):
        model.translate(["a"], prefixes=["lot", "nas"])
    with pytest.raises(LineError, match="line 2: the prefix has the word 'Baum'") as refused:
        model.translate(["a", "b"], prefixes=["lot", "lot Baum"])
    assert refused.value.place == 1
    with pytest.raises(LineError, match="line 3: the prefix has 2 tokens, but the output may have at most 2"):
        model.translate(["a", "", "b"], max_length=2, prefixes=["lot", "lot nas", "lot nas"])


def test_tags_stand_before_the_source(tmp_path):
    tiny_model.write(tmp_path / "tagged", tags=("de", "fr"))
    tagged = transduce.load(tmp_path / "tagged", "cpu")
    lines = ["bar dar", "", "mit dar bis"]
    rows, cut = source_rows(tagged, lines, [("fr",), (), ["de", "fr"]])
    assert [row[:2] for row in rows] == [[5, rows[0][1]], [], [4, 5]] and not any(cut)
    by_line = tagged.translate(lines, tags=[("fr",), (), ("de",)])
    assert by_line[0] == tagged.translate(["bar dar"], tags=[("fr",)])[0]
    assert by_line[2] == tagged.translate(["mit dar bis"], tags=[("de",)])[0]
    german, french = (tagged.score([("bar", "dar")], tags=[(tag,)])[0].log_probability for tag in ("de", "fr"))
    assert german != french
    with pytest.raises(ValueError, match=r"unknown tag 'xx'; known: de, fr"):
        tagged.translate(lines, tags=[("xx",)] * 3)
    records = [{"source": "bar dar", "tag": "fr"}, {"source": "bar dar", "tags": ["fr"]}]
    assert [each.text for each in tagged.predict(records)] == 2 * tagged.translate(["bar dar"], tags=[("fr",)])
    with pytest.raises(ValueError, match="unknown tag 'xx'"):
        tagged.predict([{"source": "bar", "tag": "xx"}])
    with pytest.raises(ValueError, match="expected the tags of each line"):
        tagged.translate(["bar"], tags=["de"])
    with pytest.raises(ValueError, match="expected the tags of each of 3 texts, found 1"):
        tagged.translate(lines, tags=[("de",)])


def ids_of_prefix(tokenizer: Tokenizer, prefix: str) -> Sequence[int]:
    """The ids with which the output for a line begins."""
    processors = Processors({"source": tokenizer, "target": tokenizer})
    config = ModelConfig(TRANSLATION, PRESETS["transformer-tiny"]())
    model = Model(config, TRANSLATION.network(config.network, processors), processors, Generation())
    return prefix_rows(model, [prefix], [[4]], [0], Decoding())[0]


@pytest.mark.parametrize("kind", ["unigram", "bpe", "characters"])
@pytest.mark.parametrize("prefix", ["the cat", "the cat ", "the ca", " the", "", "  "])
def test_prefixes_of_texts_become_tokens_that_spell_them(kind, prefix):
    lines = ["the cat sat on the mat", "a cat is on a hat", "the hat on the mat"]
    config = TokenizerConfig(kind=kind, vocabulary=290, exact=False)
    tokenizer = train(lines, config.side("target"), config)
    ids = ids_of_prefix(tokenizer, prefix)
    assert tokenizer.decode(ids) == (prefix if kind == "characters" else prefix.rstrip())
    if prefix == "the cat " and kind != "characters":
        assert ids == tokenizer.encode("the cat")


def test_a_word_of_a_prefix_is_named_as_it_stands_there():
    """NFKC makes two words of one with an accent that stands alone, and puts a space before it."""
    config = TokenizerConfig(kind="words", vocabulary=10, normalisation="nfkc")
    tokenizer = train(["l lait", "l eau"], config.side("target"), config)
    with pytest.raises(LineError, match="the prefix has the word '\u00b4ami'"):
        ids_of_prefix(tokenizer, "l\u00b4ami")


@pytest.mark.parametrize("settings", [{"beam": 1}, {"beam": 3}, {"sampling": Sampling(seed=1)}])
def test_no_output_has_the_piece_of_unknown_words(model, monkeypatch, settings):
    """A model of words learns to write it, and it spells nothing."""
    likely = torch.zeros(model.processors["target"].size)
    likely[UNKNOWN] = 50.0
    inner = model.network.head.logits
    monkeypatch.setattr(model.network.head, "logits", lambda hidden: inner(hidden) + likely)
    results = model.translate_n_best(LINES, **settings)
    assert sum(len(outputs[0].ids) for outputs in results) > 10
    assert not any(UNKNOWN in outputs[0].ids for outputs in results)


def test_targets_that_would_fill_the_memory_are_refused(model):
    with pytest.raises(ValueError, match="target 2 has 9,000 tokens, at most 8,192 are scored; put one"):
        model.score([("a", "b"), ("a", "bar " * 9000)])

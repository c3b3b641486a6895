"""The same search as transformers' `generate` with `early_stopping="never"`, on a T5 and a GPT-2 with random weights."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import GPT2LMHeadModel, T5ForConditionalGeneration
from uncached_models import GPT2_SPECIAL, T5_SPECIAL, UncachedGPT2, UncachedT5, random_gpt2, random_t5

from transduce.decoding.config import Decoding
from transduce.decoding.engine import decode_all
from transduce.decoding.hypothesis import Hypothesis
from transduce.decoding.requests import Request

LIMIT = 12


@pytest.fixture(scope="module")
def network() -> T5ForConditionalGeneration:
    return random_t5()


def inputs(seed: int, sentences: int, vocabulary: int) -> tuple[Tensor, Tensor, list[list[int]]]:
    """Padded sources, their mask, and the same as lists."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, 8, (sentences,), generator=generator)
    sources = torch.randint(2, vocabulary, (sentences, 8), generator=generator)
    mask = torch.arange(8) < lengths[:, None]
    return sources * mask, mask.long(), [row[:n].tolist() for row, n in zip(sources, lengths, strict=True)]


def generated(network: T5ForConditionalGeneration, sources: Tensor, mask: Tensor, **settings: Any) -> Any:
    return network.generate(
        sources,
        attention_mask=mask,
        max_length=LIMIT + 1,  # it counts the start token
        suppress_tokens=[0],
        do_sample=False,
        return_dict_in_generate=True,
        output_scores=True,
        **settings,
    )


def token_rows(sequences: Tensor) -> list[list[int]]:
    return [[token for token in row if token > T5_SPECIAL.end] for row in sequences.tolist()]


def best_of_all(network: T5ForConditionalGeneration, texts: list[list[int]], how: Decoding) -> list[Hypothesis]:
    requests = [Request(text, (), LIMIT, place) for place, text in enumerate(texts)]
    return [h for best in decode_all(UncachedT5(network), requests, how, T5_SPECIAL) for h in best]


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("beam", [2, 4])
def test_ids_and_scores_agree(network: T5ForConditionalGeneration, alpha: float, beam: int) -> None:
    sources, mask, texts = inputs(beam, 60, 15)
    expected = generated(
        network,
        sources,
        mask,
        num_beams=beam,
        num_return_sequences=beam,
        length_penalty=alpha,
        early_stopping="never",
    )
    result = best_of_all(network, texts, Decoding(beam, alpha, beam, max_ratio=0.0, max_extra=LIMIT))
    assert [list(h.ids) for h in result] == token_rows(expected.sequences)
    assert [h.score for h in result] == pytest.approx(expected.sequences_scores.tolist(), rel=1e-5)
    assert 0 < sum(h.ended for h in result) < len(result)
    assert len({h.ids for h in result}) > 25, "the model must not say the same to all"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"no_repeat_ngram_size": 2}, {"no_repeat_ngram": 2}),
        ({"no_repeat_ngram_size": 1}, {"no_repeat_ngram": 1}),
        ({"min_new_tokens": 7}, {"min_length": 8}),  # they do not count the end token
        ({"no_repeat_ngram_size": 3, "min_new_tokens": 5}, {"no_repeat_ngram": 3, "min_length": 6}),
    ],
)
@pytest.mark.parametrize("beam", [1, 3])
def test_bans_agree(
    network: T5ForConditionalGeneration, theirs: dict[str, Any], ours: dict[str, Any], beam: int
) -> None:
    sources, mask, texts = inputs(3, 40, 15)
    searched = {} if beam == 1 else {"num_return_sequences": beam, "early_stopping": "never"}
    expected = generated(network, sources, mask, num_beams=beam, **searched, **theirs)
    result = best_of_all(network, texts, Decoding(beam, 1.0, beam, max_ratio=0.0, max_extra=LIMIT, **ours))
    assert [list(h.ids) for h in result] == token_rows(expected.sequences)
    if beam > 1:
        assert [h.score for h in result] == pytest.approx(expected.sequences_scores.tolist(), rel=1e-5)
    plain = best_of_all(network, texts, Decoding(beam, 1.0, beam, max_ratio=0.0, max_extra=LIMIT))
    assert sum(one.ids != other.ids for one, other in zip(result, plain, strict=True)) > 1, "the bans must matter"


def test_the_repetition_penalty_agrees_where_it_looks_at_logits(network: T5ForConditionalGeneration) -> None:
    """Greedy search and sampling there penalise logits; their beam search penalises log-probabilities instead."""
    sources, mask, texts = inputs(5, 60, 15)
    settings = {"num_beams": 1, "repetition_penalty": 1.7, "output_logits": True}
    expected = generated(network, sources, mask, **settings)
    how = Decoding(beam=1, max_ratio=0.0, max_extra=LIMIT, repetition_penalty=1.7)
    result = best_of_all(network, texts, how)
    assert [list(h.ids) for h in result] == token_rows(expected.sequences)
    own = torch.stack(expected.logits, 1).log_softmax(-1)  # (60, steps, V), not penalised
    for row, h in enumerate(result):
        tokens = [*h.ids, *([T5_SPECIAL.end] if h.ended else [])]
        theirs = [own[row, place, token].item() for place, token in enumerate(tokens)]
        assert h.token_log_probabilities == pytest.approx(theirs, abs=1e-4)


PROMPTS = [[1, *text] for text in inputs(7, 20, 15)[2]] + [[1]]


@pytest.fixture(scope="module")
def gpt2() -> GPT2LMHeadModel:
    return random_gpt2()


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
@pytest.mark.parametrize(
    ("beam", "rules"), [(2, {}), (4, {}), (3, {"no_repeat_ngram_size": 2}), (3, {"min_new_tokens": 5})]
)
def test_a_decoder_only_model_with_prompts_of_different_lengths(
    gpt2: GPT2LMHeadModel, beam: int, alpha: float, rules: dict[str, int]
) -> None:
    """Theirs one by one, ours in one batch. Both score the output without its prompt."""
    ours = {"no_repeat_ngram": rules.get("no_repeat_ngram_size", 0), "min_length": rules.get("min_new_tokens", -1) + 1}
    how = Decoding(beam, alpha, beam, **ours)
    requests = [Request(None, prompt[1:], LIMIT, 0) for prompt in PROMPTS]
    outputs = decode_all(UncachedGPT2(gpt2), requests, how, GPT2_SPECIAL)
    for prompt, best in zip(PROMPTS, outputs, strict=True):
        expected = gpt2.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=LIMIT,
            suppress_tokens=[0, 1],
            do_sample=False,
            num_beams=beam,
            num_return_sequences=beam,
            length_penalty=alpha,
            early_stopping="never",
            return_dict_in_generate=True,
            output_scores=True,
            **rules,
        )
        theirs = [[token for token in row if token > 2] for row in expected.sequences[:, len(prompt) :].tolist()]
        assert [list(h.ids) for h in best] == theirs
        assert [h.score for h in best] == pytest.approx(expected.sequences_scores.tolist(), rel=1e-5)
    assert 0 < sum(h.ended for best in outputs for h in best) < beam * len(PROMPTS)
    assert len({h.ids for best in outputs for h in best}) > len(PROMPTS)

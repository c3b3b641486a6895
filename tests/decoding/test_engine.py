"""The engine: batches, order, limits per sentence, and clear refusals."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toy_models import END, PAD, SPECIAL, START, AttendingToy, ToyModel, requests, search
from transduce.decoding.config import Decoding
from transduce.decoding.engine import Engine, decode, decode_all
from transduce.decoding.hypothesis import Hypothesis, SpecialIds
from transduce.decoding.protocol import Decodable, Padded
from transduce.decoding.requests import Request, batches
from transduce.decoding.strategies.sampling import Sampling

WORDS = st.lists(st.integers(3, 8), min_size=1, max_size=6)
PROMPTS = st.lists(st.integers(4, 8), max_size=6)
SOURCES = st.lists(st.lists(st.integers(3, 9), min_size=1, max_size=12), min_size=1, max_size=12)
BEAMS = st.sampled_from([1, 2, 4])


@settings(max_examples=15, deadline=None)
@given(sources=SOURCES, beam=BEAMS, alpha=st.sampled_from([0.0, 1.0]), batch_tokens=st.integers(1, 300), data=st.data())
def test_results_do_not_depend_on_neighbours_or_order(
    sources: list[list[int]], beam: int, alpha: float, batch_tokens: int, data: st.DataObject
) -> None:
    how = Decoding(beam, alpha, beam, max_ratio=1.0, max_extra=8, batch_tokens=batch_tokens)
    model = ToyModel(10, seed=len(sources), spread=1.0)
    alone = [search(model, [source], how)[0] for source in sources]
    assert search(model, sources, how) == alone
    order = data.draw(st.permutations(range(len(sources))))
    assert search(model, [sources[i] for i in order], how) == [alone[i] for i in order]


@given(lengths=st.lists(st.integers(1, 60), max_size=60), batch_tokens=st.integers(1, 500), beam=st.integers(1, 6))
def test_batches_hold_every_source_once_within_the_budget(lengths: list[int], batch_tokens: int, beam: int) -> None:
    result = list(batches(lengths, batch_tokens, beam))
    assert sorted(index for batch in result for index in batch) == list(range(len(lengths)))
    for batch in result:
        assert len(batch) == 1 or beam * len(batch) * max(lengths[i] for i in batch) <= batch_tokens
    flat = [lengths[index] for batch in result for index in batch]
    assert flat == sorted(flat, reverse=True)


def test_the_docstring_example() -> None:
    assert list(batches([1, 20, 10], batch_tokens=40, beam=1)) == [[1, 2], [0]]


def test_thousands_of_short_words_share_few_batches() -> None:
    model = ToyModel(10)
    search(model, [[4, 5, 6, 7]] * 3000, Decoding(beam=4, batch_tokens=8192, max_extra=5))
    assert len(model.starts) == 12  # 8192 / (4 * 8) = 256 words each


@pytest.mark.parametrize("beam", [1, 3])
def test_each_sentence_has_its_own_limit_within_a_batch(beam: int) -> None:
    model = ToyModel(9)
    model.table[:, END] = -30.0  # never ends by itself
    sources = [[4] * length for length in (1, 2, 5, 9)]
    how = Decoding(beam=beam, max_length=14, max_ratio=1.5, max_extra=3)
    result = search(model, sources, how)
    assert len(model.starts) == 1
    assert [len(best[0].ids) for best in result] == [4, 6, 10, 14]
    assert not any(best[0].ended for best in result)


@pytest.mark.parametrize("beam", [1, 3])
def test_pad_and_start_are_never_generated(beam: int) -> None:
    model = ToyModel(7, seed=5)
    model.table[:, [PAD, START]] += 20.0
    for result in search(model, [[4], [5, 6]], Decoding(beam=beam, n_best=beam, max_extra=9)):
        for h in result:
            assert not {PAD, START} & set(h.ids)
            assert h.log_probability < -15 * len(h.ids), "banned tokens keep their share of the probability"


@pytest.mark.parametrize("beam", [1, 3])
def test_models_whose_special_ids_coincide(beam: int) -> None:
    """Pad is the start token in T5 and Marian, the end token in GPT-2."""
    model = ToyModel(8, seed=1)
    model.table[:, 0] += 3.0
    how = Decoding(beam=beam, max_ratio=0.0, max_extra=20)
    (result,) = search(model, [[4]], how, special=SpecialIds(pad=0, start=0, end=0))
    assert result[0].ended
    (result,) = search(model, [[4]], how, special=SpecialIds(pad=0, start=0, end=3))
    assert 0 not in result[0].ids


def test_outputs_come_as_they_finish_and_nothing_to_do_is_no_error() -> None:
    model, how = ToyModel(8), Decoding(beam=2, batch_tokens=64)
    finished = decode(model, requests([[4]] * 4 + [[4, 5]] * 6, how), how, SPECIAL)
    assert len(model.starts) == 0, "nothing is computed before it is asked for"
    first = [next(finished)[0] for _ in range(4)]
    assert len(model.starts) == 1 and set(first) <= {4, 5, 6, 7}  # four of a batch, higher costs first
    assert sorted(first + [number for number, _ in finished]) == list(range(10))
    assert len(model.starts) == 3
    assert search(ToyModel(8), [], Decoding()) == []


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_bad_logits_stop_with_the_reason(beam: int, bad: float) -> None:
    model = ToyModel(8)
    model.table[:, 5] = bad
    with pytest.raises(ValueError, match="NaN or infinite"):
        search(model, [[4]], Decoding(beam=beam))


@pytest.mark.parametrize("beam", [1, 4])
def test_a_model_that_permits_nothing(beam: int) -> None:
    model = ToyModel(8)
    model.table.fill_(-torch.inf)
    model.table[:, PAD] = 0.0
    with pytest.raises(ValueError, match="probability zero"):
        search(model, [[4]], Decoding(beam=beam))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="either all requests have inputs or none has, but request 2 differs"):
        search(ToyModel(8), [[4], [5], None], Decoding())
    with pytest.raises(ValueError, match=r"coverage-penalty must be 0 without inputs, found 0.5"):
        search(AttendingToy(8), [None], Decoding(coverage_penalty=0.5))
    with pytest.raises(ValueError, match=r"source 1 .*has no tokens"):
        search(ToyModel(8), [[4], []], Decoding())
    with pytest.raises(ValueError, match="outside the model's vocabulary of 3"):
        search(ToyModel(3), [[1]], Decoding())
    with pytest.raises(ValueError, match="end id must be at least 0, found -1"):
        SpecialIds(0, 1, -1)
    training = ToyModel(8)
    training.training = True  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"call model.network.eval\(\)"):
        search(training, [[4]], Decoding())


def test_gradients_are_off_and_the_logits_untouched() -> None:
    model = ToyModel(8)
    model.table.requires_grad_()
    before = model.table.detach().clone()
    search(model, [[4]], Decoding(beam=2))
    assert torch.equal(model.table.detach(), before)
    assert model.table.grad is None


def test_the_toy_keeps_the_protocol() -> None:
    """Prompts, several tokens at once, join and select of the toy agree with single steps."""
    model = ToyModel(8)
    assert isinstance(model, Decodable)
    both = model.start(Padded.of([[4, 5], [6]], PAD), Padded.of([[START, 4], [START]], PAD))
    at_once, _ = model.step(torch.tensor([[[4, 5]], [[START, 7]]]), both)
    assert torch.equal(at_once[0, 0], model.table[[model.row([4, 5], [4]), model.row([4, 5], [4, 5])]])
    assert torch.equal(at_once[1, 0], model.table[[model.row([6], []), model.row([6], [7])]])
    one = model.start(Padded.of([[4, 5]], PAD), Padded.of([[START, 4]], PAD))
    other = model.start(None, Padded.of([[START]], PAD))
    state = model.select(model.join(other, one), torch.tensor([1]))
    assert torch.equal(model.step(torch.tensor([[[4]]]), state)[0][0, 0, 0], at_once[0, 0, 0])


SEARCHES = [
    {"beam": 1},
    {"beam": 3, "n_best": 3},
    {"beam": 4, "n_best": 4, "groups": 2, "diversity": 0.5},
    {"n_best": 3, "sampling": Sampling()},
]


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    arrivals=st.lists(st.lists(st.tuples(WORDS, PROMPTS), max_size=3), min_size=1, max_size=6),
    how=st.sampled_from(SEARCHES),
    data=st.data(),
)
def test_requests_that_come_and_go_while_others_run_change_nothing(
    seed: int, arrivals: list[list[tuple[list[int], list[int]]]], how: dict[str, Any], data: st.DataObject
) -> None:
    """Each step some are submitted and one may be cancelled; the rest gets what it gets alone."""
    rules = {"min_length": 2, "no_repeat_ngram": 2, "repetition_penalty": 1.2, "coverage_penalty": 0.3}
    decoding = Decoding(max_ratio=1.0, max_extra=5, **rules, **how)
    model = AttendingToy(9, seed, spread=1.0)
    engine, numbers = Engine(model, decoding, SPECIAL), iter(range(100))
    submitted, to_cancel, outputs = {}, set(), {}
    for some in arrivals:
        new = {
            number: Request(source, prompt, decoding.limit(len(source)), number)
            for (source, prompt), number in zip(some, numbers, strict=False)
        }
        engine.submit(new)
        submitted |= new
        if submitted and data.draw(st.booleans()):
            number = data.draw(st.sampled_from(sorted(submitted)))
            engine.cancel([number, 1000])
            to_cancel |= {number} - outputs.keys()
        outputs |= engine.step()
    while engine.running:
        outputs |= engine.step()
    assert outputs.keys() == submitted.keys() - to_cancel
    for number, best in outputs.items():
        (alone,) = decode_all(model, [submitted[number]], decoding, SPECIAL)
        assert_same(best, alone)


def assert_same(outputs: list[Hypothesis], expected: list[Hypothesis]) -> None:
    assert [(h.ids, h.ended) for h in outputs] == [(h.ids, h.ended) for h in expected]
    assert [h.score for h in outputs] == pytest.approx([h.score for h in expected], abs=1e-5)
    for one, other in zip(outputs, expected, strict=True):
        assert one.token_log_probabilities == pytest.approx(other.token_log_probabilities, abs=1e-5)


def test_what_leaves_takes_its_room_along() -> None:
    """After a long prompt has left, the outputs that run on are as wide as they need."""
    how = Decoding(beam=2, max_length=30, max_extra=30)
    model = ToyModel(9)
    model.table[:, END] = -30.0  # never ends by itself
    engine = Engine(model, how, SPECIAL)
    engine.submit({0: Request(None, [4] * 50, 2, 0), 1: Request(None, [5], 9, 1)})
    engine.step()
    assert list(engine.step()) == [0]
    engine.submit({2: Request(None, [6, 7], 9, 2)})
    engine.step()
    (batch,) = engine._batches
    assert batch.search.partial.tokens.shape == (2, 2, 4) and batch.search.finished.tokens.shape == (2, 1, 3)

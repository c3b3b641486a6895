"""The engine: batches, order, limits per sentence, and clear refusals."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toy_models import END, PAD, SPECIAL, START, ToyModel, alone
from transduce.decoding.config import Decoding
from transduce.decoding.engine import batches, decode
from transduce.decoding.hypothesis import SpecialIds
from transduce.decoding.protocol import Decodable

SOURCES = st.lists(st.lists(st.integers(3, 9), min_size=1, max_size=12), min_size=1, max_size=12)
BEAMS = st.sampled_from([1, 2, 4])


@settings(max_examples=15, deadline=None)
@given(sources=SOURCES, beam=BEAMS, alpha=st.sampled_from([0.0, 1.0]), batch_tokens=st.integers(1, 300), data=st.data())
def test_results_do_not_depend_on_neighbours_or_order(
    sources: list[list[int]], beam: int, alpha: float, batch_tokens: int, data: st.DataObject
) -> None:
    how = Decoding(beam, alpha, beam, max_ratio=1.0, max_extra=8, batch_tokens=batch_tokens)
    model = ToyModel(10, seed=len(sources), spread=1.0)
    alone = [decode(model, [source], how, SPECIAL)[0] for source in sources]
    assert decode(model, sources, how, SPECIAL) == alone
    order = data.draw(st.permutations(range(len(sources))))
    assert decode(model, [sources[i] for i in order], how, SPECIAL) == [alone[i] for i in order]


@given(lengths=st.lists(st.integers(1, 60), max_size=60), batch_tokens=st.integers(1, 500), beam=st.integers(1, 6))
def test_batches_hold_every_source_once_within_the_budget(lengths: list[int], batch_tokens: int, beam: int) -> None:
    found = list(batches(lengths, batch_tokens, beam))
    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or beam * len(batch) * max(lengths[i] for i in batch) <= batch_tokens
    flat = [lengths[index] for batch in found for index in batch]
    assert flat == sorted(flat, reverse=True)


def test_the_docstring_example() -> None:
    assert list(batches([1, 20, 10], batch_tokens=40, beam=1)) == [[1, 2], [0]]


def test_thousands_of_short_words_share_few_batches() -> None:
    model = ToyModel(10)
    decode(model, [[4, 5, 6, 7]] * 3000, Decoding(beam=4, batch_tokens=8192, max_extra=5), SPECIAL)
    assert len(model.sources) == 12  # 8192 / (4 * 8) = 256 words each


@pytest.mark.parametrize("beam", [1, 3])
def test_each_sentence_has_its_own_limit_within_a_batch(beam: int) -> None:
    model = ToyModel(9)
    model.table[:, END] = -30.0  # never ends by itself
    sources = [[4] * length for length in (1, 2, 5, 9)]
    how = Decoding(beam=beam, max_length=14, max_ratio=1.5, max_extra=3)
    found = decode(model, sources, how, SPECIAL)
    assert len(model.sources) == 1
    assert [len(best[0].ids) for best in found] == [4, 6, 10, 14]
    assert not any(best[0].ended for best in found)


@pytest.mark.parametrize("beam", [1, 3])
def test_pad_and_start_are_never_generated(beam: int) -> None:
    model = ToyModel(7, seed=5)
    model.table[:, [PAD, START]] += 20.0
    for found in decode(model, [[4], [5, 6]], Decoding(beam=beam, n_best=beam, max_extra=9), SPECIAL):
        for h in found:
            assert not {PAD, START} & set(h.ids)
            assert h.log_probability < -15 * len(h.ids), "banned tokens keep their share of the probability"


@pytest.mark.parametrize("beam", [1, 3])
def test_models_whose_special_ids_coincide(beam: int) -> None:
    """Pad is the start token in T5 and Marian, the end token in GPT-2."""
    model = ToyModel(8, seed=1)
    model.table[:, 0] += 3.0
    how = Decoding(beam=beam, max_ratio=0.0, max_extra=20)
    (found,) = decode(model, [[4]], how, SpecialIds(pad=0, start=0, end=0))
    assert found[0].ended
    (found,) = decode(model, [[4]], how, SpecialIds(pad=0, start=0, end=3))
    assert 0 not in found[0].ids


def test_progress_counts_sentences_and_nothing_to_do_is_no_error() -> None:
    seen: list[int] = []
    decode(ToyModel(8), [[4]] * 10, Decoding(beam=2, batch_tokens=64), SPECIAL, progress=seen.append)
    assert seen == [4, 4, 2]
    assert decode(ToyModel(8), [], Decoding(), SPECIAL) == []


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_bad_logits_stop_with_the_reason(beam: int, bad: float) -> None:
    model = ToyModel(8)
    model.table[:, 5] = bad
    with pytest.raises(ValueError, match="NaN or infinite"):
        decode(model, [[4]], Decoding(beam=beam), SPECIAL)


@pytest.mark.parametrize("beam", [1, 4])
def test_a_model_that_permits_nothing(beam: int) -> None:
    model = ToyModel(8)
    model.table.fill_(-torch.inf)
    model.table[:, PAD] = 0.0
    with pytest.raises(ValueError, match="probability zero"):
        decode(model, [[4]], Decoding(beam=beam), SPECIAL)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"source 1 .*has no tokens"):
        decode(ToyModel(8), [[4], []], Decoding(), SPECIAL)
    with pytest.raises(ValueError, match="outside the model's vocabulary of 3"):
        decode(ToyModel(3), [[1]], Decoding(), SPECIAL)
    with pytest.raises(ValueError, match="end id must be at least 0, found -1"):
        SpecialIds(0, 1, -1)
    training = ToyModel(8)
    training.training = True  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"call model.eval\(\)"):
        decode(training, [[4]], Decoding(), SPECIAL)


def test_gradients_are_off_and_the_logits_untouched() -> None:
    model = ToyModel(8)
    model.table.requires_grad_()
    before = model.table.detach().clone()
    decode(model, [[4]], Decoding(beam=2), SPECIAL)
    assert torch.equal(model.table.detach(), before)
    assert model.table.grad is None


def test_the_toy_keeps_the_protocol() -> None:
    """Several tokens at once, join, select and truncate of the toy agree with single steps."""
    model = ToyModel(8)
    assert isinstance(model, Decodable)
    first = model.start(*alone(torch.tensor([[4, 5]]), torch.tensor([2])))
    second = model.start(*alone(torch.tensor([[6, 7, 0]]), torch.tensor([2])))
    tokens = torch.tensor([[[START, 4, 5]]])
    at_once, state = model.step(tokens, first)
    _, other = model.step(tokens, second)
    state = model.truncate(model.select(model.join(other, state), torch.tensor([1])), torch.tensor([[2]]))
    again, _ = model.step(tokens[:, :, 2:], state)
    assert torch.equal(again[0, 0, 0], at_once[0, 0, 2])

"""Greedy search takes the most probable token, in plain Python as in batches."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toy_models import END, SPECIAL, ToyModel, search
from transduce.decoding.config import Decoding

SOURCES = st.lists(st.lists(st.integers(3, 9), min_size=1, max_size=6), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), sources=SOURCES, alpha=st.sampled_from([0.0, 0.6, 1.0]))
def test_greedy_is_the_argmax_token_by_token(seed: int, sources: list[list[int]], alpha: float) -> None:
    model = ToyModel(10, seed, spread=1.5)
    how = Decoding(beam=1, alpha=alpha, max_ratio=2.0, max_extra=5)
    for source, (result,) in zip(sources, search(model, sources, how), strict=True):
        ids: list[int] = []
        total = 0.0
        while len(ids) < how.limit(len(source)) and ids[-1:] != [END]:
            chances = model.next_log_probabilities(source, ids)
            permitted = [i for i in range(10) if i not in SPECIAL.banned]
            ids.append(max(permitted, key=lambda i: chances[i]))
            total += chances[ids[-1]]
        assert [*result.ids, *([END] if result.ended else [])] == ids
        assert result.log_probability == pytest.approx(total, abs=1e-4)
        assert result.score == pytest.approx(total / len(ids) ** alpha, abs=1e-4)


def test_finished_sentences_leave_the_batch() -> None:
    model = ToyModel(8, seed=2)
    sources = [[4 + i % 4, 4 + i // 4 % 4, 4 + i // 16] for i in range(40)]
    search(model, sources, Decoding(beam=1, max_ratio=0.0, max_extra=40))
    sentences = [size for size, _ in model.sizes]
    assert sentences[0] == 40
    assert sentences[-1] < 5
    assert sum(sentences) < 40 * len(sentences) / 2

"""docs/experiments: at small size, each measurement shows what its page claims."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def importable_docs() -> Iterator[None]:
    sys.path.insert(0, str(DOCS))
    yield
    sys.path.remove(str(DOCS))


def test_batch_norm_depends_on_the_batch_and_layer_norm_does_not() -> None:
    result = import_module("experiments.normalisation").measure((5, 10, 20))
    batch, layer = zip(*result.changes.values(), strict=True)
    assert batch[0] == 0 and batch[1] > 0.1 and batch[2] > batch[1]
    assert max(layer) < 1e-6 and result.in_use[1] < 1e-6 and result.alone < 1e-6
    assert result.in_use[0] > 0.1 and result.fails_alone


def test_the_scale_of_dropout_keeps_the_mean() -> None:
    rows = import_module("experiments.dropout_scale").measure((0.0, 0.5, 0.8), draws=500)
    for p, row in rows.items():
        assert row.plain == pytest.approx(1 - p, abs=0.02)
        assert row.scaled == pytest.approx(1, abs=0.03)
    assert rows[0.0].deviation < 1e-6 < rows[0.5].deviation < rows[0.8].deviation


def test_wide_keys_need_the_square_root() -> None:
    rows = import_module("experiments.score_scale").measure((1, 64, 1024), queries=100)
    plain, scaled = zip(*rows.values(), strict=True)
    assert plain[2].deviation == pytest.approx(32, rel=0.1)
    assert plain[0].largest < plain[1].largest < plain[2].largest and plain[2].largest > 0.9
    assert plain[2].gradient < plain[1].gradient / 2
    assert max(row.largest for row in scaled) < 0.25
    assert scaled[2].gradient == pytest.approx(scaled[1].gradient, rel=0.1)


def test_the_causal_jacobian_is_lower_triangular() -> None:
    full, lower = import_module("experiments.causal_jacobian").measure(4)
    assert (full > 0).all()
    assert not lower.triu(1).any() and (lower[lower.new_ones(4, 4).tril().bool()] > 0).all()
    assert lower[-1].tolist() == pytest.approx(full[-1].tolist())  # the last token sees all


def test_without_positions_a_permuted_sentence_gives_permuted_outputs() -> None:
    results = import_module("experiments.word_order").measure()
    same, other = ((first - second).abs().max().item() for first, second in results.values())
    assert same < 1e-6 and other > 0.1


def test_lstm_and_gru() -> None:
    experiment = import_module("experiments.lstm_and_gru")
    for width in (4, 32):
        counts = experiment.parameters(width)
        assert 3 * counts["LSTM"] == 4 * counts["GRU"] == 12 * counts["simple RNN"]
    norms = {name: row[-1] for name, row in experiment.reach((1, 16)).items()}
    assert norms["simple RNN"] < min(norms["GRU"], norms["LSTM"])
    assert norms["LSTM, forget bias 1"] > 10 * norms["LSTM"]


def test_attention_by_hand() -> None:
    experiment = import_module("experiments.attention_by_hand")
    result = experiment.two_heads()
    queries = [[-5.5, 13], [13, -33], [-20.5, 53], [28, -73]]
    outputs = [[208, -253], [-150.5, 183], [208, -253], [-150.5, 183]]
    for values, expected in ((result.query, queries), (result.output, outputs), (result.by_torch, outputs)):
        assert values.flatten().tolist() == pytest.approx([number for row in expected for number in row], rel=1e-5)
    expected = [6.1, 5.6, 5.8, 5.3, 6.7, 6.8, 4.9, 7.1]
    assert experiment.mixtures().flatten().tolist() == pytest.approx(expected)


def test_a_learned_upsampling_fits_its_pictures_best() -> None:
    examples, errors = import_module("experiments.upsampling").measure()
    assert errors["learned"] < errors["bilinear"] < errors["nearest"] < errors["bilinear, corners aligned"]
    assert examples["nearest"][::3, ::3].equal(examples["small"])


def test_masks_and_sparse_normalisers_use_few_keys() -> None:
    rows = import_module("experiments.weights_of_all").measure()
    assert rows["hard"].used == pytest.approx(1) and rows["hard"].zeros == pytest.approx(5 / 6)
    assert rows["top-k"].zeros == pytest.approx(4 / 6) and rows["causal"].zeros == pytest.approx(15 / 36)
    assert rows["sparsemax"].used < rows["entmax"].used < rows["scaled-dot-product"].used < rows["kernel"].used

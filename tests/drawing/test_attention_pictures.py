"""Pictures of weights: what they show, that every label is there, and that none grows without bounds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from transduce.drawing.alternatives import Choice, Row, alternatives
from transduce.drawing.attention import Side, head_maps, token_map
from transduce.drawing.pictures import save

LIMIT = 32  # inches

pytestmark = pytest.mark.usefixtures("bare_machine")


def weights(*shape: int) -> np.ndarray:
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    return values / values.sum(-1, keepdims=True)


def side(count: int, name: str = "token") -> Side:
    return Side(name, [f"▁w{place}" for place in range(count)])


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def ticks(axes: Any) -> tuple[list[str], list[str]]:
    return tuple([label.get_text() for label in axis.get_ticklabels()] for axis in (axes.yaxis, axes.xaxis))


def test_a_map_shows_its_weights_with_all_labels() -> None:
    values = weights(2, 3)
    rows, columns = Side("out", ["▁a", "</s>"]), Side("in", ["▁x", "$y$", "</s>"])
    figure = token_map(values, rows, columns, "layer 1", "weight")
    axes, bar = figure.axes
    np.testing.assert_array_equal(axes.images[0].get_array(), values)
    assert axes.images[0].get_clim() == (0.0, pytest.approx(values.max()))
    assert ticks(axes) == (["▁a", "</s>"], ["▁x", "$y$", "</s>"])
    assert (axes.get_ylabel(), axes.get_xlabel(), bar.get_ylabel()) == ("out", "in", "weight")
    assert [text.get_text() for text in axes.texts] == [f"{value:.2f}"[1:] for value in values.flat]
    assert texts(figure) == ["layer 1"]


def test_weights_that_round_to_one() -> None:
    values = np.array([[0.994, 0.996, 1.0, 0.004]])
    figure = token_map(values, Side("out", ["a"]), Side("in", ["w", "x", "y", "z"]), "layer 1", "weight")
    assert [text.get_text() for text in figure.axes[0].texts] == [".99", "1", "1"]


def test_heads_share_a_scale_and_labels_stand_outside() -> None:
    values = weights(5, 2, 3)
    figure = head_maps(values, side(2), side(3), "heads", "weight")
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 5
    for head, axes in enumerate(panels):
        np.testing.assert_array_equal(axes.images[0].get_array(), values[head])
        assert axes.images[0].get_clim() == (0.0, pytest.approx(values.max()))
        assert axes.texts[-1].get_text() == f"head {head + 1}"
    left, above = ["▁w0", "▁w1"], ["▁w0", "▁w1", "▁w2"]
    assert [ticks(axes) for axes in panels] == [(left, above), ([], above), ([], above), (left, []), ([], [])]


def test_tokens_without_a_font_are_explained() -> None:
    strange = Side("in", ["▁a", "猫"])
    for figure in (
        token_map(weights(1, 2), side(1), strange, "", "weight"),
        head_maps(weights(2, 1, 2), side(1), strange, "", "weight"),
    ):
        assert ticks(figure.axes[0])[1] == ["1 ▁a", "2"]
        assert texts(figure)[-1] == "A number alone: no installed font has the letters of this token."


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 256), (60, 40), (256, 256)])
def test_sizes_are_bounded(rows: int, columns: int) -> None:
    for figure in (
        token_map(weights(rows, columns), side(rows), side(columns), "", "weight"),
        head_maps(weights(8, rows, columns), side(rows), side(columns), "", "weight"),
    ):
        assert max(figure.get_size_inches()) < LIMIT
    large = token_map(weights(rows, columns), side(rows), side(columns), "", "weight").axes[0]
    assert len(ticks(large)[0]) == rows and large.get_yticklabels()[0].get_fontsize() > 5  # points: still readable


def test_long_texts_have_numbers_in_small_maps() -> None:
    figure = head_maps(weights(4, 200, 150), side(200), side(150), "", "weight")
    assert ticks(figure.axes[0]) == (["1", "50", "100", "150", "200"], ["1", "50", "100", "150"])
    many = head_maps(weights(50, 50, 7), side(50), side(7), "", "weight")
    assert max(many.get_size_inches()) < LIMIT
    assert ticks(many.axes[0]) == (["1", "10", "20", "30", "40", "50"], ["1", "2", "4", "6"])


def test_pictures_are_written_whole(tmp_path: Path) -> None:
    rows = [Row([Choice("▁a", 5, 0.9), Choice("猫", 6, 0.1)], Choice("▁a", 5, 0.9), 1)]
    figures = {
        "map": token_map(np.zeros((1, 1), np.float32), side(1), side(1), "$5 & <b>", "weight"),
        "heads": head_maps(weights(3, 4, 4), side(4), side(4), "heads", "weight"),
        "alternatives": alternatives(rows, "steps"),
    }
    for name, figure in figures.items():
        save(figure, tmp_path / f"{name}.png")
        pixels = image.imread(tmp_path / f"{name}.png")
        assert pixels[..., :3].min() < 0.5 < pixels[..., :3].max()


def test_alternatives_say_what_was_taken() -> None:
    def choice(piece: str, number: int, probability: float) -> Choice:
        return Choice(piece, number, probability)

    first = [choice("▁a", 5, 0.6), choice("猫", 6, 0.3)]
    second = [choice("▁b", 7, 0.5), choice("</s>", 3, 0.4)]
    figure = alternatives([Row(first, first[1], 2), Row(second, choice("▁c", 8, 0.0001), 1234)], "steps")
    (axes,) = figure.axes
    shown = [text.get_text() for text in axes.texts]
    assert shown == ["▁a", "0.600", "#6", "0.300", "▁b", "0.500", "</s>", "0.400", "▁c", "0.000, rank 1,234"]
    assert ticks(axes) == (["1", "2 ▁c"], ["1", "2", "taken"])
    frames = [patch.get_xy() for patch in axes.patches if not patch.get_fill()]
    assert [(round(x), round(y)) for x, y in frames] == [(1, 0), (2, 1)]
    without = alternatives([Row(first, first[0], 1)], "steps")
    assert ticks(without.axes[0])[1] == ["1", "2"]
    tied = [choice("▁a", 5, 0.5), choice("▁b", 6, 0.5)]  # of equal probability: both have rank 1
    (axes,) = alternatives([Row(tied, tied[1], 1), Row(tied, choice("▁c", 7, 0.5), 1)], "steps").axes
    frames = [patch.get_xy() for patch in axes.patches if not patch.get_fill()]
    assert [(round(x), round(y)) for x, y in frames] == [(1, 0), (2, 1)]

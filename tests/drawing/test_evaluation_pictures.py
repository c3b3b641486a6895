"""Pictures of evaluations: what is drawn, in the given places; SVG that is whole, the same every time and offline."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib import image
from matplotlib.figure import Figure

from transduce.drawing.breakdown_chart import scores_by_part
from transduce.drawing.pictures import save, svg
from transduce.drawing.reliability_diagram import reliability_diagram
from transduce.evaluation.calibration import Bin

BINS = [Bin(0.2, 0.4, 30, 0.35, 0.5), Bin(0.8, 1.0, 90, 0.95, 0.7)]


def test_points_stand_at_the_confidence_and_the_share_that_is_right() -> None:
    (axes,) = reliability_diagram(BINS, 0.2).axes
    (points,) = (line for line in axes.lines if line.get_label() == "bins of equal count")
    assert [*zip(points.get_xdata(), points.get_ydata(), strict=True)] == [(0.35, 0.5), (0.95, 0.7)]
    assert axes.get_title(loc="left") == "expected calibration error 20.0 %"


def test_points_stand_over_their_parts_and_gaps_stay_gaps() -> None:
    points = [[(50.0, 45.0, 55.0), None, (30.0, 20.0, 40.0)], [(52.0, 47.0, 57.0), (41.0, 40.0, 43.0), None]]
    figure = scores_by_part(["A", "B"], ["up to 5", "6 to 9", "over 9"], [7, 8, 9], points, ("length", "chrf"))
    upper, lower = figure.axes
    drawn = {str(line.get_label()): list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in upper.lines}
    assert {name: [(round(x), y) for x, y in found] for name, found in drawn.items()} == {
        "A": [(0, 50.0), (2, 30.0)],
        "B": [(0, 52.0), (1, 41.0)],
    }
    assert [bar.get_height() for bar in lower.patches] == [7, 8, 9]
    assert [label.get_text() for label in lower.get_xticklabels()] == ["up to 5", "6 to 9", "over 9"]
    assert scores_by_part(["A"], ["all"], [3], [[None]], ("length", "chrf")).axes[0].get_legend() is None


def test_svg_is_the_same_every_time_and_needs_no_font() -> None:
    first, second = (svg(reliability_diagram(BINS, 0.2)) for _ in range(2))
    assert first == second
    tags = {element.tag.split("}")[1] for element in ElementTree.fromstring(first).iter()}
    assert "path" in tags
    assert "text" not in tags
    assert "image" not in tags


def test_pictures_are_saved_by_extension(tmp_path: Path) -> None:
    figure = Figure(figsize=(2, 1), dpi=50)
    figure.subplots().plot([1, 2])
    save(figure, tmp_path / "a.png")
    save(figure, tmp_path / "a.SVG")
    assert image.imread(tmp_path / "a.png").shape[:2] == (50, 100)
    assert ElementTree.parse(tmp_path / "a.SVG").getroot().tag.endswith("svg")
    with pytest.raises(ValueError, match=r"a\.pdf: a picture's name must end in \.png or \.svg"):
        save(figure, tmp_path / "a.pdf")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.SVG", "a.png"]

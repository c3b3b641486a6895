"""Line charts as SVG."""

from xml.etree import ElementTree

import pytest

from transduce.drawing.lines import lines_svg

SVG = "{http://www.w3.org/2000/svg}"


def points(svg: str) -> list[list[tuple[float, ...]]]:
    lines = ElementTree.fromstring(svg).iter(f"{SVG}polyline")
    return [[tuple(map(float, pair.split(","))) for pair in line.get("points", "").split()] for line in lines]


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_larger_values_stand_higher_and_further_right() -> None:
    ((first, middle, last),) = points(lines_svg([0.0, 1.0, 4.0], {"y": [0.0, 1.0, 2.0]}))
    assert first[0] < middle[0] < last[0] and first[1] > middle[1] > last[1]
    assert middle[0] - first[0] == pytest.approx((last[0] - first[0]) / 4, abs=0.1)
    assert middle[1] == pytest.approx((first[1] + last[1]) / 2, abs=0.1)


def test_powers_of_two_are_evenly_spaced() -> None:
    ((first, middle, last),) = points(lines_svg([1.0, 4.0, 16.0], {"y": [0.0, 0.0, 0.0]}, powers_of_two=True))
    assert middle[0] == pytest.approx((first[0] + last[0]) / 2, abs=0.1)


def test_texts_are_in_the_picture_and_escaped() -> None:
    svg = lines_svg([0.0, 1.0], {"<a>": [0.0, 1.0], "b": [1.0, 0.0]}, "title & more", "time", "size")
    assert {"<a>", "b", "title & more", "time", "size", "0", "1"} <= {*texts(svg)}
    assert len(points(svg)) == 2


def test_one_line_needs_no_legend() -> None:
    assert "name" not in texts(lines_svg([0.0, 1.0], {"name": [0.0, 1.0]}))


def test_an_axis_needs_two_places() -> None:
    with pytest.raises(ValueError, match="at least two places"):
        lines_svg([1.0], {"y": [1.0]})

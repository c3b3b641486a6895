"""Heat maps as SVG: well-formed, escaped, and the same text for the same numbers."""

import math
from xml.etree import ElementTree

import pytest

from transduce.drawing.matrix import Matrix, matrices_svg, matrix_svg, number

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def cells(svg: str) -> list[ElementTree.Element]:
    return [element for element in ElementTree.fromstring(svg).iter(f"{SVG}rect") if element.get("class") != "paper"]


def test_labels_and_numbers_stand_in_the_picture() -> None:
    svg = matrix_svg([[1.0, -0.25], [0.0, 0.5]], ["a", "b"], ["c", "d"], "weights")
    assert texts(svg) == ["weights", "c", "d", "a", "b", "1", "-0.25", "0", "0.5"]


def test_the_largest_size_has_the_full_colour_and_negative_values_have_another() -> None:
    colours = [(cell.get("fill-opacity"), cell.get("class")) for cell in cells(matrix_svg([[4.0, -1.0, 0.0]], [], []))]
    assert colours == [("1", "positive line"), ("0.25", "negative line"), ("0", "positive line")]


def test_the_last_bits_of_a_number_do_not_change_the_text() -> None:
    assert matrix_svg([[0.1 + 0.2, 1e-17]], [], []) == matrix_svg([[0.3, 0.0]], [], [])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.25, "0.25"),
        (1.5, "1.5"),
        (-3.0, "-3"),
        (-0.001, "0"),
        (100.0, "100"),
        (123456.0, "1.2e+05"),
        (math.nan, "NaN"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_scores_behind_a_mask_have_no_colour() -> None:
    svg = matrix_svg([[-math.inf, 2.0]], [], [])
    assert texts(svg) == ["-∞", "2"]
    assert cells(svg)[0].get("fill-opacity") == "0"


def test_labels_are_escaped() -> None:
    svg = matrix_svg([[1.0]], ["<s>"], ["&\x1b[31m"], '"<script>"')
    assert texts(svg)[:3] == ['"<script>"', "&\\x1b[31m", "<s>"]


def test_wide_matrices_have_no_numbers_and_upright_labels() -> None:
    svg = matrix_svg([[1.0] * 20], ["row"], [f"column {place}" for place in range(20)])
    assert len(texts(svg)) == 21
    assert svg.count("rotate(-90") == 20


def test_matrices_side_by_side_do_not_overlap() -> None:
    svg = matrices_svg([Matrix([[1.0, 2.0]], title="input"), Matrix([[3.0]], title="output")], "linear")
    assert texts(svg) == ["linear", "input", "1", "2", "output", "3"]
    groups = [element.get("transform") for element in ElementTree.fromstring(svg).iter(f"{SVG}g")]
    assert groups == ["translate(12 37)", "translate(104 37)"]


def test_labels_must_fit() -> None:
    with pytest.raises(ValueError, match="the matrix has 1 rows, but there are 2 labels of rows"):
        matrix_svg([[1.0]], ["a", "b"], ["c"])
    with pytest.raises(ValueError, match="one length"):
        matrix_svg([[1.0], [1.0, 2.0]], [], [])

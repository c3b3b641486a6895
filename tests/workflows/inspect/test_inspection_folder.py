"""The folder of an inspection: pictures, page and JSON of texts in any script; nothing else is ever replaced."""

import json
from pathlib import Path

import numpy as np
import pytest
from lxml import html
from matplotlib import image

from babble import babble
from transduce.workflows.inspect.folder import write_inspection
from transduce.workflows.inspect.page import page
from transduce.workflows.inspect.run import Inspection, inspect

LINES = [
    "der <b>Hund</b> & die Katze",
    "那只大狗 看见 了猫",
    "القطة الكبيرة نامت",
    "बड़ा कुत्ता सोया",
    "I ❤ 🐱 and 👩🏽‍🚀",
]


@pytest.fixture(scope="module")
def found() -> Inspection:
    return inspect(babble(LINES), "那只 猫", "القطة <b>")


@pytest.fixture(scope="module")
def folder(found: Inspection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "seen"
    write_inspection(path, found)
    return path


def test_pictures_of_every_layer(folder: Path, found: Inspection) -> None:
    expected = {"alternatives", "saliency", "source", "encoder", "decoder"}
    for kind, layers in (("source", 2), ("encoder", 3), ("decoder", 2)):
        expected |= {f"{kind}-layer-{layer + 1}{end}" for layer in range(layers) for end in ("", "-heads")}
    assert {each.stem for each in folder.glob("*.png")} == expected
    for each in folder.glob("*.png"):
        pixels = image.imread(each)
        assert min(pixels.shape[:2]) > 80 and pixels[..., :3].std() > 0.02


def test_everything_is_in_the_json(folder: Path, found: Inspection) -> None:
    tree = json.loads((folder / "inspection.json").read_text(encoding="utf-8"))
    assert (tree["text"], tree["output"], tree["output_given"]) == ("那只 猫", "القطة <b>", True)
    assert tree["source_pieces"] == list(found.source_pieces)
    for name, weights in (("encoder", found.encoder), ("decoder", found.decoder), ("source", found.attention)):
        np.testing.assert_allclose(np.array(tree["attention"][name]), weights, atol=1e-6)
    np.testing.assert_allclose(np.array(tree["saliency"]), found.saliency, atol=1e-6)
    for step, shown in zip(found.steps, tree["steps"], strict=True):
        assert (shown["piece"], shown["id"], shown["rank"]) == (step.token.piece, step.token.id, step.rank)
        assert [choice["piece"] for choice in shown["alternatives"]] == [choice.piece for choice in step.choices]


def test_the_page_names_every_token_and_escapes_it(folder: Path, found: Inspection) -> None:
    text = (folder / "index.html").read_text(encoding="utf-8")
    tree = html.document_fromstring(text)
    assert "<b>" not in text and not tree.xpath("//b | //script")
    assert tree.xpath("//dd")[1].text_content() == "القطة <b>"
    source, output = tree.xpath("//section[@aria-labelledby='tokens']//table")
    assert [each.text_content() for each in source.xpath(".//bdi")] == list(found.source_pieces)
    given = [step.token.piece for step in found.steps]
    assert [each.text_content() for each in output.xpath(".//tr[3]//bdi")] == given
    assert [each.get("src") for each in tree.xpath("//img")] == [each.get("href") for each in tree.xpath("//figure/a")]
    assert {each.get("src") for each in tree.xpath("//img")} == {each.name for each in folder.glob("*.png")}
    saliency = tree.xpath("//section[@aria-labelledby='saliency']//tbody/tr")
    assert len(saliency) == len(given) and len(saliency[0].xpath("td")) == len(found.source_pieces)
    assert not tree.xpath("//*[starts-with(@src, 'http') or starts-with(@href, 'http')]")


def test_large_maps_are_left_to_the_pictures() -> None:
    long = inspect(babble(LINES, kind="characters", max_source=200), "Hund und Katze " * 6, "Katze " * 8)
    assert 'id="saliency"' not in page(long, []) and 'id="tokens"' in page(long, [])


def test_only_inspections_are_replaced(folder: Path, found: Inspection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transduce.workflows.inspect.folder.pictures", lambda found: iter(()))
    write_inspection(folder, found)
    assert {each.name for each in folder.iterdir()} == {"inspection.json", "index.html"}
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds notes\.txt, which is of no inspection"):
        write_inspection(folder, found)
    assert (folder / "notes.txt").read_text() == "mine"
    photos = folder / "photos"
    photos.mkdir()
    write_inspection(photos, found)  # an empty folder is as good as none
    for each in photos.iterdir():
        each.unlink()
    (photos / "me.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"holds me\.png"):
        write_inspection(photos, found)
    (photos / "me.png").unlink()
    write_inspection(photos, found)
    (photos / "annotated.png").write_bytes(b"")  # beside an inspection, which is no reason to remove it
    with pytest.raises(ValueError, match=r"holds annotated\.png"):
        write_inspection(photos, found)
    with pytest.raises(ValueError, match="is a file, expected a folder or nothing"):
        write_inspection(folder / "notes.txt", found)


def test_an_error_leaves_the_old_folder(found: Inspection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "seen"
    monkeypatch.setattr("transduce.workflows.inspect.folder.pictures", lambda found: iter(()))
    write_inspection(folder, found)
    before = (folder / "index.html").read_bytes()

    def fails(*arguments: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("transduce.workflows.inspect.folder.page", fails)
    with pytest.raises(OSError, match="No space"):
        write_inspection(folder, found)
    assert (folder / "index.html").read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["seen"]

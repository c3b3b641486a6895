"""Pictures of every kind become pixels by the stated rules, and what is none says why."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from picture_toy import write_idx
from transduce.data import pictures
from transduce.data.columns import Fault
from transduce.data.picture_column import Picture, PixelValues
from transduce.data.pictures import FIRST_FRAME, ROTATED, decoded, fitted
from transduce.data.processors import Processors


def content(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels_of(data: bytes, channels: int = 3, size: int = 4) -> np.ndarray:
    result = decoded(data, channels, size)
    assert not isinstance(result, Fault), result
    return result[0]


def fault_of(data: bytes) -> Fault:
    result = decoded(data, 3, 4)
    assert isinstance(result, Fault)
    return result


RED = (200, 30, 10)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "TIFF", "PPM", "GIF", "JPEG"])
def test_every_format(kind: str) -> None:
    pixels = pixels_of(content(Image.new("RGB", (4, 4), RED), kind))
    assert pixels.shape == (4, 4, 3) and np.abs(pixels.astype(int) - RED).max() <= 12


@pytest.mark.parametrize(
    ("picture", "grey"),
    [
        (Image.new("1", (4, 4), 1), 255),
        (Image.new("L", (4, 4), 100), 100),
        (Image.new("LA", (4, 4), (0, 0)), 255),  # transparent: laid on white
        (Image.new("LA", (4, 4), (100, 255)), 100),
        (Image.new("RGBA", (4, 4), (0, 0, 0, 0)), 255),
        (Image.new("P", (4, 4), 0), 0),
        (Image.fromarray(np.full((4, 4), 100 * 256 + 7, np.uint16)), 100),  # 16 bits: the upper 8
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else "",
)
def test_every_mode(picture: Image.Image, grey: int) -> None:
    data = content(picture)
    assert (pixels_of(data) == grey).all() and (pixels_of(data, channels=1) == grey).all()


def test_cmyk_and_a_transparent_colour_of_a_palette() -> None:
    cyan = pixels_of(content(Image.new("CMYK", (4, 4), (255, 0, 0, 0)), "TIFF"))
    assert (cyan == (0, 255, 255)).all()
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    assert (pixels_of(content(picture)) == (10, 20, 30)).all()
    assert (pixels_of(content(picture, transparency=1)) == 255).all()


def test_floating_point_pixels_are_refused() -> None:
    fault = fault_of(content(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"))
    assert str(fault) == "picture of another kind: its pixels are floating-point numbers, expected 8 or 16 bits"
    fault = fault_of(content(Image.fromarray(np.full((4, 4), 1 << 20, np.int32)), "TIFF"))
    assert fault.detail == "its pixels have 32 bits, expected 8 or 16"


def test_a_transparent_colour_of_16_bits_is_laid_on_white() -> None:
    values = np.full((4, 4), 100 * 256, np.uint16)
    values[:2] += 7  # the same upper 8 bits
    pixels = pixels_of(content(Image.fromarray(values), transparency=100 * 256 + 7), channels=1)
    assert (pixels[:2] == 255).all() and (pixels[2:] == 100).all()


def test_pixels_of_32_bits_count_as_8_bits_where_none_is_above_255() -> None:
    for value, grey in ((200, 200), (255, 255), (256, 1), (200 * 256, 200)):
        assert (pixels_of(content(Image.new("I", (4, 4), value), "TIFF")) == grey).all()
        named = Picture(4, 3).value_of(Image.new("I", (4, 4), value))
        assert named is not None and (Picture(4, 3).example().encode_batch([named])[0] == grey).all()


def test_the_centre_of_the_resized_picture() -> None:
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 4:8] = 255
    assert (pixels_of(content(Image.fromarray(wide))) == 255).all()
    assert (pixels_of(content(Image.fromarray(wide.transpose(1, 0, 2)))) == 255).all()
    for size in ((1, 1), (2, 9), (9, 2), (500, 3), (3, 500)):
        assert (pixels_of(content(Image.new("RGB", size, RED))) == RED).all()


def test_the_size_agrees_with_a_resize_and_a_crop() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    picture = Image.fromarray(noise)
    expected = np.asarray(picture.resize((30, 20), Image.Resampling.BILINEAR))[:, 5:25].astype(int)
    own = fitted(picture, 3, 20)
    assert isinstance(own, np.ndarray) and np.abs(own - expected).max() <= 1


def test_the_first_frame_and_the_rotation_are_noted() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, (0, 0, 0))]
    result = decoded(content(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True), 3, 4)
    assert not isinstance(result, Fault) and (result[0] == RED).all() and result[1] == (FIRST_FRAME,)
    upside = np.zeros((4, 4, 3), np.uint8)
    upside[3] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # rotated by half a turn
    result = decoded(content(Image.fromarray(upside), exif=exif), 3, 4)
    assert not isinstance(result, Fault) and (result[0][0] == 255).all() and result[1] == (ROTATED,)


def test_no_pictures() -> None:
    assert fault_of(b"").detail.endswith("found an empty file")
    assert str(fault_of(b"hello, world")).startswith("not a picture: expected PNG, JPEG")
    assert fault_of(b"%!PS-Adobe-3.0 EPSF-3.0\n").reason == "not a picture"  # would be run by another program


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM"])
def test_truncated_files(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    whole = content(noise, kind)
    for length in (4, 12, 30, len(whole) // 2, len(whole) - 100):
        assert isinstance(decoded(whole[:length], 3, 8), Fault), length


def test_damaged_files_never_raise() -> None:
    draw = np.random.default_rng(1)
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        whole = bytearray(content(Image.new("RGB", (16, 16), RED), kind))
        for _ in range(60):
            broken = bytearray(whole)
            for place in draw.integers(0, len(broken), 3):
                broken[place] = draw.integers(0, 256)
            decoded(bytes(broken), 3, 8)


def bomb(width: int, height: int) -> bytes:
    """The beginning of a PNG of so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(8_001, 8_000), (10_000, 10_000), (60_000, 60_000)])
def test_bombs(size: tuple[int, int]) -> None:
    fault = fault_of(bomb(*size))
    assert fault.reason == "picture too large" and fault.detail.endswith(
        "at most 64,000,000 are decoded; make it smaller"
    )


def test_a_file_of_too_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES", 10)
    (tmp_path / "a.png").write_bytes(b"12345678901")
    fault = pictures.read_bytes(tmp_path / "a.png")
    assert isinstance(fault, Fault) and "has 11 bytes, at most 10 are read" in fault.detail
    assert isinstance(pictures.read_bytes(tmp_path), Fault) and isinstance(pictures.read_bytes(Path("a\0b")), Fault)


# --- the column


def test_mean_and_deviation_are_those_of_the_pixels(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    arrays = [draw.integers(0, 256, (6, 6, 3)).astype(np.uint8) for _ in range(5)]
    for number, array in enumerate(arrays):
        Image.fromarray(array).save(tmp_path / f"{number}.png")
    values = PixelValues.learn([str(tmp_path / f"{number}.png") for number in range(5)], "image", Picture(6, 3))
    shares = np.stack(arrays).reshape(-1, 3) / 255
    assert values.mean == pytest.approx(shares.mean(0), abs=1e-5)
    assert values.deviation == pytest.approx(shares.std(0), abs=1e-5)
    normalised = values.normalised(np.stack(arrays).astype(np.float32)).reshape(-1, 3)
    assert normalised.mean(0) == pytest.approx([0, 0, 0], abs=1e-4) and normalised.std(0) == pytest.approx(
        [1, 1, 1], abs=1e-4
    )
    values.save(tmp_path / "pixels.json")
    assert PixelValues.load(tmp_path / "pixels.json") == values
    (tmp_path / "pixels.json").write_text('{"size": 6}')
    with pytest.raises(ValueError, match=r"pixels\.json: not a file of pixel values"):
        PixelValues.load(tmp_path / "pixels.json")
    with pytest.raises(ValueError, match="column 'image': no picture to train on can be read"):
        PixelValues.learn([str(tmp_path / "none.png")], "image", Picture(6, 3))


def test_pictures_of_python() -> None:
    column, values = Picture(4, 3), Picture(4, 3).example()
    modes = ("RGB", "L", "LA", "RGBA", "1", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "La", "RGBa", "RGBX", "I", "I;16")
    for mode in modes:
        value = column.value_of(Image.new(mode, (5, 4)))
        assert value is not None and column.file_of(value) is None
        assert not isinstance(values.encode_batch([value])[0], Fault), mode
    assert column.value_of(Path("a.png")) == "a.png" and column.value_of(3) is None
    (fault,) = values.encode_batch(["data:image/png;base64,@@"])
    assert isinstance(fault, Fault) and fault.reason == "damaged picture"


def test_pictures_of_python_are_rotated_as_their_files_are(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f"{orientation}.png"
        Image.fromarray(pixels).save(path, exif=exif)
        named = [Picture(4, 3).value_of(given) for given in (path, Image.open(path))]
        from_file, in_memory = Picture(4, 3).example().encode_batch([str(name) for name in named])
        assert (from_file == in_memory).all(), orientation


def test_pictures_of_python_that_cannot_be_used() -> None:
    with pytest.raises(ValueError, match="the picture is empty: it has 0 x 5 pixels"):
        Picture().value_of(Image.new("RGB", (0, 5)))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    half = Image.open(io.BytesIO(content(Image.fromarray(noise))[:5_000]))
    with pytest.raises(ValueError, match="the picture of mode RGB cannot be used"):
        Picture().value_of(half)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"size": 8, "channels": 1, "mean": [NaN], "deviation": [0.5]}', "mean must be 1 number from 0 to 1"),
        ('{"size": 8, "channels": 1, "mean": [0.5], "deviation": [NaN]}', "deviation must be 1 number from 0.001 to 1"),
        ('{"size": 8, "channels": 1, "mean": [0.5], "deviation": [1e400]}', "deviation must be"),
        ('{"size": 8, "channels": 1, "mean": [0.5], "deviation": [1e-300]}', "deviation must be"),
        ('{"size": -5, "channels": 1, "mean": [0.5], "deviation": [0.5]}', "size must be 1 to 2,048 .* found -5"),
        ('{"size": 20000, "channels": 1, "mean": [0.5], "deviation": [0.5]}', "size must be 1 to 2,048"),
        ('{"size": 56, "channels": 1, "mean": [0.5], "deviation": [0.5]}', "size is 56, but task.size is 8"),
        ('{"size": 8, "channels": 3, "mean": [0, 0, 0], "deviation": [1, 1, 1]}', "channels is 3, but task.channels is 1"),
    ],
)  # fmt: skip
def test_files_of_pixel_values_that_do_not_fit_the_task(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "pixels.json").write_text(content)
    with pytest.raises(ValueError, match=rf"pixels\.json.*{words}"):
        Processors.load(tmp_path, {"image": Picture(8, 1)})


def test_equal_files_have_one_content(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (3, 3), RED).save(tmp_path / name)
    Image.new("RGB", (3, 3), (1, 2, 3)).save(tmp_path / "c.png")
    first, second, third = (Picture().content(str(tmp_path / name)) for name in ("a.png", "b.png", "c.png"))
    assert first == second != third and Picture().key(first) == Picture().key(second)


def test_names_stay_in_their_folder(tmp_path: Path) -> None:
    inside, column = tmp_path / "in", Picture()
    inside.mkdir()
    for place in (tmp_path / "out.png", inside / "a#1.png", inside / "ü ñ.png"):
        Image.new("RGB", (3, 3)).save(place)
    (inside / "link.png").symlink_to(tmp_path / "out.png")
    (inside / "round.png").symlink_to("round.png")
    write_idx(tmp_path / "out-idx3-ubyte", np.zeros((2, 3, 3), np.uint8))
    write_idx(inside / "in-idx3-ubyte", np.zeros((2, 3, 3), np.uint8))
    (inside / "link-idx3-ubyte").symlink_to(tmp_path / "out-idx3-ubyte")
    assert column.located("in-idx3-ubyte#1", inside) == f"{inside}/in-idx3-ubyte#1"
    for name in ("a#1.png", "./a#1.png", "ü ñ.png", str(tmp_path / "out.png")):
        place = column.located(name, inside)
        assert not isinstance(place, Fault) and Path(place).is_absolute() and Path(place).is_file()
    for name, words in (
        ("../out.png", "leads out of"),
        ("link.png", "leads out of"),
        ("link-idx3-ubyte#0", "leads out of"),
        ("../out-idx3-ubyte#0", "leads out of"),
        ("none.png", "none.png; names are relative"),
        ("round.png", ""),
        ("a\0b", ""),
        ("x" * 300, ""),
    ):
        fault = column.located(name, inside)
        assert isinstance(fault, Fault) and words in fault.detail, name

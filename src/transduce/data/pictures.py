"""Reads a picture and brings it to a fixed form: 8-bit pixels, one size, one number of channels.

The rules, in this order:

    frames        of an animation, or of a file of several pages, the first
    rotation      as its EXIF orientation says
    16 bits       the upper 8 of them; pixels of 32 bits count as 8 bits if none is above 255, else as 16
    transparency  laid on white
    colours       any mode (palette, CMYK, 1-bit, ...) as RGB, or as grey for one channel
    size          shorter side to the size of the network, then the centre

Memory is bounded: files and pictures beyond the limits below are refused before they are decoded.
Letters: h height, w width, C channels.
"""

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from transduce.data.columns import Fault

HIDDEN = (".", "__MACOSX")  # beginnings of names that file managers and archivers write beside the owner's files
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")  # others may run programs, such as PostScript
SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
MOST_BYTES = 200_000_000  # of a file
MOST_PIXELS = 64_000_000  # of a picture; decoded it has up to 4 bytes for each
WHITE = (255, 255, 255, 255)
DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # 16 bits in a pixel
PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
PLAIN_MODES = {"HSV": "RGB", "La": "LA", "RGBa": "RGBA"}  # modes that no file has
FIRST_FRAME = "first frame of an animation used"
ROTATED = "rotated by its EXIF orientation"

Pixels = UInt8[np.ndarray, "h w C"]


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is none of the owner's pictures: ".git", "__MACOSX"."""
    return name.startswith(HIDDEN)


def visible_files(folder: Path) -> list[Path]:
    """The files below a folder, sorted, without hidden ones; links to folders are not followed, and count as files."""
    names = []
    for place, folders, files in os.walk(folder):
        here = Path(place)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [name for name in folders if name not in links and not is_hidden(name)]
        names += [here / name for name in (*files, *links) if not is_hidden(name)]
    return sorted(names)


def read_bytes(path: Path) -> bytes | Fault:
    """The content of a file, or why it is no picture."""
    try:
        if not path.is_file():
            return Fault("no such picture", "it is a folder" if path.is_dir() else "")
        size = path.stat().st_size
        if size > MOST_BYTES:
            return Fault(
                "picture too large", f"it has {size:,} bytes, at most {MOST_BYTES:,} are read; make it smaller"
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with NUL
        return Fault("no such picture", f"it cannot be read ({error})")


def decoded(content: bytes, channels: int, size: int) -> tuple[Pixels, tuple[str, ...]] | Fault:
    """The pixels of a picture in a file of this content, and notes about it; or why it has none.

    No error of a damaged file passes, whatever the library raises.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, and of many pixels, which are refused below
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
            width, height = picture.size
            if width * height > MOST_PIXELS:
                return _too_many_pixels(f"{width:,} x {height:,}")
            frames = getattr(picture, "n_frames", 1)
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            pixels = fitted(upright, channels, size)
    except Image.DecompressionBombError:
        return _too_many_pixels("far too many")
    except UnidentifiedImageError:
        return Fault("not a picture", f"expected {', '.join(FORMATS)}, found {_beginning(content)}")
    except _DAMAGE as error:
        return Fault("damaged picture", f"{error or type(error).__name__}; get the file again")
    if isinstance(pixels, Fault):
        return pixels
    notes = ((FIRST_FRAME, frames > 1), (ROTATED, upright.getexif() != picture.getexif()))
    return pixels, tuple(note for note, applies in notes if applies)


def in_memory(picture: Image.Image) -> bytes:
    """The content of a file that has the pixels of a picture, rotated as its EXIF orientation says.

    ValueError for one without pixels, and for one that cannot be written or read.
    """
    if 0 in picture.size:
        raise ValueError(f"the picture is empty: it has {picture.width} x {picture.height} pixels")
    buffer = io.BytesIO()
    try:
        upright = ImageOps.exif_transpose(picture)
        upright = upright.convert(PLAIN_MODES.get(upright.mode, upright.mode))
        upright.save(buffer, "PNG" if upright.mode in PNG_MODES else "TIFF")
    except _DAMAGE as error:
        raise ValueError(
            f'the picture of mode {picture.mode} cannot be used ({error}); give picture.convert("RGB")'
        ) from None
    return buffer.getvalue()


_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, AttributeError, MemoryError,
    struct.error, zlib.error, RuntimeError, NotImplementedError,
)  # fmt: skip


def _too_many_pixels(number: str) -> Fault:
    return Fault("picture too large", f"it has {number} pixels, at most {MOST_PIXELS:,} are decoded; make it smaller")


def _beginning(content: bytes) -> str:
    return f"a file that begins with {content[:8]!r}" if content else "an empty file"


def fitted(picture: Image.Image, channels: int, size: int) -> Pixels | Fault:
    """A picture of any mode and size as pixels of `channels` and `size`: its shorter side is resized (bilinear, with
    antialiasing) and the centre is cut out.
    """
    plain = _plain(picture, "L" if channels == 1 else "RGB")
    if isinstance(plain, Fault):
        return plain
    width, height = plain.size
    if plain.size != (size, size):
        scale = size / min(width, height)
        longer = (max(size, round(width * scale)), max(size, round(height * scale)))
        box = _centre(width, height, longer, size)
        plain = plain.resize((size, size), Image.Resampling.BILINEAR, box=box)
    return np.asarray(plain, np.uint8).reshape(size, size, channels)


def _centre(width: int, height: int, longer: tuple[int, int], size: int) -> tuple[float, float, float, float]:
    """The part of a picture whose resized form is the centre of the resized picture."""
    across, down = width * size / longer[0], height * size / longer[1]
    left, top = (width - across) / 2, (height - down) / 2
    return left, top, left + across, top + down


def _plain(picture: Image.Image, mode: str) -> Image.Image | Fault:
    """The picture in the mode "L" or "RGB", without transparency."""
    if picture.mode == "F":
        return Fault("picture of another kind", "its pixels are floating-point numbers, expected 8 or 16 bits")
    if picture.mode in DEEP_MODES:
        values = np.asarray(picture).astype(np.int64)
        if values.min(initial=0) < 0 or values.max(initial=0) > 0xFFFF:
            return Fault("picture of another kind", "its pixels have 32 bits, expected 8 or 16")
        has_8_bits = picture.mode == "I" and values.max(initial=0) <= 0xFF
        pixels = (values if has_8_bits else values >> 8).astype(np.uint8)
        transparent = picture.info.get("transparency")
        if isinstance(transparent, int):  # the value of all transparent pixels, which needs all of its bits
            pixels[values == transparent] = 0xFF
        picture = Image.fromarray(pixels)
    if picture.has_transparency_data:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, WHITE), picture.convert("RGBA"))
    return picture if picture.mode == mode else picture.convert("RGB").convert(mode)

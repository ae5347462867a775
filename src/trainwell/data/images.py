"""One image file -> uint8 pixels, or the reason why not."""

import contextlib
import io
import os
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from trainwell.errors import BadData

MAX_PIXELS = 100_000_000  # a header that declares more is taken for a decompression bomb
MAX_BYTES = 2**29  # no photo of MAX_PIXELS is larger, and a file is read whole
UNREADABLE = "cannot be read"  # how the reasons begin that may pass: permission, a dangling link, a failing disk

# Named one by one: among the rest are formats that call other programs (EPS) or hold no pixels.
FORMATS = (  # the JPEG reader takes the MPO files of phones along
    JpegImagePlugin.JpegImageFile.format,
    PngImagePlugin.PngImageFile.format,
    WebPImagePlugin.WebPImageFile.format,
    BmpImagePlugin.BmpImageFile.format,
    BmpImagePlugin.DibImageFile.format,
    GifImagePlugin.GifImageFile.format,
    TiffImagePlugin.TiffImageFile.format,
    PpmImagePlugin.PpmImageFile.format,
)
_GREY_MODES = ("1", "L", "LA", "La", "I", "P (grey)")
_ORIENTATION_SOURCES = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")


@dataclass(frozen=True)
class Frame:
    """What every image is brought to.

    Args:
        height: In pixels.
        width: In pixels.
        channels: 1, grey, or 3, RGB.
    """

    height: int
    width: int
    channels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return (self.height, self.width, self.channels)


class Decoded(NamedTuple):
    """Pixels, uint8 (H, W, C), with the mode and size (width, height) of the file they came from."""

    pixels: np.ndarray
    mode: str
    size: tuple[int, int]


class Header(NamedTuple):
    """Mode and size (width, height) of a file."""

    mode: str
    size: tuple[int, int]


def read_image(path: str | os.PathLike[str], frame: Frame) -> Decoded:
    """Decode the first frame of a file, upright, on white where it is transparent, and bring it to `frame`.

    An image is scaled so that it covers the frame and is cropped around its centre. 16-bit grey is scaled by 1/257.

    Raises:
        BadData: The reason, in a few words without the path.
    """
    content = _content(path)
    with _decoder_errors(content):
        image: Image.Image = _opened(content)
        mode = mode_of(image)
        size = image.size
        if size != (frame.width, frame.height):
            side = max(frame.height, frame.width)  # JPEG only: decodes at 1/2, 1/4 or 1/8, and turning may follow
            image.draft(None, (side, side))
        image.load()
        image = _cover(_coloured(_upright(image), frame.channels), frame)
        pixels = np.asarray(image, dtype=np.uint8).reshape(frame.shape)
    return Decoded(pixels, mode, size)


def read_header(path: str | os.PathLike[str]) -> Header:
    """Mode and size without decoding; raises `BadData` as `read_image` does."""
    _checked_stat(path)
    try:
        with open(path, "rb") as file, _decoder_errors(b""):
            image = _checked_size(Image.open(file, formats=FORMATS))
            return Header(mode_of(image), image.size)
    except OSError as error:
        raise BadData(f"{UNREADABLE}: {error.strerror or error}") from error


@contextlib.contextmanager
def strict_decoding() -> Iterator[None]:
    """While many files are decoded: truncated files are errors, and Pillow's warnings about single files are silent.

    Both are settings of the process, so they are put back afterwards.
    """
    lenient = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def mode_of(image: Image.Image) -> str:
    """The mode as Pillow calls it; `P (grey)` for a palette that holds greys only."""
    if image.mode == "P":
        red, green, blue = (np.array((image.getpalette("RGB") or [])[i::3]) for i in range(3))
        return "P (grey)" if np.array_equal(red, green) and np.array_equal(green, blue) else "P"
    return image.mode


def is_grey(mode: str) -> bool:
    """Whether an image of this mode, as `mode_of` says it, has no colour."""
    return mode in _GREY_MODES or mode.startswith("I;16")


def resize_array(pixels: np.ndarray, frame: Frame) -> np.ndarray:
    """Bring uint8 (H, W, C), with C 1 or 3, to the height and width of `frame` as files are brought to it."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return np.asarray(_cover(image, frame)).reshape(frame.height, frame.width, pixels.shape[-1])


def _checked_stat(path: str | os.PathLike[str]) -> None:
    try:
        status = os.stat(path)
    except OSError as error:
        raise BadData(f"{UNREADABLE}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise BadData("not a regular file")
    if status.st_size == 0:
        raise BadData("empty file")
    if status.st_size > MAX_BYTES:
        raise BadData(f"larger than {MAX_BYTES // 2**20} MiB")


def _content(path: str | os.PathLike[str]) -> bytes:
    _checked_stat(path)
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise BadData(f"{UNREADABLE}: {error.strerror}") from error


def _opened(content: bytes) -> Image.Image:
    return _checked_size(Image.open(io.BytesIO(content), formats=FORMATS))


def _checked_size(image: Image.Image) -> Image.Image:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise BadData(f"decompression bomb: its header declares {width} x {height}, over {MAX_PIXELS:,} pixels")
    if width < 1 or height < 1:
        raise BadData(f"no pixels: its header declares {width} x {height}")
    return image


@contextlib.contextmanager
def _decoder_errors(content: bytes) -> Iterator[None]:
    try:
        yield
    except BadData:
        raise
    except UnidentifiedImageError as error:
        raise BadData(_unidentified(content)) from error
    except Image.DecompressionBombError as error:
        raise BadData(f"decompression bomb: its header declares over {MAX_PIXELS:,} pixels") from error
    except Exception as error:  # on damaged files the decoders raise nearly every class there is
        text = str(error) or type(error).__name__
        raise BadData("truncated" if "truncated" in text.lower() else f"damaged: {text}") from error


def _unidentified(content: bytes) -> str:
    if content[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
        return "a HEIC or AVIF photo, which is not read: save it as JPEG or PNG"
    known = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"II*\0", b"MM\0*")
    return "damaged: its header cannot be read" if content.startswith(known) else "not an image"


def _upright(image: Image.Image) -> Image.Image:
    if image.format != "TIFF" and not any(source in image.info for source in _ORIENTATION_SOURCES):
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # cameras and editors write broken EXIF blocks; the pixels beside them are sound
        return image


def _coloured(image: Image.Image, channels: int) -> Image.Image:
    if image.mode == "F":
        raise BadData("floating-point pixels, whose range is not known: save it with 8 or 16 bits")
    if image.mode == "I" or image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.float32) / 257  # 65,535 -> 255; Pillow itself would clip
        image = Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
    elif image.has_transparency_data:
        image = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        image = white.convert("RGB")
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _cover(image: Image.Image, frame: Frame) -> Image.Image:
    if image.size == (frame.width, frame.height):
        return image
    scale = max(frame.width / image.width, frame.height / image.height)
    left = max(0.0, (image.width - frame.width / scale) / 2)
    top = max(0.0, (image.height - frame.height / scale) / 2)
    box = (left, top, image.width - left, image.height - top)
    # Bilinear with antialias; beyond a gap of 3 the integer reduction before it cannot be told apart.
    return image.resize((frame.width, frame.height), Image.Resampling.BILINEAR, box=box, reducing_gap=3.0)

"""One image file -> uint8 pixels, or the reason why not."""

import contextlib
import io
import os
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from PIL import (
    BmpImagePlugin,
    ExifTags,
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

from trainwell.data.cut import scaled
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
MAX_RATIO = 4  # of the long side to the short one of a photo that is kept whole; of a longer one the middle is kept
BARS = 128  # grey of the bars beside an image that is shown whole: the middle of the range
Fit = Literal["crop", "letterbox"]
_GREY_MODES = ("1", "L", "LA", "La", "I", "P (grey)")
_TRANSPARENT_MODES = ("RGBA", "LA", "PA", "La", "RGBa")
_ORIENTATION_SOURCES = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")


@dataclass(frozen=True)
class Frame:
    """What every image is brought to.

    Args:
        height: In pixels.
        width: In pixels.
        channels: 1, grey, or 3, RGB.
        fit: `crop` covers the frame and cuts the middle; `letterbox` shows all of the image, with grey bars beside it.
    """

    height: int
    width: int
    channels: int
    fit: Fit = "crop"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return (self.height, self.width, self.channels)


class Decoded(NamedTuple):
    """Pixels, uint8 (H, W, C), with the mode and size (width, height) of the file they came from, and whether it was
    turned upright."""

    pixels: np.ndarray
    mode: str
    size: tuple[int, int]
    turned: bool = False


class Header(NamedTuple):
    """Mode and size (width, height) of a file."""

    mode: str
    size: tuple[int, int]


def read_image(path: str | os.PathLike[str], frame: Frame) -> Decoded:
    """Decode the first frame of a file, upright, on white where it is transparent, and bring it to `frame`.

    An image is scaled and cropped, or given bars, as the frame says. 16-bit grey is scaled by 1/257.

    Raises:
        BadData: The reason, in a few words without the path.
    """
    content = _content(path)
    with _decoder_errors(content):
        image: Image.Image = _opened(content)
        mode, size = mode_of(image), image.size
        if size != (frame.width, frame.height):
            _draft(image, max(frame.height, frame.width), frame.fit)
        image.load()
        upright, turned = _upright(image)
        image = _fitted(_coloured(upright, frame.channels), frame)
        pixels = np.asarray(image, dtype=np.uint8).reshape(frame.shape)
    return Decoded(pixels, mode, size, turned)


def read_photo(path: str | os.PathLike[str], short_side: int, channels: int, fit: Fit = "crop") -> Decoded:
    """Decode a file as `read_image` does, and keep all of it at a short side of at most `short_side`.

    What is smaller is not enlarged. Of what is longer than `MAX_RATIO` times its short side the middle is kept.

    Args:
        path: The file.
        short_side: In pixels.
        channels: 1, grey, or 3, RGB.
        fit: `letterbox` gives the image grey bars that make it a square of at most `short_side`.

    Raises:
        BadData: The reason, in a few words without the path.
    """
    content = _content(path)
    with _decoder_errors(content):
        image: Image.Image = _opened(content)
        mode, size = mode_of(image), image.size
        _draft(image, _kept_side(size, short_side, fit), fit)
        image.load()
        upright, turned = _upright(image)
        image = _coloured(upright, channels)
        pixels = np.asarray(image, dtype=np.uint8).reshape(image.height, image.width, channels)
        pixels = kept_whole(pixels, short_side, fit, size)
    return Decoded(pixels, mode, size, turned)


def read_pixels(image: Image.Image, channels: int) -> Decoded:
    """An image in memory, upright, on white where it is transparent, in its own size.

    Raises:
        BadData: The reason, in a few words.
    """
    with _decoder_errors(b""):
        image.load()
        upright, turned = _upright(_checked_size(image))
        coloured = _coloured(upright, channels)
        pixels = np.asarray(coloured, dtype=np.uint8).reshape(coloured.height, coloured.width, channels)
    return Decoded(pixels, mode_of(image), image.size, turned)


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


def is_transparent(mode: str) -> bool:
    """Whether an image of this mode, as `mode_of` says it, has an alpha channel."""
    return mode in _TRANSPARENT_MODES


def resize_array(pixels: np.ndarray, frame: Frame) -> np.ndarray:
    """Bring uint8 (H, W, C), with C 1 or 3, to the height and width of `frame` as files are brought to it."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    return np.asarray(_fitted(image, frame)).reshape(frame.height, frame.width, pixels.shape[-1])


def kept_whole(pixels: np.ndarray, short_side: int, fit: Fit, size: tuple[int, int] | None = None) -> np.ndarray:
    """Bring uint8 (H, W, C), with C 1 or 3, to what is kept of a photo, as `read_photo` says it.

    Args:
        pixels: The photo, upright.
        short_side: In pixels.
        fit: As in `read_photo`.
        size: Its two sides where it was decoded at a fraction of them.
    """
    size = size or (pixels.shape[0], pixels.shape[1])
    side = _kept_side(size, short_side, fit)
    if fit == "letterbox":
        return resize_array(pixels, Frame(side, side, pixels.shape[-1], fit))
    long = min(MAX_RATIO * side, round(side * max(size) / min(size)))
    pixels = np.ascontiguousarray(_middle_stretch(pixels))
    return scaled(pixels, *((side, long) if pixels.shape[0] < pixels.shape[1] else (long, side)))


def _kept_side(size: tuple[int, int], short_side: int, fit: Fit) -> int:
    """Short side of what is kept of a photo, or the side of its square with bars."""
    return min(short_side, min(size) if fit == "crop" else max(size))


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


def _upright(image: Image.Image) -> tuple[Image.Image, bool]:
    """The image as its orientation tag wants it, and whether that turned or mirrored it."""
    if image.format != "TIFF" and not any(source in image.info for source in _ORIENTATION_SOURCES):
        return image, False
    try:
        if image.getexif().get(ExifTags.Base.Orientation, 1) not in range(2, 9):
            return image, False
        return ImageOps.exif_transpose(image), True
    except Exception:  # cameras and editors write broken EXIF blocks; the pixels beside them are sound
        return image, False


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


def _middle_stretch(pixels: np.ndarray) -> np.ndarray:
    """The middle of what is longer than `MAX_RATIO` times its short side."""
    longest = MAX_RATIO * min(pixels.shape[:2])
    top, left = (max(0, (length - longest) // 2) for length in pixels.shape[:2])
    return pixels[top : top + longest, left : left + longest]


def _draft(image: Image.Image, side: int, fit: Fit) -> None:
    """Let a JPEG be decoded at 1/2, 1/4 or 1/8 where its short side, or for bars its long one, still has `side`."""
    if fit == "crop":
        image.draft(None, (side, side))  # turning may follow
    else:
        times = max(1, max(image.size) // side)
        image.draft(None, (max(1, image.width // times), max(1, image.height // times)))


def _fitted(image: Image.Image, frame: Frame) -> Image.Image:
    size = (frame.width, frame.height)
    return _letterboxed(image, size) if frame.fit == "letterbox" else _cover(image, size)


def _letterboxed(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.size == size:
        return image
    scale = min(size[0] / image.width, size[1] / image.height)
    width, height = (max(1, round(side * scale)) for side in image.size)
    out = Image.new(image.mode, size, (BARS,) * len(image.getbands()))
    scaled = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
    out.paste(scaled, ((size[0] - width) // 2, (size[1] - height) // 2))
    return out


def _cover(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.size == size:
        return image
    scale = max(size[0] / image.width, size[1] / image.height)
    left = max(0.0, (image.width - size[0] / scale) / 2)
    top = max(0.0, (image.height - size[1] / scale) / 2)
    box = (left, top, image.width - left, image.height - top)
    # Bilinear with antialias; beyond a gap of 3 the integer reduction before it cannot be told apart.
    return image.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=3.0)

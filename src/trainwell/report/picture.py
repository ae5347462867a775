"""Pictures of a run within the page: encoded anew, so that they are small, and as text, so that nothing is fetched."""

import base64
import io
from dataclasses import dataclass

from PIL import Image

_MOST_BYTES = 300_000
_WIDEST = 1600  # pixels
_QUALITIES = (85, 70, 55, 40, 25)
_SMALLER = 0.7  # where no quality is small enough


@dataclass(frozen=True)
class Picture:
    """A picture that can stand in a page.

    Args:
        uri: All of it, as the source of an `<img>`.
        width: In pixels.
        height: In pixels.
    """

    uri: str
    width: int
    height: int


def embedded(content: bytes, most_bytes: int = _MOST_BYTES) -> Picture | None:
    """A picture as a data URI, as good as fits; None where it cannot be read.

    Args:
        content: A PNG file.
        most_bytes: Of the picture, before it is written as text.
    """
    try:
        image = Image.open(io.BytesIO(content)).convert("RGB")
    except OSError:
        return None
    image = _scaled(image, min(1.0, _WIDEST / image.width))
    while True:
        for quality in _QUALITIES:
            buffer = io.BytesIO()
            image.save(buffer, format="WEBP", quality=quality)
            if buffer.tell() <= most_bytes:
                text = base64.b64encode(buffer.getvalue()).decode()
                return Picture(f"data:image/webp;base64,{text}", image.width, image.height)
        image = _scaled(image, _SMALLER)


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    if factor >= 1.0:
        return image
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.LANCZOS)

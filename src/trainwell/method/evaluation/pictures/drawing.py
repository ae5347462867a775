"""What the pictures share: colours, letters, and text that fits."""

import functools

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
PAPER: Colour = (255, 255, 255)
INK: Colour = (38, 42, 51)
FAINT: Colour = (120, 126, 138)
LINE: Colour = (222, 225, 231)
GOOD: Colour = (38, 98, 168)
BAD: Colour = (205, 74, 50)


@functools.cache
def font(size: int) -> Font:
    """Pillow's own letters, of so many pixels."""
    return ImageFont.load_default(size)


def page(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A white page, and what draws on it."""
    image = Image.new("RGB", (width, height), PAPER)
    return image, ImageDraw.Draw(image)


def width_of(text: str, size: int) -> int:
    """Pixels that a line of text takes."""
    return int(font(size).getlength(text)) + 1


def fitted(text: str, size: int, width: int) -> str:
    """The text, its middle left out where it is wider than `width` pixels."""
    if width_of(text, size) <= width:
        return text
    kept = len(text)
    while kept > 2 and width_of(_shortened(text, kept), size) > width:
        kept -= 1
    return _shortened(text, kept)


def blend(colour: Colour, share: float) -> Colour:
    """From paper, at 0, to the colour, at 1."""
    red, green, blue = (round(p + (c - p) * share) for p, c in zip(PAPER, colour, strict=True))
    return red, green, blue


def _shortened(text: str, kept: int) -> str:
    """So many characters of a text, with a gap marked; more of the end, where file names differ."""
    head = kept // 3
    return f"{text[:head]}...{text[len(text) - (kept - head) :]}"

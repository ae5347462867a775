"""What the pictures share: colours, letters, and text that fits."""

import functools
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
PAPER: Colour = (255, 255, 255)
INK: Colour = (38, 42, 51)
FAINT: Colour = (120, 126, 138)
LINE: Colour = (222, 225, 231)
GOOD: Colour = (38, 98, 168)
BAD: Colour = (205, 74, 50)
_OWN = ""  # Pillow's letters, which are those of English
FONTS = ("DejaVuSans.ttf", "arial.ttf", "Arial Unicode.ttf", "NotoSansCJK-Regular.ttc", "msyh.ttc", "PingFang.ttc")


def font(size: int, text: str = "") -> Font:
    """Letters of so many pixels: Pillow's own, or the first of the system's fonts that has all those of the text."""
    name = next((name for name in (_OWN, *FONTS) if _has_all(name, text)), _OWN)
    found = _font(name, size)
    assert found is not None, "a font that has letters is there"
    return found


def class_names(classes: Sequence[str]) -> list[str]:
    """The names as they can be drawn: where a letter is missing, the number of the class, from 1."""
    return [name if drawable(name) else f"class no. {number}" for number, name in enumerate(classes, 1)]


def drawable(text: str) -> bool:
    """Whether there are letters for all of this text, and it stands on one line."""
    return any(_has_all(name, text) for name in (_OWN, *FONTS))


def _has_all(name: str, text: str) -> bool:
    return all(_has_letter(name, letter) for letter in text)


@functools.cache
def _has_letter(name: str, letter: str) -> bool:
    letters = _font(name, 16)
    if letters is None or not letter.isprintable():
        return False
    drawn, missing = (letters.getmask(each) for each in (letter, "\uffff"))  # never a letter: the box is drawn
    return letter == " " or (drawn.size, bytes(drawn)) != (missing.size, bytes(missing))


@functools.cache
def _font(name: str, size: int) -> Font | None:
    """Letters of a font, where there is one of this name."""
    if name == _OWN:
        return ImageFont.load_default(size)
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


def page(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A white page, and what draws on it."""
    image = Image.new("RGB", (width, height), PAPER)
    return image, ImageDraw.Draw(image)


def width_of(text: str, size: int) -> int:
    """Pixels that a line of text takes."""
    return int(font(size, text).getlength(text)) + 1


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

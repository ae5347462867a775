"""`confusion.png`: which classes are taken for which."""

import math

from PIL import Image, ImageDraw

from trainwell.method.evaluation.pictures.drawing import (
    BAD,
    FAINT,
    GOOD,
    INK,
    LINE,
    PAPER,
    blend,
    class_names,
    fitted,
    font,
    page,
    width_of,
)

MOST_CLASSES = 100
_MATRIX, _LEAST_CELL, _LARGEST_CELL = 1000, 22, 72  # pixels
_LEGEND = "a row is a true class, a column what was said; at the right: share of the row that is right"
_LONGEST_NAME, _MARGIN, _TITLE = 170, 24, 18


def confusion_picture(confusion: list[list[int]], classes: list[str]) -> Image.Image:
    """Draw the matrix: a row is a true class, a column what was said; blue is right, red is wrong.

    A cell is the darker the larger its share of the row, and holds the count.

    Args:
        confusion: (C, C), with at most `MOST_CLASSES`.
        classes: Names of the C classes; one whose letters are missing is drawn as its number, from 1.
    """
    number, names = len(classes), class_names(classes)
    cell = min(_LARGEST_CELL, max(_LEAST_CELL, _MATRIX // number))
    letters = max(11, min(16, cell // 3))
    longest = min(_LONGEST_NAME, max(width_of(name, letters) for name in names))
    left, top = _MARGIN + longest + 34, _MARGIN + 2 * _TITLE + longest + 34
    share_width = width_of("100 %", letters) + 16
    wide = max(left + number * cell + share_width + _MARGIN, width_of(_LEGEND, 12) + 2 * _MARGIN)
    image, draw = page(wide, top + number * cell + _MARGIN)
    right = sum(confusion[k][k] for k in range(number))
    total = sum(map(sum, confusion))
    draw.text((_MARGIN, _MARGIN), f"{right:,} of {total:,} right", font=font(_TITLE), fill=INK)
    draw.text((_MARGIN, _MARGIN + 24), _LEGEND, font=font(12), fill=FAINT)
    for row, name in enumerate(names):
        middle = top + row * cell + cell // 2
        text = fitted(name, letters, longest)
        draw.text((left - 10, middle), text, font=font(letters, text), fill=INK, anchor="rm")
        _upright(image, text, letters, left + row * cell + cell // 2, top - 10)
        count = sum(confusion[row])
        share = f"{confusion[row][row] / count:.0%}".replace("%", " %") if count else "none"
        draw.text((left + number * cell + 10, middle), share, font=font(letters), fill=FAINT, anchor="lm")
        for column in range(number):
            _cell(draw, confusion[row][column], count, row == column, (left + column * cell, top + row * cell), cell)
    return image


def _cell(draw: ImageDraw.ImageDraw, count: int, of: int, right: bool, corner: tuple[int, int], side: int) -> None:
    share = count / of if of else 0.0
    depth = share if right else math.sqrt(share)  # a few wrong ones are what is looked for
    fill = blend(GOOD if right else BAD, 0.08 + 0.92 * depth) if count else PAPER
    x, y = corner
    draw.rectangle((x, y, x + side, y + side), fill=fill, outline=LINE)
    if count:
        text, size = f"{count}", max(9, min(18, side // 3))
        while size > 6 and width_of(text, size) > side - 3:
            size -= 1
        ink = PAPER if depth > 0.55 else INK
        draw.text((x + side / 2, y + side / 2), text, font=font(size), fill=ink, anchor="mm")


def _upright(image: Image.Image, text: str, size: int, centre: int, bottom: int) -> None:
    """Text that runs upwards, ending at the bottom."""
    width, height = width_of(text, size), size + 6
    strip, draw = page(width, height)
    draw.text((0, height // 2), text, font=font(size, text), fill=INK, anchor="lm")
    image.paste(strip.rotate(90, expand=True), (centre - height // 2, bottom - width))

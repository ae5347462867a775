"""`mistakes.png`: a contact sheet of the worst mistakes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from trainwell.method.evaluation.pictures.drawing import (
    BAD,
    FAINT,
    GOOD,
    INK,
    class_names,
    drawable,
    fitted,
    font,
    page,
    width_of,
)

MOST_SHOWN = 24
_COLUMNS, _TILE, _GAP, _TEXT, _TITLE = 6, 168, 16, 58, 66  # pixels


def contact_sheet(
    images: np.ndarray, mistakes: list[dict[str, Any]], total: int, classes: Sequence[str]
) -> Image.Image:
    """Draw the worst mistakes: the image as the network is shown it, what was said, the truth, and the file.

    Args:
        images: Of each mistake, uint8 (n, H, W, C).
        mistakes: The worst `MOST_SHOWN` of them, the worst first; see `mistaken`.
        total: How many there are.
        classes: Names of the classes; empty in regression. One whose letters are missing is drawn as its number, from
            1, and such a file as its place among the mistakes.
    """
    names = dict(zip(classes, class_names(classes), strict=True))
    rows = -(-len(mistakes) // _COLUMNS)
    columns = min(_COLUMNS, max(3, len(mistakes)))
    image, draw = page(_GAP + columns * (_TILE + _GAP), _TITLE + rows * (_TILE + _TEXT + _GAP) + _GAP)
    title = f"the worst {len(mistakes)} of {total:,}" if total > len(mistakes) else f"all {total:,}"
    what = "errors" if "error" in mistakes[0] else "mistakes"
    draw.text((_GAP, 14), f"{title} {what}", font=font(18), fill=INK)
    draw.text((_GAP, 40), "the image as the network is shown it; red: said; blue: true", font=font(12), fill=FAINT)
    for place, mistake in enumerate(mistakes):
        left = _GAP + place % _COLUMNS * (_TILE + _GAP)
        top = _TITLE + place // _COLUMNS * (_TILE + _TEXT + _GAP)
        image.paste(_tile(images[place]), (left, top))
        shown = {key: names[mistake[key]] for key in ("said", "true")} if classes else {}
        if not drawable(mistake["file"]):
            shown["file"] = f"mistake {place + 1}"
        _caption(draw, mistake | shown, left, top + _TILE + 5)
    return image


def _caption(draw: ImageDraw.ImageDraw, mistake: dict[str, Any], left: int, top: int) -> None:
    said, true = _value(mistake["said"]), _value(mistake["true"])
    chances = ("", "")
    if "probability" in mistake:
        chances = (f" {mistake['probability']:.2f}", f" {mistake['probability_of_true']:.2f}")
    for line, (text, chance, colour) in enumerate(((said, chances[0], BAD), (true, chances[1], GOOD))):
        words = fitted(text, 14, _TILE - width_of(chance, 14)) + chance
        draw.text((left, top + 18 * line), words, font=font(14, words), fill=colour)
    file = fitted(mistake["file"], 11, _TILE)
    draw.text((left, top + 38), file, font=font(11, file), fill=FAINT)


def _value(shown: Any) -> str:
    if isinstance(shown, list):
        return ", ".join(f"{value:.4g}" for value in shown)
    return shown if isinstance(shown, str) else f"{shown:.4g}"


def _tile(pixels: np.ndarray) -> Image.Image:
    """An image of any size and channels on a square tile; small ones are enlarged without smoothing."""
    colours = pixels[..., :3] if pixels.shape[-1] >= 3 else pixels[..., :1].repeat(3, axis=-1)
    image = Image.fromarray(np.ascontiguousarray(colours))
    scale = _TILE / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    image = image.resize(size, Image.Resampling.NEAREST if scale > 2 else Image.Resampling.LANCZOS)
    tile = Image.new("RGB", (_TILE, _TILE), (240, 241, 244))
    tile.paste(image, ((_TILE - size[0]) // 2, (_TILE - size[1]) // 2))
    return tile

"""`calibration.png`: is a probability of 0.9 right nine times in ten?"""

from typing import Any

from PIL import Image, ImageDraw

from trainwell.method.evaluation.pictures.drawing import BAD, FAINT, GOOD, INK, LINE, blend, font, page

_SIDE, _BELOW, _LEFT, _TOP, _RIGHT, _BOTTOM, _GAP = 480, 90, 76, 96, 32, 58, 34  # pixels


def reliability_picture(bins: list[dict[str, Any]], error: float, temperature: float | None) -> Image.Image:
    """Draw accuracy over confidence, in bins, with the diagonal of perfect calibration, and below it the samples.

    Args:
        bins: See `reliability`.
        error: Expected calibration error.
        temperature: The one that the probabilities were scaled by; None where they are as the network gives them.
    """
    image, draw = page(_LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _GAP + _BELOW + _BOTTOM)
    scaled = "" if temperature is None else f", at temperature {temperature:.2f}"
    draw.text((_LEFT, 22), f"calibration error {error:.3f}{scaled}", font=font(18), fill=INK)
    draw.text((_LEFT, 48), "bars: share that is right; line: what the probability promises", font=font(12), fill=FAINT)
    draw.text((_LEFT, 66), "red: too sure; light blue: not sure enough", font=font(12), fill=FAINT)
    for tenth in range(0, 11, 2):
        place = tenth / 10
        y, x = _TOP + _SIDE * (1 - place), _LEFT + _SIDE * place
        draw.line((_LEFT, y, _LEFT + _SIDE, y), fill=LINE)
        draw.text((_LEFT - 8, y), f"{place:.1f}", font=font(12), fill=FAINT, anchor="rm")
        draw.text((x, _TOP + _SIDE + _GAP + _BELOW + 8), f"{place:.1f}", font=font(12), fill=FAINT, anchor="ma")
    most = max(each["count"] for each in bins)
    for each in bins:
        if each["count"]:
            _bar(draw, each, most)
    draw.line((_LEFT, _TOP + _SIDE, _LEFT + _SIDE, _TOP), fill=INK, width=2)
    below = _TOP + _SIDE + _GAP + _BELOW
    draw.line((_LEFT, below, _LEFT + _SIDE, below), fill=LINE)
    draw.line((_LEFT, _TOP + _SIDE, _LEFT + _SIDE, _TOP + _SIDE), fill=FAINT)
    draw.text((_LEFT, below - _BELOW - 18), f"samples (the tallest bar: {most:,})", font=font(12), fill=FAINT)
    draw.text((_LEFT + _SIDE // 2, below + 28), "probability of what was said", font=font(13), fill=INK, anchor="ma")
    return image


def _bar(draw: ImageDraw.ImageDraw, each: dict[str, Any], most: int) -> None:
    left, right = (_LEFT + _SIDE * each[end] for end in ("from", "to"))
    sure, got = (_TOP + _SIDE * (1 - each[name]) for name in ("confidence", "accuracy"))
    floor = _TOP + _SIDE
    inside = (left + 2, right - 2)
    draw.rectangle((inside[0], got, inside[1], floor), fill=blend(GOOD, 0.75))
    if sure < got:  # above on the page: more confidence than accuracy
        draw.rectangle((inside[0], sure, inside[1], got), fill=blend(BAD, 0.35))
    elif sure > got:
        draw.rectangle((inside[0], got, inside[1], sure), fill=blend(GOOD, 0.4))
    height = max(1.0, _BELOW * each["count"] / most)
    below = floor + _GAP + _BELOW
    draw.rectangle((inside[0], below - height, inside[1], below), fill=blend(FAINT, 0.6))

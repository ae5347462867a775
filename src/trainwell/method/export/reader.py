"""`read.py`, the file in the folder that reads new data as the run read its own, with nothing of Trainwell.

It says again what `data/images.py`, `data/photos.py` and `data/columns.py` do; the tests compare the two.
"""

from typing import Any

from trainwell.data.columns import MISSING_WORDS, feature_names
from trainwell.data.images import BARS, MAX_RATIO
from trainwell.method.export.config import COLUMNS

READER = "read.py"

_HEAD = '''"""Reads {what} as the model takes it. Made by `trainwell export`; needs {needs}."""

'''
_IMAGE = """\
import numpy as np
from PIL import Image, ImageOps

{classes}BILINEAR = Image.Resampling.BILINEAR


def read(path):
    \"\"\"An image file -> uint8 ({height}, {width}, {channels}).\"\"\"
    image = Image.open(path)
{reading}
    return np.asarray(image, np.uint8).reshape({height}, {width}, {channels})


def coloured(image):
    \"\"\"Upright, in 8 bits, on white where it is transparent.\"\"\"
    try:
        image = ImageOps.exif_transpose(image)
    except Exception:
        pass  # a broken EXIF block
    if image.mode == "F":
        raise ValueError("floating-point pixels, whose range is not known: save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        image = Image.fromarray(np.rint(np.asarray(image, np.float32) / 257).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("{mode}")


{scaling}"""
_CROP = '''\
def crop(image, width, height):
    """Scaled so that it covers the size, and of that the middle."""
    if image.size == (width, height):
        return image
    scale = max(width / image.width, height / image.height)
    left, top = max(0, (image.width - width / scale) / 2), max(0, (image.height - height / scale) / 2)
    box = (left, top, image.width - left, image.height - top)
    return image.resize((width, height), BILINEAR, box, reducing_gap=3)
'''
_LETTERBOX = '''\
def letterbox(image, width, height):
    """Scaled so that all of it is seen, with grey bars beside it."""
    if image.size == (width, height):
        return image
    scale = min(width / image.width, height / image.height)
    inside = [max(1, round(side * scale)) for side in image.size]
    out = Image.new(image.mode, (width, height), ({bars},) * len(image.getbands()))
    out.paste(image.resize(inside, BILINEAR, reducing_gap=3), ((width - inside[0]) // 2, (height - inside[1]) // 2))
    return out
'''
# A large JPEG is decoded at a fraction of its size.
_DRAFT = {
    "crop": "image.draft(None, ({side}, {side}))",
    "letterbox": "image.draft(None, [max(1, n // max(1, max(image.size) // {side})) for n in image.size])",
}
_TABLE = """\
import csv
import json
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

{classes}COLUMNS = json.loads(Path(__file__).with_name("{columns}").read_text(encoding="utf-8"))["columns"]
MISSING = {missing!r}


def read(path):
    \"\"\"A .csv file with a header line -> float32 (rows, {features}).\"\"\"
    with open(path, newline="", encoding="utf-8-sig") as file:
        names, *rows = filter(None, csv.reader(file))
    names = [name.strip() for name in names]
    return np.array([features(dict(zip(names, row))) for row in rows], np.float32)


def features(row):
    \"\"\"The numbers of one row: of each column its number or median, or 1 at its level; whether it is missing.\"\"\"
    made = []
    for column in COLUMNS:
        text = row[column["name"]].strip()
        known = text.lower() not in MISSING
        if column["kind"] == "number":
            value = number(text) if known else None
            made += [column["median"] if value is None else value] + [value is None] * column["gaps"]
        else:
            made += [known and text == level for level in column["levels"]] + [not known] * column["gaps"]
    return made


def number(text):
    \"\"\"A number, a truth value, or a date in days since 1970; None where it is none of them.\"\"\"
    try:
        value = float({{"true": 1, "false": 0}}.get(text.lower(), text.replace("_", "?")))  # 1_000 is no number here
    except ValueError:
        try:
            value = datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp() / 86400
        except ValueError:
            return None
    return value if abs(value) < 3.4e38 else None
"""


def reader(description: dict[str, Any]) -> str | None:
    """The content of `read.py`; None where only arrays fit the model: images that no file holds, samples of one's own.

    Args:
        description: Of the run.
    """
    decoding = description["decoding"]
    classes = f"CLASSES = {list(description['classes'])!r}\n" if description["classes"] else ""
    if description["kind"] == "table":
        head = _HEAD.format(what="a table", needs="numpy")
        count = len(feature_names(decoding["columns"]))
        return head + _TABLE.format(classes=classes, columns=COLUMNS, missing=MISSING_WORDS, features=count)
    if not reads_files(description):
        return None
    (height, width), channels = decoding["size"], decoding["channels"]
    short_side, fit = decoding.get("short_side"), decoding.get("fit", "crop")
    lines = _sized(fit, width, height) if short_side is None else _photo(fit, short_side, width)
    scaling = _CROP if short_side is None else ""
    if fit == "letterbox":
        scaling = _LETTERBOX.format(bars=BARS)
    code = _IMAGE.format(
        classes=classes,
        height=height,
        width=width,
        channels=channels,
        mode="L" if channels == 1 else "RGB",
        reading="\n".join("    " + line for line in lines),
        scaling=scaling,
    )
    return _HEAD.format(what="an image", needs="numpy and Pillow") + code.rstrip() + "\n"


def reads_files(description: dict[str, Any]) -> bool:
    """Whether the model takes what is in image files."""
    return description["kind"] == "images" and description["decoding"]["channels"] in (1, 3)


def _sized(fit: str, width: int, height: int) -> list[str]:
    """An image brought to the size at once."""
    return [
        f"if image.size != ({width}, {height}):",
        "    " + _DRAFT[fit].format(side=max(width, height)) + "  # a JPEG may be decoded at 1/2, 1/4 or 1/8",
        f"image = {fit}(coloured(image), {width}, {height})",
    ]


def _photo(fit: str, short_side: int, side: int) -> list[str]:
    """An image brought to the short side at which the run kept its photos, and the middle of that to the size."""
    least = "min(image.size)" if fit == "crop" else "max(image.size)"
    lines = [
        f"side = min({short_side}, {least})  # photos are kept at this side first, as in training",
        _DRAFT[fit].format(side="side"),
    ]
    if fit == "letterbox":
        lines.append("image = letterbox(coloured(image), side, side)")
    else:
        lines[1:1] = [
            "short, long = min(image.size), max(image.size)",
            f"long = round(min(long, {MAX_RATIO} * short) * side / short)",
        ]
        lines += [
            "image = coloured(image)",
            f"most = {MAX_RATIO} * min(image.size)  # of what is longer the middle is kept",
            "left, top = (max(0, (n - most) // 2) for n in image.size)",
            "image = image.crop((left, top, min(image.width, left + most), min(image.height, top + most)))",
            "image = image.resize((side, long) if image.width < image.height else (long, side), BILINEAR)",
        ]
    return [
        *lines,
        "short = min(image.size)",
        "left, top = (int((n - short) / 2 + 0.5) for n in image.size)",
        f"image = image.crop((left, top, left + short, top + short)).resize(({side}, {side}), BILINEAR)",
    ]

"""The README of an exported folder."""

import html
from typing import Any

from trainwell.data.dataset import listed
from trainwell.method.export.agreement import Agreement
from trainwell.method.export.config import COLUMNS, CONFIG
from trainwell.method.export.graph import OUTPUTS, input_of
from trainwell.method.export.program import program
from trainwell.method.export.reader import READER, reader, reads_files
from trainwell.method.export.safetensors_file import PREPROCESSING, has_arrays

README = "README.md"
_MOST = 20  # classes named in the text; all are in config.json
_VIEWS = {
    "one": "",
    "flip": " So is the average over the image and its mirror image.",
    "flip_shift": " So is the average over the image, its mirror image, and both moved by a pixel.",
}
_FITS = {
    "crop": "scaled until it covers the size, and its middle is cut out",
    "letterbox": "scaled until all of it fits, with grey bars beside it",
}
_ON_TABLES = (
    "Each column of numbers is itself, or its median where it is missing or no number (a truth value is 1 or 0, a date "
    "is in days since 1970); each column of words is a 1 at its level and 0 at the others; a column that had gaps in "
    f"training has a further number that says whether the value is missing. `{COLUMNS}` lists them in order. Do not "
    "standardise them: that is inside."
)


def readme(description: dict[str, Any], format: str, agreements: dict[str, Agreement]) -> str:
    """The text, in Markdown, with about ten lines of code that run the model.

    Args:
        description: Of the run.
        format: One of the formats.
        agreements: What the check found.
    """
    network = str(description["model"].get("network", description["model"]["name"]))
    code, needs, words = program(format, description)
    call = _call(description) if "sys.argv" in code else "`python run.py`"
    sections = {
        f"# {network}, exported by Trainwell {description['versions']['trainwell']}": [words],
        "## Run it": [
            f"`pip install {needs}`, save this as `run.py` in this folder, and call {call}:",
            f"```python\n{code}\n```",
        ],
        "## In and out": [_in_and_out(description, format), *_reading(description)],
        "## Checked": [_checked(agreements)],
    }
    return "\n\n".join(block for title, blocks in sections.items() for block in (title, *blocks) if block) + "\n"


def _call(description: dict[str, Any]) -> str:
    if description["kind"] == "table":
        return "`python run.py rows.csv`"
    return "`python run.py photo.jpg ...`" if reads_files(description) else "`python run.py arrays.npy`"


def _in_and_out(description: dict[str, Any], format: str) -> str:
    name, dtype, shape = input_of(description)
    classes, whole = description["classes"], "(N, {})".format(", ".join(map(str, shape)))
    answers = f"(N, {len(classes) or description['num_outputs']})"
    names = [html.escape(repr(name), quote=False) for name in classes]  # a folder may be called anything
    named = f"of {listed(names, _MOST)}, in this order" + (f" (all in `{CONFIG}`)" if len(classes) > _MOST else "")
    if format == "safetensors":
        arrays = f" and `{PREPROCESSING}`" if has_arrays(description) else ""
        network = ", ".join(map(str, description["input_shape"]))
        last = f"logits {named}" if classes else "values to which the inverse of `target` there is to be applied"
        return (
            f"- In: float32, (N, {network}), any N: what the preprocessing in `{CONFIG}`{arrays} makes of {name}, "
            f"{dtype}, {whole}.\n- Out: float32, {answers}, {last}."
        )
    inside = "The preprocessing is inside" if description["kind"] != "own" else "It goes to the network as it is"
    out = f"{named}; they add up to 1" if classes else "in the units of the target"
    return (
        f"- In: `{name}`, {dtype}, {whole}, any N. {inside}.{_VIEWS[description['views']]}\n"
        f"- Out: `{OUTPUTS[description['task']]}`, float32, {answers}, {out}."
    )


def _reading(description: dict[str, Any]) -> list[str]:
    """How `read.py` makes the input, for whoever writes it anew in another language."""
    if reader(description) is None:
        return []
    if description["kind"] == "table":
        return [f"`{READER}` makes the rows from a .csv file with commas. {_ON_TABLES}"]
    decoding = description["decoding"]
    height, width = decoding["size"]
    colour = "grey" if decoding["channels"] == 1 else "RGB"
    words = (
        f"`{READER}` makes the images: turned upright by EXIF, in 8 bits, on white where transparent, {colour}, "
        f"{_FITS[decoding.get('fit', 'crop')]} ({width} x {height}; bilinear with antialias)."
    )
    if decoding.get("short_side") is not None:
        words += f" Larger photos are first brought to a short side of {decoding['short_side']}, as in training."
    return [words + " Channels come last, values are 0 to 255."]


def _checked(agreements: dict[str, Agreement]) -> str:
    strict, rounded = agreements["fp32"], agreements.get("as it predicts")
    lines = [f"On {strict.inputs}, against the run in fp32: {strict.text()}."]
    if rounded is not None:
        lines.append(f"`trainwell predict` computes this run in bf16; against that: {rounded.figures()}.")
    return "\n".join(f"- {line}" for line in lines)

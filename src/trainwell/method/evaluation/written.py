"""The folder of an evaluation: pictures, tables and all figures as JSON."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trainwell.data.dataset import listed
from trainwell.errors import BadRun
from trainwell.method.evaluation.pictures.confusion import MOST_CLASSES, confusion_picture
from trainwell.method.evaluation.pictures.drawing import drawable
from trainwell.method.evaluation.pictures.reliability import reliability_picture
from trainwell.method.evaluation.pictures.sheet import MOST_SHOWN, contact_sheet
from trainwell.method.evaluation.sample import Sample
from trainwell.method.screen import Screen
from trainwell.record import FORMAT, RunFolder, finite, replace


def refuse_folder(out: Path) -> None:
    """Raise `BadRun` where the folder holds a run, or a file is in its place."""
    folder = RunFolder(out)
    folder.refuse_if_no_folder()
    if folder.exists:
        raise BadRun(
            f"{out} is a run, which an evaluation leaves as it is. Give another --out, such as {out / 'evaluation'}."
        )


def write(
    out: Path, content: dict[str, Any], mistakes: list[dict[str, Any]], sample: Sample, screen: Screen
) -> list[str]:
    """Write the evaluation; files of the same names are replaced.

    Args:
        out: The folder, made if need be.
        content: The evaluation as plain data.
        mistakes: All of them, the worst first.
        sample: The samples.
        screen: Where to say what was left out.

    Returns:
        The files written.

    Raises:
        StorageFailed: They cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    classes = content["classes"]
    drawn: dict[str, Image.Image] = {}
    if classes:
        scaled = content["temperature"]
        drawn["calibration.png"] = reliability_picture(
            content["reliability"], content["metrics"]["calibration_error"], scaled and scaled["value"]
        )
        if len(classes) <= MOST_CLASSES:
            drawn["confusion.png"] = confusion_picture(content["confusion"], classes)
        else:
            screen.say(f"confusion.png is left out: {len(classes)} classes cannot be read in one; see confusion.json")
    worst = mistakes[:MOST_SHOWN]
    if sample.data.kind != "images":
        screen.say("mistakes.png is left out: the samples are no images; see mistakes.csv")
    elif worst:
        images = np.stack([sample.data.x[each["row"]] for each in worst])
        drawn["mistakes.png"] = contact_sheet(images, worst, len(mistakes), classes)
    else:
        screen.say("mistakes.png is left out: there are no mistakes")
    odd = [f"{number} {name}" for number, name in enumerate(classes, 1) if not drawable(name)]
    if odd:
        screen.say(f"no font here has the letters of these classes, which pictures show by number: {listed(odd, 10)}")
    texts = {"mistakes.csv": _table(mistakes, bool(classes))}
    if classes:
        texts["confusion.json"] = _json(_confusion(content))
    names = sorted([*drawn, *texts, "evaluation.json"])
    paths = [str(out / name) for name in names]
    texts["evaluation.json"] = _json({**content, "written": paths})
    for name in names:
        replace(out / name, _saving(drawn[name]) if name in drawn else _writing(texts[name]))
    return paths


def _saving(picture: Image.Image) -> Callable[[Path], None]:
    return lambda path: picture.save(path, format="PNG")


def _writing(text: str) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return put


def _confusion(content: dict[str, Any]) -> dict[str, Any]:
    """Counts, and shares of the rows; a class without samples has none."""
    counts = content["confusion"]
    shares = [[count / sum(row) for count in row] if sum(row) else None for row in counts]
    return {"classes": content["classes"], "rows": "true", "columns": "said", "counts": counts, "row_shares": shares}


def _table(mistakes: list[dict[str, Any]], classification: bool) -> str:
    """The mistakes as CSV; several values in one cell have blanks between them."""
    columns = ["file", "row", "true", "said"]
    columns += ["probability", "probability_of_true"] if classification else ["error"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for mistake in mistakes:
        cells = [mistake[column] for column in columns]
        writer.writerow([" ".join(map(str, cell)) if isinstance(cell, list) else cell for cell in cells])
    return text.getvalue()


def _json(content: dict[str, Any]) -> str:
    return json.dumps(finite({"format": FORMAT, **content}), indent=1) + "\n"

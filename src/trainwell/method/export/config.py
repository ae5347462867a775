"""What is written beside an exported model: all that the file itself does not say."""

from typing import Any

from trainwell.data.columns import MISSING_WORDS, feature_names
from trainwell.method.export.agreement import Agreement
from trainwell.method.export.graph import OUTPUTS, input_of

CONFIG, COLUMNS = "config.json", "columns.json"
FORMAT = 1
MARK = "trainwell_export"  # the key by which a folder is known to be one of ours


def metadata(description: dict[str, Any]) -> dict[str, Any]:
    """What goes into the file of the model itself: enough to use it when the folder is lost."""
    name, dtype, shape = input_of(description)
    found: dict[str, Any] = {
        "task": description["task"],
        "classes": description["classes"],
        "input": {"name": name, "type": dtype, "shape": ["N", *shape]},
        "output": OUTPUTS[description["task"]],
        "versions": description["versions"],
    }
    decoding = description["decoding"]
    if description["kind"] == "images":
        found |= {"fit": decoding.get("fit", "crop"), "short_side": decoding.get("short_side")}
    if description["kind"] == "table":
        found["features"] = feature_names(decoding["columns"])
    return found


def config(description: dict[str, Any], format: str, agreements: dict[str, Agreement]) -> dict[str, Any]:
    """The content of `config.json`."""
    described = ("model", "input_shape", "num_outputs", "kind", "decoding", "preprocessing", "target", "views")
    return {
        MARK: FORMAT,
        "format": format,
        **metadata(description),
        **{name: description[name] for name in described},
        "checked": {name: one.json() for name, one in agreements.items()},
    }


def columns(description: dict[str, Any]) -> dict[str, Any]:
    """The content of `columns.json`: how a row of a table becomes numbers, column by column in this order.

    A `number` is itself, or `median` where it is missing or no number; `words` are a 1 at their level and 0 at the
    others; with `gaps` a further number says whether the value was missing.
    """
    states = description["decoding"]["columns"]
    return {
        "columns": [state | {"features": feature_names([state])} for state in states],
        "missing_words": list(MISSING_WORDS),
    }

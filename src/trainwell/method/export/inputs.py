"""Inputs to try an exported model on: of the data of the run, or, where it cannot be read, made-up ones."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from trainwell.data.folders import list_folder
from trainwell.data.images import Frame, read_image, read_photo, strict_decoding
from trainwell.data.open import open_data
from trainwell.data.photos import Photos
from trainwell.draws import generator
from trainwell.errors import BadData, TrainwellError
from trainwell.method.export.graph import input_of
from trainwell.method.run import Run

COUNT = 128


class Inputs(NamedTuple):
    """Stored values, (n, H, W, C) uint8 or (n, ...) float32, what they are in words, and why they are no better."""

    x: np.ndarray
    words: str
    why: str = ""


def inputs(run: Run) -> Inputs:
    """At most `COUNT` inputs, evenly spaced over the data of the run; made up where it cannot be read."""
    description = run.description()
    if description["kind"] == "own":
        return Inputs(_made_up(run, description), "made-up numbers, as the run had a data set of one's own")
    source = run.data["source"]
    try:
        x = _read(run, source, description["decoding"])
        shape = input_of(description)[2]
        if x.shape[1:] != shape:
            raise BadData(f"its samples have shape {x.shape[1:]}, and those of the run had {shape}")
    except (TrainwellError, OSError) as error:
        words = "made-up ones, as the data of the run cannot be read"
        return Inputs(_made_up(run, description), words, str(error).partition(". ")[0].rstrip("."))
    what = {"images": "images", "table": "rows"}[description["kind"]]
    return Inputs(x, f"{len(x)} {what} of {Path(source).name}")


def _read(run: Run, source: str, decoding: dict[str, Any]) -> np.ndarray:
    """From the source as the run read it."""
    root = Path(source).expanduser()
    if decoding["kind"] == "images" and root.is_dir():
        return _files(root, decoding)
    recipe = run.recipe
    x = open_data(
        source,
        target=decoding["target"],
        seed=recipe.seed,
        valid_fraction=recipe.valid_fraction,
        image_size=recipe.image_size,
    ).x
    return np.array(x[_spaced(len(x))])


def _files(root: Path, decoding: dict[str, Any]) -> np.ndarray:
    """The files are read one by one: decoding all of a folder for the sake of a few would take too long."""
    paths = list_folder(root, "fit").paths
    (height, width), channels = decoding["size"], decoding["channels"]
    short_side, fit = decoding.get("short_side"), decoding.get("fit", "crop")
    read = []
    with strict_decoding():
        for place in _spaced(len(paths)):
            try:
                if short_side is None:
                    found = read_image(root / paths[place], Frame(height, width, channels, fit)).pixels
                else:
                    photo = read_photo(root / paths[place], short_side, channels, fit).pixels
                    found = Photos.of([photo], side=height)[0]
            except BadData:
                continue  # the run set it aside too
            read.append(found)
    if not read:
        raise BadData(f"{root} holds no file that can be read")
    return np.stack(read)


def _made_up(run: Run, description: dict[str, Any]) -> np.ndarray:
    """Random bytes for images, and else what the preprocessing takes for values of mean 0 and variance 1."""
    _, dtype, shape = input_of(description)
    draws = generator("export")
    if dtype == "uint8":
        return draws.integers(0, 256, (COUNT, *shape), dtype=np.uint8)
    seen = draws.standard_normal((COUNT, *description["input_shape"]), dtype=np.float32)
    if description["kind"] == "own":
        return seen
    return np.ascontiguousarray(run.preprocessing().inverse(torch.from_numpy(seen)).numpy(), dtype=np.float32)


def _spaced(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(COUNT, count)).astype(int))

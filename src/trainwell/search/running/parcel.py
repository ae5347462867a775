"""Work handed to other processes: plain JSON and raw arrays in a folder, which every process maps into its memory.

Nothing is pickled. An array that is itself a map of a file, as images in the cache are, is handed over by its place.
"""

import dataclasses
import json
import mmap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainwell.data.dataset import Data, Quarantined
from trainwell.data.photos import Photos
from trainwell.errors import BadValue
from trainwell.recipe import Recipe
from trainwell.record import storing
from trainwell.search.work import Work

_CHUNK = 256  # samples of a data set of one's own that are read and written at a time
_CONTENT = "work.json"
_PLAIN = ("kind", "task", "classes", "fingerprint", "source", "decoding", "facts", "notes")  # fields of the data


def pack(work: Work, folder: Path) -> None:
    """Write work into an empty folder; a data set of one's own is read once, sample by sample.

    Raises:
        BadValue: The work holds a network given as an object, or a data set whose samples change.
        StorageFailed: The folder cannot be written.
    """
    refuse_objects(work)
    data = work.data
    with storing(folder):
        content = {
            "recipe": work.recipe.json(),
            "device": str(work.device),
            "keep_memory": work.keep_memory,
            "data": {
                "x": _put_samples(data.x, folder / "x.bin"),
                "y": _put(np.asarray(data.y), folder / "y.bin"),
                "splits": _put_splits(data, folder, "split"),
                "quarantined": [vars(each) for each in data.quarantined],
                **{name: getattr(data, name) for name in _PLAIN},
            },
            "folds": [
                {"splits": _put_splits(fold, folder, f"fold{number}"), "facts": fold.facts}
                for number, fold in enumerate(work.folds)
            ],
        }
        (folder / _CONTENT).write_text(json.dumps(content, default=str), encoding="utf-8")


def unpack(folder: Path) -> Work:
    """Read what `pack` wrote; arrays are mapped, not read."""
    content = json.loads((folder / _CONTENT).read_text(encoding="utf-8"))
    plain: dict[str, Any] = content["data"]
    fields: dict[str, Any] = {name: plain[name] for name in _PLAIN}
    fields |= {name: tuple(plain[name]) for name in ("classes", "notes")}
    data = Data(
        x=_take(plain["x"]),
        y=np.array(_take(plain["y"])),
        splits=_take_splits(plain["splits"]),
        quarantined=tuple(Quarantined(**each) for each in plain["quarantined"]),
        **fields,
    )
    recipe = Recipe.from_json(content["recipe"])
    work = Work(data, recipe, device=torch.device(content["device"]), keep_memory=content["keep_memory"])
    work.folds = tuple(
        dataclasses.replace(data, splits=_take_splits(fold["splits"]), facts=fold["facts"]) for fold in content["folds"]
    )
    return work


def refuse_objects(work: Work) -> None:
    """Refuse work that only this process can do.

    Raises:
        BadValue: A network given as an object, or a data set whose samples change from one reading to the next.
    """
    if work.given is not None:
        raise BadValue(
            "A network given as an object cannot be handed to other processes. "
            "Name it by model=package.module:factory, or run the trials in turn."
        )
    x: Any = work.data.x
    if isinstance(x, np.ndarray | Photos | Tensor):
        return
    for row in (0, len(x) // 2, len(x) - 1):
        first, again = (torch.as_tensor(x[row][0]) for _ in range(2))
        if not torch.equal(first, again):
            raise BadValue(
                f"Sample {row} of {work.data.source} changes from one reading to the next, and other processes are "
                "handed each sample as it is read once. Augment by augment=..., or run the trials in turn."
            )


def _put_samples(x: Any, path: Path) -> dict[str, Any]:
    if isinstance(x, Photos):
        sides = {name: _put(getattr(x, name), path.with_name(f"{name}.bin")) for name in ("heights", "widths")}
        return {"photos": _put_samples(x.pixels, path), **sides, "channels": x.channels, "side": x.side}
    if isinstance(x, np.memmap) and isinstance(x.base, mmap.mmap) and x.flags.c_contiguous and x.filename:
        return _place(Path(x.filename), x.offset, x.dtype, x.shape)
    if isinstance(x, np.ndarray):
        return _put(x, path)
    if isinstance(x, Tensor):
        raw = x.detach().cpu().contiguous()
        place = _put(raw.view(-1).view(torch.uint8).numpy(), path)
        return place | {"tensor": str(raw.dtype).removeprefix("torch."), "tensor_shape": list(raw.shape)}
    shape: tuple[int, ...] = ()
    kind = ""
    with open(path, "wb") as file:
        for chunk in _chunks(x):
            shape, kind = tuple(chunk.shape[1:]), str(chunk.dtype).removeprefix("torch.")
            file.write(chunk.contiguous().view(-1).view(torch.uint8).numpy().data)
    place = _place(path, 0, np.dtype(np.uint8), (path.stat().st_size,))
    return place | {"tensor": kind, "tensor_shape": [len(x), *shape]}


def _chunks(dataset: Any) -> Iterator[Tensor]:
    for start in range(0, len(dataset), _CHUNK):
        rows = range(start, min(start + _CHUNK, len(dataset)))
        yield torch.stack([torch.as_tensor(dataset[row][0]) for row in rows])


def _put(array: np.ndarray, path: Path) -> dict[str, Any]:
    with open(path, "wb") as file:
        file.write(np.ascontiguousarray(array).data)
    return _place(path, 0, array.dtype, array.shape)


def _place(path: Path, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> dict[str, Any]:
    return {"path": str(path.absolute()), "offset": offset, "dtype": dtype.str, "shape": list(shape)}


def _put_splits(data: Data, folder: Path, name: str) -> dict[str, Any]:
    return {part: _put(rows, folder / f"{name}-{part}.bin") for part, rows in data.splits.items()}


def _take(place: dict[str, Any]) -> Any:
    if "photos" in place:
        pixels, heights, widths = (_take(place[name]) for name in ("photos", "heights", "widths"))
        return Photos(pixels, np.array(heights), np.array(widths), channels=place["channels"], side=place["side"])
    shape = tuple(place["shape"])
    if 0 in shape:
        return np.empty(shape, place["dtype"])  # of nothing there is no map
    array: np.ndarray = np.memmap(place["path"], place["dtype"], "r", place["offset"], shape)
    if "tensor" not in place:
        return array
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a read-only map is only ever read here
        return torch.from_numpy(array).view(getattr(torch, place["tensor"])).view(place["tensor_shape"])


def _take_splits(places: dict[str, Any]) -> dict[str, np.ndarray]:
    return {part: np.array(_take(place)) for part, place in places.items()}

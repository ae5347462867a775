"""Arrays -> `Data`: `.npz` files, arrays and tensors in memory."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trainwell.data.dataset import Data, count, digest, listed
from trainwell.data.frames import Wanted
from trainwell.data.images import Frame, resize_array
from trainwell.data.partition import partition
from trainwell.data.pixels import pixel_digest
from trainwell.data.tables import table_data
from trainwell.data.targets import Target, class_facts, read_target, refuse_unlearnable
from trainwell.errors import BadData, BadValue, Refused

_NAMES = ("x", "y", "x_train", "y_train", "x_valid", "y_valid", "x_test", "y_test")
_CHUNK = 1024
_TRANSPARENT_OR_MORE = (2, 4)  # further channel counts whose axis can be told


def open_npz(path: Path, **options: Any) -> Data:
    """Read an `.npz` file as `open_arrays` reads its arrays; one that is not needed is not read.

    Raises:
        BadData: The file is damaged, holds pickled objects, or its arrays are not what is expected.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise BadData(f"{path} holds a single array. Expected x and y: numpy.savez(path, x=x, y=y).")
        with archive:
            return open_arrays(archive, source=str(path), **options)
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise BadData(f"{path} cannot be read as .npz: {error}. Write it with numpy.savez(path, x=x, y=y).") from error
    except ValueError as error:
        if isinstance(error, Refused):
            raise
        raise BadData(
            f"{path} holds Python objects or is damaged ({error}). Expected plain arrays of numbers or strings."
        ) from error


def open_arrays(
    arrays: Mapping[str, Any],
    *,
    source: str,
    parts: str,
    like: Mapping[str, Any] | None,
    seed: int,
    valid_fraction: float | None,
    image_size: int | None,
    class_names: tuple[str, ...] | None = None,
    columns: tuple[str, ...] | None = None,
) -> Data:
    """Read arrays as `open_data` describes it.

    Args:
        arrays: `x` and `y`, or `x_train` and `y_train`, with `x_valid`, `y_valid`, `x_test`, `y_test` where they are
            given. x is images, (N, H, W), (N, H, W, C) or (N, C, H, W), or a table, (N, F).
        source: What the user gave.
        parts: As in `open_data`.
        like: As in `open_data`.
        seed: Seed of the split.
        valid_fraction: As in `open_data`.
        image_size: As in `open_data`.
        class_names: Names of the classes 0, 1, ..., where they are known.
        columns: Names of the F columns, where they are known.

    Raises:
        BadData: An array is missing or of a shape, type or range that is not expected.
        BadValue: `image_size` is given for a table.
    """
    x, values, given, notes = _gather(arrays, parts, source)
    if len(x) != len(values):
        raise BadData(f"{source}: x has {count(len(x), 'row')} and y has {len(values):,}. Expected one y for each x.")
    if len(x) == 0:
        raise BadData(f"{source} has no rows.")
    images = x.ndim in (3, 4)
    if like is not None and (like["kind"] == "images") != images:
        trained = "images. Expected (N, H, W, C)" if like["kind"] == "images" else "a table. Expected (N, F)"
        raise BadData(f"{source}: x has shape {x.shape}, and the model was trained on {trained}.")
    content = digest(x, values)
    if class_names is not None and like is None:
        target = Target(
            values.astype(np.int64), "classification", class_names, f"classification: {len(class_names)} classes"
        )
    else:
        if class_names is not None and like is not None and set(class_names) <= set(like.get("classes", ())):
            values = np.array(class_names)[values]  # the model knows them by name
        target = read_target(values, name="y", like=like, whole_are_classes=images)
    if images:
        x, more = as_images(x, image_size, like, source)
        return _image_data(x, target, source, parts, seed, valid_fraction, given, content, [*notes, *more])
    if x.ndim != 2:
        raise BadData(
            f"{source}: x has shape {x.shape}. "
            "Expected a table (N, F) or images (N, H, W), (N, H, W, C) or (N, C, H, W)."
        )
    if image_size is not None:
        raise BadValue(f"image_size has no effect: {source} is a table. Leave it out.")
    if x.dtype.kind not in "biuf":
        raise BadData(f"{source}: x is of type {x.dtype}. Expected numbers; a table with words goes in a .csv file.")
    names = columns or tuple(f"x{k}" for k in range(x.shape[1]))
    return table_data(
        pl.DataFrame({name: x[:, k] for k, name in enumerate(names)}),
        target,
        source=source,
        parts=parts,
        like=like,
        seed=seed,
        valid_fraction=valid_fraction,
        given=given,
        content=content,
        notes=notes,
        keep_columns=True,
    )


def as_array(value: Any) -> np.ndarray:
    """A NumPy array of an array, a tensor on any device, an image or a list."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
        return np.asarray(value.numpy())
    return np.asarray(value)


def _gather(
    arrays: Mapping[str, Any], parts: str, source: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, list[str]]:
    """x, y, the part of each row where it is given, and notes."""
    there = set(arrays)
    first = "x_train" if "x_train" in there else "x"
    taken = {
        "fit": [first, "x_valid"],
        "test": ["x_test"] if "x_test" in there else [first],
        "all": [first, "x_valid", "x_test"],
    }[parts]
    taken = [name for name in taken if name in there]
    needed = {*taken, *(name.replace("x", "y", 1) for name in taken)}
    if not taken or not needed <= there or (parts == "fit" and first not in taken):
        raise BadData(
            f"{source} holds {listed(sorted(there), 10) or 'nothing'}. Expected x and y "
            "(or x_train, y_train, and if you have them x_valid, y_valid, x_test, y_test)."
        )
    notes = []
    strange = sorted(there - set(_NAMES))
    if strange:
        notes.append(f"arrays not used: {listed(strange)}")
    xs = [as_array(arrays[name]) for name in taken]
    ys = [as_array(arrays[name.replace("x", "y", 1)]) for name in taken]
    if len({x.shape[1:] for x in xs}) > 1 or len({y.shape[1:] for y in ys}) > 1 or any(x.ndim == 0 for x in xs):
        shapes = ", ".join(f"{name} {x.shape}" for name, x in zip(taken, xs, strict=True))
        raise BadData(f"{source}: the parts differ in shape: {shapes}. Expected rows of one shape.")
    if any(len(x) != len(y) for x, y in zip(xs, ys, strict=True) if y.ndim):
        x, y = next((x, y) for x, y in zip(xs, ys, strict=True) if len(x) != len(y))
        raise BadData(f"{source}: x has {count(len(x), 'row')} and y has {len(y):,}. Expected one y for each x.")
    names = ["valid" if name == "x_valid" else "train" for name in taken]
    given = np.repeat(names, [len(x) for x in xs]) if len(taken) > 1 and parts == "fit" else None
    x, y = (xs[0], ys[0]) if len(xs) == 1 else (np.concatenate(xs), np.concatenate(ys))
    return x, np.atleast_1d(y), given, notes


def as_images(
    x: np.ndarray, image_size: int | None, like: Mapping[str, Any] | None, source: str
) -> tuple[np.ndarray, list[str]]:
    """uint8 (N, H, W, C), and how the array was understood."""
    notes = []
    if x.ndim == 3:
        x = x[..., None]
    elif not _channels_last(x.shape, source):
        x = x.transpose(0, 2, 3, 1)
        notes.append(f"x taken as (N, C, H, W), {x.shape[3]} channels")
    x, note = _as_uint8(x, source)
    notes += note
    _, height, width, channels = x.shape
    if like is not None and like["channels"] != channels:
        raise BadData(
            f"{source} has images of {count(channels, 'channel')}, and the model was trained on {like['channels']}."
        )
    wanted = Wanted.of(image_size, like)
    frame = Frame(wanted.height or height, wanted.width or width, channels, wanted.fit)
    if frame.shape != x.shape[1:]:
        if channels not in (1, 3):
            raise BadData(
                f"{source}: images of {channels} channels cannot be scaled to {frame.width} x {frame.height}."
            )
        x = np.stack([resize_array(image, frame) for image in x])
        done = "with grey bars" if frame.fit == "letterbox" else "and centre-cropped"
        notes.append(f"scaled from {width} x {height} {done} to {frame.width} x {frame.height}")
    return np.ascontiguousarray(x), notes


def _channels_last(shape: tuple[int, ...], source: str) -> bool:
    for sizes in ((1, 3), _TRANSPARENT_OR_MORE):
        if shape[3] in sizes:
            return True
        if shape[1] in sizes:
            return False
    raise BadData(f"{source}: x has shape {shape}. Expected images with 1 to 4 channels, (N, H, W, C) or (N, C, H, W).")


def _as_uint8(x: np.ndarray, source: str) -> tuple[np.ndarray, list[str]]:
    if x.dtype == np.uint8:
        return x, []
    if x.dtype == np.bool_:
        return x.astype(np.uint8) * np.uint8(255), ["x: false and true taken as black and white"]
    if x.dtype.kind not in "iuf":
        raise BadData(f"{source}: images of type {x.dtype}. Expected uint8, uint16 or floats.")
    low, high = float(x.min()), float(x.max())  # NaN carries through both
    if x.dtype == np.uint16 and high > 255:
        return _scaled(x, 1 / 257), ["x: 16-bit values scaled by 1/257"]
    if x.dtype.kind == "f" and low >= 0 and high <= 1:
        return _scaled(x, 255), ["x: values in 0..1 scaled to 0..255"]
    if low >= 0 and high <= 255:
        return _scaled(x, 1), ["x: values in 0..255 rounded to whole numbers"] if x.dtype.kind == "f" else []
    raise BadData(
        f"{source}: image values from {low:g} to {high:g}. Expected 0..255 or 0..1, without missing values and not yet "
        "standardised; the preprocessing is fitted and saved with the model. To hand x to a network of your own as it "
        "is, give a torch TensorDataset."
    )


def _scaled(x: np.ndarray, factor: float) -> np.ndarray:
    scaled = np.empty(x.shape, np.uint8)
    for start in range(0, len(x), _CHUNK):
        scaled[start : start + _CHUNK] = np.rint(x[start : start + _CHUNK] * factor)
    return scaled


def _image_data(
    x: np.ndarray,
    target: Target,
    source: str,
    parts: str,
    seed: int,
    valid_fraction: float | None,
    given: np.ndarray | None,
    content: str,
    notes: list[str],
) -> Data:
    y = target.y
    if parts == "fit" and target.task == "classification":
        refuse_unlearnable(y if given is None else y[given == "train"], target.classes, "image", source)
    dealt = partition(
        y,
        np.array([pixel_digest(image) for image in x], np.uint64),
        task=target.task,
        kind="images",
        parts=parts,
        given=given,
        seed=seed,
        valid_fraction=valid_fraction,
        name=lambda row: f"image {row}",
    )
    facts: dict[str, Any] = {}
    class_notes: list[str] = []
    if target.task == "classification":
        facts, class_notes = class_facts(y, target.classes, dealt.splits)
    num_images, height, width, channels = x.shape
    colour = {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels")
    return Data(
        x=x,
        y=y,
        kind="images",
        task=target.task,
        classes=target.classes,
        splits=dealt.splits,
        fingerprint=digest(content, f"{x.shape}", "\0".join(target.classes)),
        source=source,
        quarantined=(),
        decoding={
            "kind": "images",
            "size": [height, width],
            "channels": channels,
            "task": target.task,
            "target": None,
            "classes": list(target.classes),
        },
        facts=facts | dealt.facts,
        notes=(
            f"{count(num_images, 'image')} of {width} x {height} {colour}",
            target.note,
            *notes,
            *class_notes,
            *dealt.notes,
        ),
    )

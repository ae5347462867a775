"""The one door to data: tells what a source is and hands it to its reader."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from trainwell.data.arrays import open_arrays, open_npz
from trainwell.data.builtins import builtin_names, open_builtin
from trainwell.data.dataset import Data
from trainwell.data.image_folder import open_folder
from trainwell.data.images import Fit
from trainwell.data.tables import SUFFIXES, open_table_file
from trainwell.errors import BadData, BadValue, UnknownName
from trainwell.family import check_value

_KINDS = {"images": "images", "table": "a table", "own": "a data set of one's own"}
_EXPECTED = f"a folder of class folders, a table ({', '.join(SUFFIXES)}), an .npz file, or a built-in"


def open_data(
    source: str | Path | Mapping[str, Any] | tuple[Any, Any],
    *,
    target: str | None = None,
    parts: Literal["fit", "test", "all"] = "fit",
    like: Mapping[str, Any] | None = None,
    seed: int = 0,
    valid_fraction: float | None = None,
    image_size: int | None = None,
    short_side: int | None = None,
    enlarged: float | None = None,
    image_fit: Fit = "crop",
    channels: int | None = None,
    max_broken: float = 0.10,
    cache: Path | None = None,
    threads: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Data:
    """Open a data set.

    Args:
        source: The name of a built-in (it wins over a file of that name: write `./digits` for the file); a folder of
            class folders, with or without train, valid (or val) and test; a `.csv`, `.tsv` or `.parquet` table; an
            `.npz` file; a pair (x, y) of arrays or tensors, or a mapping that names them as an `.npz` file does.
        target: Column to predict; tables only.
        parts: `fit` opens train and valid, made from one another where valid is missing, and never opens test; `test`
            opens the test part, or everything where there is none, as `test`; `all` everything as `all`.
        like: `decoding` of an earlier run: size, channels, features and classes are then its own.
        seed: Seed of the split that is made where none is given.
        valid_fraction: Share of rows to validate on, in (0, 0.5]; None leaves it to the size of the data.
        image_size: Height and width to bring images to; None leaves it to the files.
        short_side: Short side at which photos are kept whole, as `Photos`, for crops to be cut from; folders only. With
            `like` it goes before that run's own, and has no effect on arrays, which have no more than they hold.
        enlarged: The same as a multiple of the image size, where `short_side` is None; files that hold no more than the
            image size are then read as without it.
        image_fit: How a file becomes a square: the middle of it, or all of it with grey bars beside it; folders only.
            With `like` that of the run is taken.
        channels: 1 or 3, what image files are converted to; None leaves it to the files. Arrays have what they have.
        max_broken: Share of files that may be broken before the folder is refused, in [0, 1].
        cache: Where decoded images are kept; None takes TRAINWELL_CACHE or the user's cache folder.
        threads: Threads that decode; None takes what is fastest for files of this size.
        progress: Called with files done, files in all, and what is being done.

    Raises:
        UnknownName: There is no file and no built-in of that name.
        BadData: The source cannot be read or learnt from.
        BadValue: An option is out of range, or would have no effect on this source.
        StorageFailed: The cache cannot be written.
    """
    _check_options(parts, max_broken, image_size, short_side, image_fit, threads)
    arrays_options: dict[str, Any] = {
        "parts": parts,
        "like": like,
        "seed": seed,
        "valid_fraction": valid_fraction,
        "image_size": image_size,
    }
    asked = None if like is not None else (short_side, image_fit)
    if not isinstance(source, str | os.PathLike):
        _refuse_target(target, "arrays in memory")
        _refuse_reading(asked)
        return open_arrays(_arrays(source), source="arrays in memory", **arrays_options)
    text = os.fspath(source)
    if text in builtin_names():
        _refuse_target(target, f"the built-in {text!r}")
        _refuse_reading(asked)
        return open_builtin(text, **arrays_options)
    path = Path(text).expanduser()
    suffix = path.suffix.lower()
    if not path.exists():
        raise _not_there(text, path)
    if path.is_dir():
        _refuse_target(target, f"the folder {path}")
        if like is not None and like["kind"] != "images":
            raise BadData(f"{path} is a folder of images, and the model was trained on {_KINDS[like['kind']]}.")
        return open_folder(
            path,
            parts=parts,
            like=like,
            seed=seed,
            valid_fraction=valid_fraction,
            image_size=image_size,
            short_side=short_side,
            enlarged=enlarged,
            image_fit=image_fit,
            channels=channels,
            max_broken=max_broken,
            cache=cache,
            threads=threads,
            progress=progress or _silent,
        )
    _refuse_reading(asked)
    if suffix == ".npz":
        _refuse_target(target, str(path))
        return open_npz(path, **arrays_options)
    if suffix in SUFFIXES:
        if image_size is not None:
            raise BadValue(f"image_size has no effect: {path} is a table. Leave it out.")
        if like is not None and like["kind"] != "table":
            raise BadData(f"{path} is a table, and the model was trained on {_KINDS[like['kind']]}.")
        return open_table_file(path, target=target, parts=parts, like=like, seed=seed, valid_fraction=valid_fraction)
    hint = " Unpack it first." if suffix in (".zip", ".tar", ".gz", ".tgz", ".xz", ".7z", ".rar") else ""
    raise BadData(f"{path} is not a kind of file that is read.{hint} Expected {_EXPECTED}.")


def _check_options(
    parts: str, max_broken: float, image_size: int | None, short_side: int | None, image_fit: str, threads: int | None
) -> None:
    check_value("parts", parts, Literal["fit", "test", "all"])
    check_value("max_broken", max_broken, float, "[0, 1]")
    check_value("image_size", image_size, int | None, "[1, 4096]")
    check_value("short_side", short_side, int | None, "[1, 4096]")
    check_value("image_fit", image_fit, Fit)
    check_value("threads", threads, int | None, "[1, 1024]")


def _refuse_target(target: str | None, what: str) -> None:
    if target is not None:
        raise BadValue(f"--target {target} has no effect: {what} says itself what is to be predicted. Leave it out.")


def _refuse_reading(asked: tuple[int | None, str] | None) -> None:
    """Refuse a short side and a fit that were asked for where no image files are read."""
    short_side, image_fit = asked or (None, "crop")
    if short_side is not None:
        raise BadValue(
            f"short_side={short_side} has no effect: photos are kept whole where they are read from a folder of image "
            "files. Leave it out."
        )
    if image_fit != "crop":
        raise BadValue(
            f"image_fit={image_fit} has no effect: images get bars where they are read from a folder of image files. "
            "Leave it out, or write arrays with the bars in them."
        )


def _arrays(source: Any) -> Mapping[str, Any]:
    if isinstance(source, Mapping):
        return source
    if isinstance(source, tuple | list) and len(source) == 2:
        return {"x": source[0], "y": source[1]}
    kind = f"{type(source).__name__} of {len(source)}" if isinstance(source, tuple | list) else type(source).__name__
    raise BadData(f"Data came as {kind}. Expected the path of {_EXPECTED}, or arrays: (x, y) or {{'x': x, 'y': y}}.")


def _not_there(text: str, path: Path) -> UnknownName | BadData:
    if os.sep in text or path.suffix:
        return BadData(f"There is no file or folder {text}. Expected {_EXPECTED}: {', '.join(builtin_names())}.")
    return UnknownName("file, folder or built-in", text, builtin_names())


def _silent(done: int, total: int, what: str) -> None:
    """The progress of one who does not want to know."""

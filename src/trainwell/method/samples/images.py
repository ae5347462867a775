"""Images in files or in memory -> chunks, each image brought to what the network takes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from trainwell.data.arrays import as_array, as_images
from trainwell.data.dataset import Quarantined, count, listed, shown
from trainwell.data.found import find_images
from trainwell.data.frames import Survey, Wanted
from trainwell.data.images import (
    Decoded,
    Frame,
    is_grey,
    is_transparent,
    kept_whole,
    read_header,
    read_pixels,
    resize_array,
    strict_decoding,
)
from trainwell.data.photos import Photos
from trainwell.data.pixels import decoded, num_cores
from trainwell.errors import BadData
from trainwell.method.predictions import Origin
from trainwell.method.samples.chunk import Chunk, size_of, slices

_LOOKED_AT = 200  # headers that tell how files are best decoded
_WAITING_BYTES = 2**29  # of images that are decoded and wait, at most


def chunks_of_files(
    given: Sequence[str], decoding: Mapping[str, Any], short_side: int | None, batch: int
) -> Iterator[Chunk]:
    """Files, and those below folders, decoded in threads.

    Args:
        given: Files and folders.
        decoding: How the run reads images.
        short_side: Short side at which photos are to be kept whole; None as the run does.
        batch: Images in a chunk, at most.

    Raises:
        BadData: They are folders without an image below them.
    """
    found = find_images(given)
    broken, notes = found.unlisted, found.notes
    if not found.paths:
        yield Chunk((), None, 0, broken=broken, notes=notes)
        return
    surveyed = _surveyed(found.paths, decoding, short_side)
    threads = surveyed.num_threads(num_cores())
    fitting = _WAITING_BYTES // (surveyed.kept_pixels * surveyed.frame.channels * (2 * threads + 2))
    size = size_of(len(found.paths), max(1, min(batch, fitting)))
    said = _Conversions(surveyed)
    for start, images in decoded(found.paths, surveyed, size, threads):
        paths = found.paths[start : start + len(images)]
        both = list(zip(paths, images, strict=True))
        broken += tuple(Quarantined(shown(path), image) for path, image in both if isinstance(image, str))
        read = [(path, image) for path, image in both if not isinstance(image, str)]
        if read:
            said.count([image for _, image in read])
            origins = tuple(Origin(path, None) for path, _ in read)
            x = _stacked([image.pixels for _, image in read], surveyed)
            yield Chunk(origins, x, len(found.paths), surveyed.short_side, broken, notes)
            broken, notes = (), ()
    yield Chunk((), None, len(found.paths), broken=broken, notes=(*notes, *said.notes()))


def chunks_of_pictures(
    given: Sequence[Image.Image], decoding: Mapping[str, Any], short_side: int | None, batch: int
) -> Iterator[Chunk]:
    """Pillow's images, converted as files are.

    Raises:
        BadData: One of them cannot be converted.
    """
    height, width = decoding["size"]
    surveyed = _plan(decoding, short_side, num_pixels=height * width)
    said = _Conversions(surveyed)
    size = size_of(len(given), batch)
    for start in range(0, len(given), size):
        read = []
        for row, image in enumerate(given[start : start + size], start):
            try:
                with strict_decoding():
                    read.append(read_pixels(image, surveyed.frame.channels))
            except BadData as error:
                raise BadData(f"Image {row} cannot be read: {error}.") from error
        said.count(read)
        origins = tuple(Origin(None, start + place) for place in range(len(read)))
        pixels = [_brought(each.pixels, surveyed) for each in read]
        yield Chunk(origins, _stacked(pixels, surveyed), len(given), surveyed.short_side)
    yield Chunk((), None, len(given), notes=tuple(said.notes()))


def chunks_of_arrays(
    given: Any, decoding: Mapping[str, Any], batch: int, *, file: str | None = None
) -> Iterator[Chunk]:
    """Arrays or tensors: one image, (H, W, C), or several, (N, H, W, C), as the data of a run is read.

    Values are uint8; or, as in training, floats in 0..1 or 0..255 and 16 bits. Several arrays of different sizes are
    uint8.

    Raises:
        BadData: They have another shape, type, range or number of channels.
    """
    what = "the input" if file is None else file
    several = isinstance(given, list)
    arrays = [as_array(each) for each in (given if several else [given])]
    if any(array.dtype.kind not in "biufc" for array in arrays):
        kinds = listed(sorted({type(each).__name__ for each in given}) if several else [type(given).__name__])
        raise BadData(f"{what} came as {kinds}. Expected paths, or images of Pillow, or arrays or tensors of numbers.")
    if not several:
        arrays = [_batched(arrays[0], decoding, what)]
    if several and len({(array.shape, array.dtype) for array in arrays}) == 1:
        arrays = [np.stack([_single(array, decoding, what) for array in arrays])]
    elif several:
        if any(array.dtype != np.uint8 for array in arrays):
            raise BadData(f"{what} has images of several sizes or types. Expected uint8, or one size and type for all.")
        arrays = [_single(array, decoding, what)[None] for array in arrays]
    read, notes = [], dict[str, None]()
    for array in arrays:
        x, more = as_images(array, None, decoding, what)
        read.append(x)
        notes |= dict.fromkeys(more)
    x = read[0] if len(read) == 1 else np.concatenate(read)
    yield from slices(x, batch, file=file, notes=tuple(notes))


def _surveyed(paths: Sequence[str], decoding: Mapping[str, Any], short_side: int | None) -> Survey:
    """How the files are decoded."""
    sizes = []
    with strict_decoding():
        for position in np.unique(np.linspace(0, len(paths) - 1, min(len(paths), _LOOKED_AT)).astype(int)):
            try:
                sizes.append(read_header(paths[position]).size)
            except BadData:
                continue  # said when it is decoded
    num_pixels = int(np.median([width * height for width, height in sizes])) if sizes else 0
    height, width = decoding["size"]
    if decoding.get("short_side") is None and set(sizes) == {(width, height)}:
        short_side = None  # they hold no more than the network takes
    return _plan(decoding, short_side, num_pixels)


def _plan(decoding: Mapping[str, Any], short_side: int | None, num_pixels: int) -> Survey:
    wanted = Wanted.of(None, decoding, short_side=short_side)
    height, width = decoding["size"]
    kept = height * width if wanted.short_side is None else 2 * wanted.short_side**2
    return Survey(Frame(height, width, decoding["channels"], wanted.fit), num_pixels, wanted.short_side, kept)


def _brought(pixels: np.ndarray, surveyed: Survey) -> np.ndarray:
    """An image in memory at the size at which a file would be read."""
    if surveyed.short_side is None:
        return resize_array(pixels, surveyed.frame)
    return kept_whole(pixels, surveyed.short_side, surveyed.frame.fit)


def _stacked(pixels: Sequence[np.ndarray], surveyed: Survey) -> np.ndarray | Photos:
    if surveyed.short_side is None:
        return np.stack(pixels)
    return Photos.of(pixels, side=surveyed.frame.height)


def _batched(x: np.ndarray, decoding: Mapping[str, Any], what: str) -> np.ndarray:
    """One image as a batch of one; (N, H, W) is N grey images."""
    channels = decoding["channels"]
    single = x.ndim == 3 and x.shape[2] in (2, 3, 4) and x.shape[1:] != tuple(decoding["size"])
    if single and channels not in (x.shape[0], x.shape[2]):
        raise BadData(
            f"{what} has shape {x.shape}, which is an image of {x.shape[2]} channels, and the model was trained on "
            f"{channels}. Convert it first."
        )
    if x.ndim == 4 or (x.ndim == 3 and channels not in (x.shape[0], x.shape[2])):
        if len(x) == 0:
            raise BadData(f"{what} has shape {x.shape}: there is no image in it.")
        return x
    if x.ndim == 3 and channels == 1 and x.shape[2] != 1:
        return x  # one grey image of three axes: (1, H, W)
    return _single(x, decoding, what)[None]


def _single(x: np.ndarray, decoding: Mapping[str, Any], what: str) -> np.ndarray:
    """One image with its channels, (H, W, C) or (C, H, W)."""
    channels = decoding["channels"]
    if x.ndim == 2:
        x = x[..., None]
    if x.ndim != 3 or 0 in x.shape:
        raise BadData(
            f"{what} has shape {x.shape}. Expected images of {count(channels, 'channel')}: one, (H, W, C), or several, "
            "(N, H, W, C)."
        )
    return x


class _Conversions:
    """Counts what was done to images on the way.

    Args:
        surveyed: What they are brought to.
    """

    def __init__(self, surveyed: Survey) -> None:
        self._frame, self._whole, self._total = surveyed.frame, surveyed.short_side is not None, 0
        self._counts: Counter[str] = Counter()

    def count(self, images: Sequence[Decoded]) -> None:
        """Take some images in."""
        self._total += len(images)
        for image in images:
            self._counts.update(self._done(image))

    def notes(self) -> list[str]:
        """One line for each kind of conversion."""
        return [f"{number:,} of {count(self._total, 'image')} {what}" for what, number in self._counts.items()]

    def _done(self, image: Decoded) -> Iterator[str]:
        frame = self._frame
        grey = is_grey(image.mode)
        if grey and frame.channels == 3:
            yield "grey: converted to RGB, as the model takes it"
        elif not grey and frame.channels == 1:
            yield "in colour: converted to grey, as the model takes it"
        elif image.mode in ("P", "P (grey)"):
            yield f"with a palette: converted to {'grey' if grey else 'RGB'}"
        elif image.mode not in ("L", "RGB") and not (image.mode.startswith("I") or is_transparent(image.mode)):
            yield f"of mode {image.mode}: converted to {'grey' if grey else 'RGB'}"
        if image.mode.startswith("I"):
            yield "of 16 bits: scaled to 8"
        if is_transparent(image.mode):
            yield "with transparency: put on white"
        if image.turned:
            yield "turned upright, as their EXIF says"
        if image.size != (frame.width, frame.height):
            if frame.fit == "letterbox":
                done = "scaled to fit, with grey bars, into"
            else:
                done = "scaled, for crops of" if self._whole else "scaled, and the middle cut, to"
            yield f"of another size: {done} {frame.width} x {frame.height}"

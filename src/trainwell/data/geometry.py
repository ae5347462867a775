"""Geometry of a batch of images: what all augmentations ask for, composed, and each image's pixels read once.

An image takes the cheapest path that can give what it asked for, whatever the other images of the batch ask for:

* whole pixels, for flips and shifts: one gather for the whole batch, or copies of slices where images are large;
* a window, for a part of the image that is scaled: `interpolate(antialias=True)` on the stored bytes, or, for small
  images and on a GPU, bilinear rows and then columns of all images at once;
* a grid, for rotation, shear, perspective and lens: one bilinear sampling grid, into which flips, shifts and windows
  are folded.

Measured on one core of a Zen 5, in nanoseconds a pixel of 3 channels: a gather takes 2 to 3, a grid 11, rows and
columns 8 to 10. What is done image by image has a price of its own: slices 3 microseconds an image and 0.2 ns a pixel,
a window 13 microseconds and 1.2 ns. A bilinear gather of our own, on packed pixels, was no faster than the grid;
Pillow's transform took 16 to 33.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainwell.augmentations import Geometry
from trainwell.data.put import put

# Images of fewer pixels are not worth a call of their own: where the figures above meet.
_SMALL_PIXELS = 2048
# Pixels that are interpolated at a time on a CPU. The buffers of a whole batch do not stay in the cache, and the
# allocator hands them back after every batch: measured 1.9 (32 x 32) and 1.5 times (224 x 224) as slow.
_CHUNK_PIXELS = 2**16


def moved(x: Tensor, geometries: Sequence[Geometry]) -> Tensor:
    """The images after all geometries, one acting after the other.

    What lies outside an image is filled by reflection at its edge pixels, which are not repeated: after each shift
    where there are only flips and shifts; otherwise once, for all that is composed. Results are rounded to whole
    values.

    Args:
        x: Stored images, (N, H, W, C) uint8.
        geometries: What is asked for, for N images each; on the CPU.

    Returns:
        Images like `x`; `x` itself where nothing is asked for.
    """
    if not geometries:
        return x
    num, height, width, _ = x.shape
    size = (height, width)
    one_by_one = x.device.type == "cpu" and height * width >= _SMALL_PIXELS
    whole = all(g.window is None and g.matrix is None and g.lens is None for g in geometries)
    if whole and not one_by_one:
        return _gathered(x, *_pixels(geometries, num, size))
    by_window, by_grid = _windowed(geometries, num, size), _warped(geometries, num)
    by_window &= ~by_grid
    copied = ~(by_window | by_grid)
    if not bool(copied.any()):
        out = torch.empty_like(x)
    elif all(g.flip is None and g.vflip is None and g.shift is None for g in geometries):
        out = x.clone()
    else:
        rows, columns = _pixels(geometries, num, size)
        out = _copied(x, rows, columns, copied) if one_by_one else _gathered(x, rows, columns)
    if bool(by_window.any()):
        fill = _fill_one_by_one if one_by_one else _fill_at_once
        fill(out, x, geometries, by_window)
    if bool(by_grid.any()):
        _fill_from_grid(out, x, geometries, by_grid)
    return out


def _windowed(geometries: Sequence[Geometry], num: int, size: tuple[int, int]) -> Tensor:
    """Which images are scaled, (N,) bool."""
    whole = torch.tensor([0, 0, *size])
    chosen = torch.zeros(num, dtype=torch.bool)
    for geometry in geometries:
        if geometry.window is not None:
            chosen |= (_whole(geometry.window) != whole).any(dim=1)
    return chosen


def _warped(geometries: Sequence[Geometry], num: int) -> Tensor:
    """Which images need a grid, (N,) bool."""
    chosen = torch.zeros(num, dtype=torch.bool)
    for geometry in geometries:
        if geometry.matrix is not None:
            chosen |= (geometry.matrix != torch.eye(3)).flatten(1).any(dim=1)
        if geometry.lens is not None:
            chosen |= geometry.lens != 0
    return chosen


def _whole(window: Tensor) -> Tensor:
    """The window with its edges at whole pixels, at least one pixel wide, (N, 4) int64."""
    first = window[:, :2].round()
    past = (window[:, :2] + window[:, 2:]).round()
    return torch.cat((first, (past - first).clamp(min=1)), dim=1).to(torch.int64)


def _pixels(geometries: Sequence[Geometry], num: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Row and column of the stored image that each one of the output shows, (N, H) and (N, W) int32."""
    height, width = size
    rows = torch.arange(height, dtype=torch.int32).expand(num, -1)
    columns = torch.arange(width, dtype=torch.int32).expand(num, -1)
    for geometry in reversed(geometries):
        if geometry.shift is not None:
            shift = geometry.shift.to(torch.int32)
            rows = _reflected(rows + shift[:, :1], height)
            columns = _reflected(columns + shift[:, 1:], width)
        if geometry.vflip is not None:
            rows = torch.where(geometry.vflip[:, None], height - 1 - rows, rows)
        if geometry.flip is not None:
            columns = torch.where(geometry.flip[:, None], width - 1 - columns, columns)
    return rows, columns


def _gathered(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """These rows and columns of each image, as one gather."""
    num, height, width, channels = x.shape
    first = torch.arange(num, dtype=torch.int32)[:, None] * height + rows
    place = first[:, :, None] * width + columns[:, None, :]
    return x.reshape(-1, channels).index_select(0, place.view(-1).to(x.device)).view(num, height, width, channels)


def _copied(x: Tensor, rows: Tensor, columns: Tensor, chosen: Tensor) -> Tensor:
    """These rows and columns of each chosen image, as copies of slices; what the others hold is not defined."""
    out = torch.empty_like(x)
    across, along = columns.numpy(), rows.numpy()
    for i in chosen.nonzero().flatten().tolist():
        for top, bottom, rows_from in _runs(along[i]):
            band = _run(x[i], 0, *rows_from)
            for left, right, columns_from in _runs(across[i]):
                out[i, top:bottom, left:right] = _run(band, 1, *columns_from)
    return out


def _runs(places: np.ndarray) -> list[tuple[int, int, tuple[int, int, bool]]]:
    """Stretches of places that go up or down by one: where each begins and ends, and what `_run` wants to know."""
    if len(places) == 1:
        return [(0, 1, (int(places[0]), int(places[0]) + 1, False))]
    step = np.diff(places)
    turns = [0, *(np.flatnonzero(step[1:] != step[:-1]) + 2).tolist(), len(places)]
    runs = []
    for begin, end in itertools.pairwise(turns):
        first, last = int(places[begin]), int(places[end - 1])
        runs.append((begin, end, (min(first, last), max(first, last) + 1, last < first)))
    return runs


def _run(image: Tensor, dim: int, first: int, past: int, mirrored: bool) -> Tensor:
    """Pixels first .. past - 1 along one dimension, in the other order where mirrored."""
    found = image.narrow(dim, first, past - first)
    return found.flip(dim) if mirrored else found


def _reflected(places: Tensor, side: int) -> Tensor:
    """Places outside 0 .. side - 1 folded back at the edge pixel, which is not repeated."""
    if side == 1:
        return torch.zeros_like(places)
    period = 2 * (side - 1)
    places = places.abs()
    if int(places.max()) > period:  # never so in a crop, and a remainder costs more than all the rest here
        places = places.remainder(period)
    return torch.where(places >= side, period - places, places)


def _fill_one_by_one(out: Tensor, x: Tensor, geometries: Sequence[Geometry], chosen: Tensor) -> None:
    """Scale each chosen image's window to the full size, into `out`."""
    _, height, width, _ = x.shape
    rows, columns = (
        list(zip(*(edge.tolist() for edge in _axis(geometries, axis, side, len(x))), strict=True))
        for axis, side in enumerate((height, width))
    )
    for i in chosen.nonzero().flatten().tolist():
        part = _cut(_cut(x[i : i + 1], 1, *rows[i]), 2, *columns[i]).permute(0, 3, 1, 2)  # seen to be channels last
        scaled = functional.interpolate(part, (height, width), mode="bilinear", antialias=True)
        out[i : i + 1] = scaled.permute(0, 2, 3, 1)


def _fill_at_once(out: Tensor, x: Tensor, geometries: Sequence[Geometry], chosen: Tensor) -> None:
    """Scale the windows of all chosen images, two rows and then two columns for each one of the output, into `out`."""
    num, height, width, channels = x.shape
    by_row, by_column = (_taps(geometries, axis, side, num) for axis, side in enumerate((height, width)))
    lines = x.reshape(num * height, width * channels)
    for some in chosen.nonzero().flatten().split(_chunk(x)):
        first, second, share = (tap[some] for tap in by_row)
        top = (some[:, None] * height).to(torch.int32)
        low, high = (lines.index_select(0, (top + row).flatten().to(x.device)).float() for row in (first, second))
        pixels = torch.lerp(low, high, share.view(-1, 1).to(x.device)).view(-1, channels)
        first, second, share = (tap[some] for tap in by_column)
        left = torch.arange(len(some) * height, dtype=torch.int32).view(-1, height, 1) * width
        low, high = (
            pixels.index_select(0, (left + column[:, None]).flatten().to(x.device)).view(len(some), height, -1)
            for column in (first, second)
        )
        # Repeated for the channels: broadcast over three values at a time it takes several times as long.
        torch.lerp(low, high, share.repeat_interleave(channels, dim=1)[:, None].to(x.device), out=low)
        _put(out, some, low.round_().view(len(some), *x.shape[1:]))


def _taps(geometries: Sequence[Geometry], axis: int, side: int, num: int) -> tuple[Tensor, Tensor, Tensor]:
    """The two pixels of the image that each one of the output lies between, (N, side) int32, and the second's share."""
    first, past, mirrored = (edge[:, None] for edge in _axis(geometries, axis, side, num))
    place = torch.arange(side, dtype=torch.float64)
    place = torch.where(mirrored, side - 1 - place, place)
    place = first + (place + 0.5) * ((past - first) / side) - 0.5  # as torch's interpolate counts
    place = torch.minimum(torch.maximum(place, first), past - 1)
    low = place.floor().to(torch.int32)
    high = torch.minimum(low + 1, (past - 1).to(torch.int32))
    return _reflected(low, side), _reflected(high, side), (place - low).to(torch.float32)


def _axis(geometries: Sequence[Geometry], axis: int, side: int, num: int) -> tuple[Tensor, Tensor, Tensor]:
    """What of one axis each image shows, composed: its first pixel, the one past its last, whether it is mirrored."""
    start, length = torch.zeros(num, dtype=torch.float64), torch.full((num,), float(side), dtype=torch.float64)
    mirrored = torch.zeros(num, dtype=torch.bool)
    for geometry in geometries:
        flip = geometry.vflip if axis == 0 else geometry.flip
        mirrored = mirrored if flip is None else mirrored ^ flip
        asked = []  # first and length in pixels of the image as it was when this step began
        if geometry.shift is not None:
            asked.append((geometry.shift[:, axis].to(torch.float64), torch.full_like(length, side)))
        if geometry.window is not None:
            window = _whole(geometry.window).to(torch.float64)
            asked.append((window[:, axis], window[:, axis + 2]))
        for first, extent in asked:
            unit = length / side
            start = start + torch.where(mirrored, side - first - extent, first) * unit
            length = extent * unit
    edges = _whole(torch.stack((start, start, length, length), dim=1))
    return edges[:, 0], edges[:, 0] + edges[:, 2], mirrored


def _cut(image: Tensor, dim: int, first: int, past: int, mirrored: bool) -> Tensor:
    """Like `_run`, of pixels that may lie outside."""
    side = image.shape[dim]
    if first < 0 or past > side:
        image, first, past = image.index_select(dim, _reflected(torch.arange(first, past), side)), 0, past - first
    return _run(image, dim, first, past, mirrored)


def _fill_from_grid(out: Tensor, x: Tensor, geometries: Sequence[Geometry], chosen: Tensor) -> None:
    """Sample each chosen image at the places it asked for, into `out`."""
    _, height, width, _ = x.shape
    maps = _maps(geometries, len(x), (height, width))
    for some in chosen.nonzero().flatten().split(_chunk(x)):
        places = _places([m[some] for m in maps], height, width, x.device)
        _put(out, some, _sampled(x.index_select(0, some.to(x.device)), places))


def _sampled(x: Tensor, places: Tensor) -> Tensor:
    """Bilinear values of the images at their places, rounded; images are (n, H, W, C)."""
    # With channels last grid_sample takes twice as long.
    images = x.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
    values = functional.grid_sample(images, places, padding_mode="reflection", align_corners=True)
    return values.round_().to(x.dtype).permute(0, 2, 3, 1)


def _put(out: Tensor, some: Tensor, values: Tensor) -> None:
    """Write some images, in rising order; as one slice where they lie side by side, as they mostly do."""
    first, past = int(some[0]), int(some[-1]) + 1
    if past - first == len(some):
        out[first:past] = values
    else:
        put(out, some.to(out.device), values.to(out.dtype))


def _chunk(x: Tensor) -> int:
    """Images that are taken at a time."""
    if x.device.type != "cpu":
        return len(x)
    return max(_CHUNK_PIXELS // (x.shape[1] * x.shape[2]), torch.get_num_threads())  # which share out the images


def _maps(geometries: Sequence[Geometry], num: int, size: tuple[int, int]) -> list[Tensor]:
    """From places of the output to places of the stored image: projective maps, (N, 3, 3), and lenses, (N,), in order.

    Coordinates are those of `Geometry.matrix`. Neighbouring projective maps are multiplied; which of them are there
    depends on the members asked, never on what an image drew.
    """
    height, width = size
    unit = min(size) / 2  # pixels
    maps: list[Tensor] = []

    def project(matrix: Tensor) -> None:
        if maps and maps[-1].dim() == 3:
            maps[-1] = _product(matrix, maps[-1])
        else:
            maps.append(matrix)

    for geometry in reversed(geometries):
        if geometry.lens is not None:
            maps.append(geometry.lens.to(torch.float64))
        if geometry.matrix is not None:
            project(geometry.matrix.to(torch.float64))
        if geometry.window is not None:
            top, left, rows, columns = _whole(geometry.window).to(torch.float64).unbind(1)
            move = ((left + columns / 2 - width / 2) / unit, (top + rows / 2 - height / 2) / unit)
            project(_diagonal(columns / width, rows / height, *move))
        if geometry.shift is not None:
            down, right = geometry.shift.to(torch.float64).unbind(1)
            one = torch.ones_like(down)
            project(_diagonal(one, one, right / unit, down / unit))
        if geometry.flip is not None or geometry.vflip is not None:
            one = torch.ones(num, dtype=torch.float64)
            across, along = (one if f is None else torch.where(f, -one, one) for f in (geometry.flip, geometry.vflip))
            project(_diagonal(across, along, 0 * one, 0 * one))
    return maps


def _diagonal(across: Tensor, along: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """x -> across x + right, y -> along y + down, (N, 3, 3)."""
    zero, one = torch.zeros_like(across), torch.ones_like(across)
    return torch.stack((across, zero, right, zero, along, down, zero, zero, one), dim=1).view(-1, 3, 3)


def _product(outer: Tensor, inner: Tensor) -> Tensor:
    """outer inner, (N, 3, 3), term by term: a matrix product may round otherwise in a batch of another size."""
    terms = [outer[:, :, k, None] * inner[:, None, k, :] for k in range(3)]
    return terms[0] + terms[1] + terms[2]


def _places(maps: Sequence[Tensor], height: int, width: int, device: torch.device) -> Tensor:
    """The sampling grid, (n, H, W, 2) float32, in units of grid_sample: -1 and 1 are the centres of the edge pixels."""
    unit = min(height, width) / 2
    corner = (height**2 + width**2) / 4 / unit**2  # squared distance from the centre
    x = ((torch.arange(width, device=device) - (width - 1) / 2) / unit).view(1, 1, -1)
    y = ((torch.arange(height, device=device) - (height - 1) / 2) / unit).view(1, -1, 1)
    for item in maps:
        if item.dim() == 1:
            bend = (item / corner).to(device, torch.float32).view(-1, 1, 1)
            factor = ((x.square() + y.square()) * bend).add_(1)
            x, y = x * factor, y * factor
        else:
            x, y = _projected(item, x, y)
    grid = torch.empty(len(maps[0]), height, width, 2, device=device)
    # An image one pixel wide has no place but 0.
    torch.mul(x, 2 * unit / max(1, width - 1), out=grid[..., 0])
    torch.mul(y, 2 * unit / max(1, height - 1), out=grid[..., 1])
    return grid


def _projected(matrix: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Places after a projective map: x and y broadcast to (n, H, W)."""
    # An affine map is spared its division by 1, which would change nothing: what the others of a batch ask for does
    # not show in its result.
    affine = bool((matrix[:, 2] == torch.tensor([0, 0, 1])).all())
    rows = matrix.to(x.device, torch.float32)[..., None, None].unbind(1)

    def line(row: Tensor) -> Tensor:
        across, along, constant = row.unbind(1)
        return across * x + (along * y + constant)

    across, along = line(rows[0]), line(rows[1])
    if affine:
        return across, along
    depth = line(rows[2])
    return across / depth, along / depth

"""The colour pass: all that happens to the values of a batch of images, touching them as rarely as can be.

Brightness, contrast, saturation, hue and lighting are affine in the colour of a pixel. They are composed for each image
into one matrix [A | b] and wait, until a curve, a blur or noise has to see the values, or the pass ends. Curves become
one table of 256 entries for each channel of an image. Only the images that ask for something pay for it, and what comes
out of an image depends on itself and its own parameters only.
"""

import functools
import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from trainwell.augmentations import Colour
from trainwell.data.put import put
from trainwell.draws import generator
from trainwell.errors import BadValue

_GREY = (0.299, 0.587, 0.114)  # luma of ITU-R BT.601: what Pillow calls L
_MIXED = 12  # values a row of a product with matrices: 3 wide it runs at a third of the speed, 48 wide at half
_SCALED = 96  # values a row of a product with factors: long enough for the loop, short beside an image
# Values that are taken at a time on a CPU, so that what lies between one step and the next stays in the cache: 2 MB.
# Measured for color_jitter at 224 x 224: 6.2 ms a batch of 32, and 9.1 ms all at once.
_CHUNK = 2**19
_NOISE = 2**20  # normal draws in the table: 4 MB, and a million places to begin


def apply_colour(x: Tensor, colours: Sequence[Colour], *, covariance: Tensor | None = None) -> Tensor:
    """Change the values of a batch as `colours` say, one after the other.

    Float leaves the pass, as the next step wants floats anyway: rounding to bytes and back would be two more passes.

    Args:
        x: Images, (N, H, W, C), uint8, or float32 in 0..255, which may be overwritten.
        colours: What is to be done to each of the N images.
        covariance: Of the training pixels' colours in 0..255, (C, C); for `lighting` only.

    Returns:
        Images like `x`, float32 in 0..255; `x` itself where nothing is to be done.

    Raises:
        BadValue: `lighting` is asked for and there is no covariance.
    """
    if not colours:
        return x
    work = _Pass(x)
    for colour in colours:
        work.affine(colour, covariance)
        work.curves(colour)
        work.sharpen(colour)
        work.noise(colour)
    return work.finish()


class _Pass:
    """Values of a batch with an affine map of each image's colours that waits to be applied."""

    def __init__(self, x: Tensor) -> None:
        self._x = x.contiguous()  # bytes as long as only curves touch them, and float32 from then on
        self._owned = False
        self._device = x.device
        num, self._height, self._width, self._channels = x.shape
        self._identity = torch.eye(self._channels, self._channels + 1, device=self._device)
        self._map = self._identity.repeat(num, 1, 1)  # (N, C, C + 1): [A | b]
        # Images whose map is not the identity, those whose map mixes channels, and those that may be out of range. All
        # choices of images are made on the CPU, where the parameters are drawn, so that no GPU is waited for.
        self._waiting, self._mixing, self._loose = torch.zeros(3, num, dtype=torch.bool)
        weights = _GREY if self._channels == 3 else (1 / self._channels,) * self._channels
        self._grey = torch.tensor(weights, device=self._device)[:, None]

    def affine(self, colour: Colour, covariance: Tensor | None) -> None:
        """Compose brightness, contrast, saturation, hue and lighting with what waits."""
        if colour.brightness is not None:
            self._map = self._map * self._column(colour.brightness)
            self._waiting |= colour.brightness != 1
        if colour.contrast is not None:
            self._contrast(colour.contrast)
        if colour.saturation is not None and self._channels == 3:
            factor = self._column(colour.saturation)
            self._map = self._map * factor + self._grey_row() * (1 - factor)
            self._mixing |= colour.saturation != 1
        if colour.hue is not None and self._channels == 3:
            self._map = torch.bmm(_rotation(colour.hue).to(self._device), self._map)
            self._mixing |= colour.hue != 0
        if colour.lighting is not None:
            if covariance is None:
                raise BadValue(
                    "lighting (pca_color) moves colours along the principal components of the training pixels, and no "
                    "covariance of them was given. Expected covariance=(C, C) in units of 0..255 squared."
                )
            components = _components(covariance).to(self._device)
            amounts = colour.lighting[:, : self._channels].to(self._device)
            self._map[:, :, -1] += (amounts[:, None, :] * components[:, :3]).sum(2)
            self._waiting |= (colour.lighting != 0).any(1)
        self._waiting |= self._mixing

    def curves(self, colour: Colour) -> None:
        """Solarize, posterize, autocontrast and equalize: one table for each channel, one look-up for each value."""
        none = torch.zeros(len(self._waiting), dtype=torch.bool)
        solarize = none if colour.solarize is None else colour.solarize < 256
        posterize = none if colour.posterize is None else colour.posterize < 8
        stretch = none if colour.autocontrast is None else colour.autocontrast
        equalize = none if colour.equalize is None else colour.equalize
        rows = (solarize | posterize | stretch | equalize).nonzero().flatten()
        if len(rows) == 0:
            return
        stored = self._rounded(rows)
        tables = torch.arange(256, device=self._device).repeat(len(rows), self._channels, 1)
        if colour.solarize is not None and (at := solarize[rows].nonzero().flatten()).numel():
            table = tables[at.to(self._device)]
            tables[at.to(self._device)] = torch.where(
                table >= self._column(colour.solarize[rows[at]]), 255 - table, table
            )
        if colour.posterize is not None and (at := posterize[rows].nonzero().flatten()).numel():
            tables[at.to(self._device)] &= -(1 << (8 - self._column(colour.posterize[rows[at]])))
        for asked, curve in ((stretch, _stretching), (equalize, _equalizing)):
            if (at := asked[rows].nonzero().flatten().to(self._device)).numel():
                table = tables[at]
                counts = torch.zeros_like(table).scatter_add_(2, table, _histograms(stored[at]))
                tables[at] = curve(counts).gather(2, table)
        tables = tables.to(torch.uint8)
        for part in _chunks(stored):
            torch.index_select(tables[part].view(-1), 0, _places(stored[part]), out=stored[part].view(-1))
        self._put(rows, stored.view(-1, *self._x.shape[1:]))
        self._loose[rows] = False

    def sharpen(self, colour: Colour) -> None:
        """Move each pixel away from, or towards, the mean of its surroundings; those at the edge stay."""
        if colour.sharpness is None or min(self._height, self._width) < 3:
            return
        rows = (colour.sharpness != 1).nonzero().flatten()
        if len(rows) == 0:
            return
        values, factor = self._settled(rows), self._column(colour.sharpness[rows])[..., None]
        for part in _chunks(values):
            image = values[part]
            beside = image[:, :-2] + image[:, 1:-1] + image[:, 2:]
            around = beside[:, :, :-2] + beside[:, :, 1:-1] + beside[:, :, 2:]
            inside = image[:, 1:-1, 1:-1]
            # Pillow's SMOOTH: eight neighbours of weight 1 and a centre of weight 5, over 13.
            blurred = around.add_(inside, alpha=4).div_(13)
            image[:, 1:-1, 1:-1] = torch.lerp(blurred, inside, factor[part])
        self._put(rows, values)
        self._loose[rows] = True

    def noise(self, colour: Colour) -> None:
        """Add normal noise, read from one table at each image's own place."""
        if colour.noise is None or colour.noise_start is None:
            return
        rows = (colour.noise != 0).nonzero().flatten()
        if len(rows) == 0:
            return
        values, std = self._settled(rows), self._column(colour.noise[rows])[..., None]
        length = values[0].numel()
        starts = _normal_table(length, self._device).unfold(0, length, 1)
        places = (colour.noise_start[rows] % _NOISE).to(self._device)
        for part in _chunks(values):
            values[part].addcmul_(starts.index_select(0, places[part]).view_as(values[part]), std[part])
        self._put(rows, values)
        self._loose[rows] = True

    def finish(self) -> Tensor:
        """The values with all that waits applied, in 0..255."""
        rows = (self._waiting | self._loose).nonzero().flatten()
        if len(rows):
            self._put(rows, self._settled(rows, clamp=True))
        return self._x.to(torch.float32)

    def _contrast(self, contrast: Tensor) -> None:
        rows = (contrast != 1).nonzero().flatten()
        if len(rows) == 0:
            return
        values = self._taken(rows)
        num_pixels = self._height * self._width
        block = math.gcd(num_pixels, _SCALED // self._channels)
        # Whole numbers up to 2^24 add up exactly in float32: the sums of images up to 256 x 256 are exact.
        wide = (
            values[part].flatten(1).float().view(-1, num_pixels // block, block * self._channels).sum(1)
            for part in _chunks(values)
        )
        sums = torch.cat([one.view(-1, block, self._channels).sum(1) for one in wide])
        mean = torch.nn.functional.pad(sums / num_pixels, (0, 1), value=1.0)
        place = rows.to(self._device)
        grey = (self._grey_row()[place, 0] * mean).sum(1)  # of the result, as the map takes mean to mean
        factor = self._column(contrast[rows])
        changed = self._map.index_select(0, place) * factor
        changed[:, :, -1] += (1 - factor[:, :, 0]) * grey[:, None]
        self._map = self._map.index_copy(0, place, changed)
        self._waiting |= contrast != 1

    def _grey_row(self) -> Tensor:
        """Grey of each image's result as a function of its values, (N, 1, C + 1)."""
        return (self._map * self._grey).sum(1, keepdim=True)

    def _column(self, values: Tensor) -> Tensor:
        return values.to(self._device)[:, None, None]

    def _taken(self, rows: Tensor) -> Tensor:
        return self._x if len(rows) == len(self._x) else self._x.index_select(0, rows.to(self._device))

    def _settled(self, rows: Tensor, *, clamp: bool = False) -> Tensor:
        """The values of these images with their maps applied, float32, free to overwrite; the maps are done with."""
        values, mixing = self._taken(rows), self._mixing[rows]
        if not self._waiting[rows].any():
            plain = values.to(torch.float32)
            return plain.clamp_(0, 255) if clamp else plain
        out = torch.empty_like(values, dtype=torch.float32) if values.dtype == torch.uint8 else values
        if len(rows) == len(self._x):
            maps, self._map = self._map, self._identity.repeat(len(rows), 1, 1)
        else:
            place = rows.to(self._device)
            maps, self._map[place] = self._map[place], self._identity
        self._waiting[rows] = self._mixing[rows] = False
        if mixing.all():
            _mixed(values, maps, out, clamp=clamp)
        elif not mixing.any():
            _scaled(values, maps, out, clamp=clamp)  # by 1 where nothing waits
        else:
            for group, mapped in ((mixing, _mixed), (~mixing, _scaled)):
                at = group.nonzero().flatten().to(self._device)
                chosen = torch.empty(len(at), *values.shape[1:], device=self._device)
                mapped(values.index_select(0, at), maps.index_select(0, at), chosen, clamp=clamp)
                put(out, at, chosen)
        return out

    def _rounded(self, rows: Tensor) -> Tensor:
        """The same as bytes, (n, H W, C), free to overwrite."""
        if self._x.dtype == torch.uint8 and not self._waiting[rows].any():
            stored = self._taken(rows)
            stored = stored.clone() if stored is self._x else stored
        else:
            values = self._settled(rows)
            stored = torch.empty_like(values, dtype=torch.uint8)
            for part in _chunks(values):
                stored[part] = values[part].clamp_(0, 255).round_()
        return stored.view(len(rows), -1, self._channels)

    def _put(self, rows: Tensor, values: Tensor) -> None:
        if len(rows) == len(self._x):
            self._x, self._owned = values, True
            return
        if self._x.dtype == torch.uint8 and values.is_floating_point():
            self._x, self._owned = self._x.to(torch.float32), True
        if not self._owned:
            self._x, self._owned = self._x.clone(), True
        put(self._x, rows.to(self._device), values.to(self._x.dtype))


def _mixed(values: Tensor, maps: Tensor, out: Tensor, *, clamp: bool) -> None:
    """A v + b for each pixel v of each image, as batched products of rows of several pixels."""
    num, channels = len(values), values.shape[-1]
    pixels = math.gcd(values[0].numel() // channels, max(1, _MIXED // channels))
    blocks = torch.zeros(num, pixels, channels, pixels, channels, device=values.device)
    # Rows times columns: the transpose of A, along the diagonal of blocks.
    blocks.diagonal(0, 1, 3).copy_(maps[:, :, :-1].transpose(1, 2)[..., None].expand(-1, -1, -1, pixels))
    wide = pixels * channels
    blocks, offset = blocks.view(num, wide, wide), maps[:, None, :, -1].repeat(1, 1, pixels)
    rows, into = values.view(num, -1, wide), out.view(num, -1, wide)
    for part in _chunks(values):
        found = torch.baddbmm(offset[part], rows[part].float(), blocks[part])
        into[part] = found.clamp_(0, 255) if clamp else found


def _scaled(values: Tensor, maps: Tensor, out: Tensor, *, clamp: bool) -> None:
    """The same where A is diagonal: a factor and an offset for each channel, tiled over several pixels."""
    num, channels = len(values), values.shape[-1]
    pixels = math.gcd(values[0].numel() // channels, max(1, _SCALED // channels))
    factor, offset = (one.repeat(1, pixels)[:, None] for one in (maps.diagonal(0, 1, 2), maps[:, :, -1]))
    rows, into = (one.view(num, -1, pixels * channels) for one in (values, out))
    for part in _chunks(values):
        found = torch.addcmul(offset[part], rows[part].float(), factor[part], out=into[part])
        if clamp:
            found.clamp_(0, 255)


def _chunks(values: Tensor) -> Iterator[slice]:
    """A few images at a time; on a GPU, all at once."""
    size = len(values) if values.is_cuda else max(1, _CHUNK // max(1, values[0].numel()))
    return (slice(start, start + size) for start in range(0, len(values), size))


def _places(values: Tensor) -> Tensor:
    """Where each value's entry is in the tables of its image and channel laid end to end; flat, int32."""
    num, pixels, channels = values.shape
    block = math.gcd(pixels, max(1, _SCALED // channels))
    start = torch.arange(0, num * channels * 256, 256, dtype=torch.int32, device=values.device)
    start = start.view(num, 1, channels).repeat(1, 1, block)
    return values.to(torch.int32).view(num, -1, block * channels).add_(start).view(-1)


def _histograms(values: Tensor) -> Tensor:
    """How often each value occurs in each channel of each image, (n, C, 256) int64; `values` is (n, P, C) uint8."""
    num, _, channels = values.shape
    return torch.bincount(_places(values), minlength=num * channels * 256).view(num, channels, 256)


def _rotation(turns: Tensor) -> Tensor:
    """Matrices of Rodrigues' formula about the axis (1, 1, 1) / sqrt(3), (N, 3, 3)."""
    angle = turns.double()[:, None, None] * (2 * math.pi)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]], dtype=torch.float64) / math.sqrt(3)
    along = torch.full((3, 3), 1 / 3, dtype=torch.float64)
    return (angle.cos() * (torch.eye(3, dtype=torch.float64) - along) + along + angle.sin() * cross).float()


def _components(covariance: Tensor) -> Tensor:
    """Principal components as columns, each as long as its standard deviation, the widest first, (C, C)."""
    variances, vectors = torch.linalg.eigh(covariance.double().cpu())
    # An eigenvector is one up to its sign: the largest entry is made positive, so that machines agree.
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    return (vectors * largest.sign() * variances.clamp(min=0).sqrt()).flip(1).float()


def _stretching(counts: Tensor) -> Tensor:
    """Tables that stretch the values that occur to 0..255, (n, C, 256) int64; as Pillow's autocontrast."""
    value = torch.arange(256, device=counts.device)
    low = torch.where(counts > 0, value, 255).amin(2, keepdim=True)
    high = torch.where(counts > 0, value, 0).amax(2, keepdim=True)
    # Divided as tensors: a number over a tensor is a product with the reciprocal, which rounds differently.
    scale = torch.tensor(255.0, dtype=torch.float64, device=counts.device) / (high - low).clamp(min=1)
    return torch.where(high > low, (value * scale - low * scale).clamp(0, 255).long(), value)


def _equalizing(counts: Tensor) -> Tensor:
    """Tables that even out the histogram, (n, C, 256) int64; as Pillow's equalize."""
    value = torch.arange(256, device=counts.device)
    highest = torch.where(counts > 0, value, 0).amax(2, keepdim=True)
    step = (counts.sum(2, keepdim=True) - counts.gather(2, highest)) // 255
    below = counts.cumsum(2) - counts
    return torch.where(step > 0, ((below + step // 2) // step.clamp(min=1)).clamp(max=255), value)


@functools.lru_cache(maxsize=4)
def _normal_table(length: int, device: torch.device) -> Tensor:
    """Standard normal draws, and their beginning once more, so that `length` of them follow any of the places."""
    drawn = torch.from_numpy(generator("noise table").standard_normal(_NOISE, dtype="float32"))
    return drawn.repeat(1 + math.ceil(length / _NOISE))[: _NOISE + length].to(device)

"""Units: a tensor laid out as samples, places and units, and what the values of each unit are like."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trainwell.probes.contents import axis_of

_ROUNDING = 4  # in units of the dtype's eps: by which equal samples may come out unequal
_SQUARES = 1e-12  # numbers under it, and over its reciprocal, have squares that float32 cannot hold well


@dataclass(frozen=True, eq=False)
class Layout:
    """Values by sample; and where the units are among them.

    Args:
        values: (N, K) float32 or float64, a view where it can be, cut from the graph. Sums over the samples of a flat
            tensor are a hundred times as fast as with the units moved to its end.
        shape: Of the K numbers of a sample.
        place: The axis of the units therein.
        by_sample: Whether the first axis is that of the samples; otherwise N is 1.
        axis: The axis of the units in the tensor as it came; its last one if it has a single axis.
        eps: Distance of 1 to the next number of the tensor's dtype.
    """

    values: Tensor
    shape: tuple[int, ...]
    place: int
    by_sample: bool
    axis: int
    eps: float

    @property
    def num_units(self) -> int:
        """U."""
        return self.shape[self.place]

    def by_unit(self, numbers: Tensor) -> Tensor:
        """(K,) numbers as (P, U), by place and unit."""
        return numbers.reshape(self.shape).movedim(self.place, -1).reshape(-1, self.num_units)


@dataclass(frozen=True, kw_only=True)
class Values:
    """What the numbers of one tensor are like; of those that are finite.

    Args:
        mean: Of all numbers.
        rms: Root mean square of all numbers.
        std: Standard deviation of all numbers.
        between: Standard deviation between the samples, of each number of a sample by itself, as a root mean square,
            over `rms`: 0 where all samples come out alike. None without an axis of samples, with one sample, or where
            `rms` is 0.
        across: Standard deviation between the means of the units, over `rms`; None where that is 0.
        num_units: U.
        zeros: Share of the numbers that are exactly 0.
        zero_units: Share of the units that are 0 for all samples, at all places.
        constant_units: Share of the units that are the same for all samples, up to rounding, at each place by itself;
            the units that are 0 are among them. None without an axis of samples, or with one sample.
        finite: Share of all numbers that are neither NaN nor infinite.
    """

    mean: float
    rms: float
    std: float
    between: float | None
    across: float | None
    num_units: int
    zeros: float
    zero_units: float
    constant_units: float | None
    finite: float


def laid_out(tensor: Tensor, num_samples: int, axis: int = 1, width: int | None = None) -> Layout:
    """Bring a tensor into the order samples, places, units.

    The samples are the first axis that is `num_samples` long. The units are `axis`, unless another axis alone is
    `width` long, or the samples are there.

    Args:
        tensor: (N, ...) or (..., N, ...), or anything else, without an axis of samples.
        num_samples: N.
        axis: Where the units are thought to be; may be negative.
        width: How many there are thought to be.
    """
    values = tensor.detach().to(torch.promote_types(tensor.dtype, torch.float32))
    eps = torch.finfo(tensor.dtype).eps
    samples = axis_of(tensor, num_samples)
    if samples is None:
        values = values[None]
        axis += axis >= 0  # counted in what has an axis more
    if values.ndim == 1:
        return Layout(values[:, None], (1,), 0, True, 0, eps)
    first = samples or 0
    axis = axis % values.ndim if -values.ndim <= axis < values.ndim else values.ndim - 1
    others = [place for place in range(values.ndim) if place != first]
    alike = [place for place in others if values.shape[place] == width]
    if axis not in alike and len(alike) == 1:
        axis = alike[0]
    if axis == first:
        axis = others[-1]
    moved = values.movedim(first, 0)
    flat = moved.reshape(len(moved), math.prod(moved.shape[1:]))
    place = axis - (axis > first)
    return Layout(flat, tuple(moved.shape[1:]), place, samples is not None, axis - (samples is None), eps)


@torch.no_grad()
def values_of(layout: Layout) -> Values | None:
    """What the values are like; None where there is none that is finite."""
    values, num = layout.values, layout.values.numel()
    if not num:
        return None
    known, num_known = torch.ones((), dtype=torch.bool, device=values.device), num
    low, high = values.amin(0), values.amax(0)
    if not bool((low.isfinite() & high.isfinite()).all()):
        known = values.isfinite()
        num_known = int(known.sum())
        values = values.where(known, 0.0)
        low, high = values.amin(0), values.amax(0)
    if not num_known:
        return None
    largest = float(torch.maximum(low.abs(), high.abs()).max())
    unit = largest if largest and not _SQUARES < largest < 1 / _SQUARES else 1.0
    scaled = values if unit == 1.0 else values / unit
    # Their variance is that between the samples and that of the means. `var_mean` and `aminmax` take far longer.
    means = scaled.mean(0)
    variances, means = (scaled - means).square_().mean(0).double(), means.double()
    share = num_known / num  # what is not finite is a 0 above, and left out here
    mean = float(means.mean()) / share
    square = float((variances + means.square()).mean()) / share
    spread = math.sqrt(float(variances.mean()))
    middle = float((variances + (means - mean).square()).mean())
    std = math.sqrt(max(0.0, (middle - (1 - share) * mean**2) / share))
    rms = math.sqrt(square)
    several = layout.by_sample and len(values) > 1
    near = high - low <= _ROUNDING * layout.eps * torch.maximum(low.abs(), high.abs())
    zero = (low == 0) & (high == 0) & (known.all(0) if known.ndim else known)
    unit_means = layout.by_unit(means).mean(0)
    return Values(
        mean=mean * unit,
        rms=rms * unit,
        std=std * unit,
        between=spread / rms if several and rms else None,
        across=float(unit_means.std(correction=0)) / rms if rms else None,
        num_units=layout.num_units,
        zeros=(num_known - int(values.count_nonzero())) / num_known,
        zero_units=_whole(layout.by_unit(zero)),
        constant_units=_whole(layout.by_unit(near)) if several else None,
        finite=share,
    )


def _whole(places: Tensor) -> float:
    """Share of the units for which it holds at all places."""
    return float(places.all(0).double().mean())

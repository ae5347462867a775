"""Features: mean, spread and range of each column of a table, with what is not finite left aside."""

import functools
import math

import torch
from torch import Tensor

from trainwell.preprocessing import FLOOR


class Features:
    """Figures of the columns of a table. Where a column holds no finite value they are NaN, its range empty.

    Args:
        rows: (R, F), of any type of real numbers.
        used: Which values count, (R, F); all finite ones unless given.
    """

    def __init__(self, rows: Tensor, used: Tensor | None = None) -> None:
        values = rows.double()
        self.used = values.isfinite() if used is None else used
        count = self.used.sum(dim=0)
        kept = values.where(self.used, 0.0)
        self.means = kept.sum(dim=0) / count
        self._distances = (kept - self.means).abs().where(self.used, 0.0)
        self.spreads = (self._distances.square().sum(dim=0) / count).sqrt()
        self.lows = values.where(self.used, math.inf).amin(dim=0)
        self.highs = values.where(self.used, -math.inf).amax(dim=0)

    @functools.cached_property
    def varies(self) -> Tensor:
        """Which columns are not constant, (F,): whose spread is above a millionth of the largest value."""
        return self.spreads > FLOOR * torch.maximum(self.lows.abs(), self.highs.abs())

    @property
    def centre(self) -> float | None:
        """Root mean square of mean / spread over the columns that vary; None where none does."""
        return float((self.means / self.spreads)[self.varies].square().mean().sqrt()) if self.varies.any() else None

    @property
    def decades(self) -> float | None:
        """log10 of the largest spread over the smallest one of the columns that vary; None where none does."""
        moving = self.spreads[self.varies]
        return float((moving.max() / moving.min()).log10()) if len(moving) else None

    @property
    def outlier(self) -> float | None:
        """Largest distance of a value from the mean of its column, in its spreads; None where no column varies."""
        return float((self._distances / self.spreads)[:, self.varies].max()) if self.varies.any() else None

    @property
    def constant_share(self) -> float:
        """Share of the columns that are constant."""
        return float((~self.varies).double().mean())


def by_feature(part: Tensor, axis: int) -> Tensor:
    """(N, ...) -> (R, F), float64: the values of each feature, which lie along `axis`, below each other."""
    values = part.double()
    return values[:, None] if values.ndim == 1 else values.movedim(axis, -1).reshape(-1, values.shape[axis])


def standardised(rows: Tensor) -> Tensor:
    """Columns with mean 0 and spread 1, (R, F) float64; constant ones, and what is not finite, are 0."""
    features = Features(rows)
    values = (rows.double() - features.means) / features.spreads
    return values.where(features.used & features.varies, 0.0)


def numbers(values: Tensor) -> tuple[float | None, ...]:
    """The values as plain numbers; None for what is not finite."""
    return tuple(value if math.isfinite(value) else None for value in values.tolist())

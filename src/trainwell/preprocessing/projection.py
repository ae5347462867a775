"""What PCA and the whitenings share: principal components, found in one pass, and a projection on them.

Reference:
    Hotelling, "Analysis of a complex of statistical variables into principal components", 1933.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from trainwell.errors import BadData, BadValue
from trainwell.preprocessing import FLOOR, Fitted, is_stored, stored_chunks, unit_of

MAX_FEATURES = 8192  # their covariance takes 0.5 GB, and its eigenvectors minutes
_ARRAYS = ("mean", "spread", "components", "scale")
_TABLE_EPS, _IMAGE_EPS = 1e-5, 1.0  # the notes' eps; on images of 0..1 it is usual to add 0.1, one to two averages
_BLOCK_ROWS = 1024
_MIDDLE = 128  # bytes less this are within 128, so that 1024 products of two sum to at most 2^24: float32 is exact


class Components(NamedTuple):
    """Principal components of the training rows.

    Args:
        mean: Of each feature, (F,) float64, images in 0..1.
        spread: What each feature was divided by first, (F,) float64: its deviation, or 1.
        vectors: (K, F) float64, orthonormal rows, by falling variance; the largest entry of each is positive.
        variances: Of the rows along each, (K,) float64, above 0, with divisor n.
        average: Variance of a feature that varies, on average.
    """

    mean: np.ndarray
    spread: np.ndarray
    vectors: np.ndarray
    variances: np.ndarray
    average: float


class Projection(Fitted, kind="projection"):
    """Centre a sample, scale its features, project it on components, scale these and, if asked, turn back to features.

    Args:
        mean: (F,).
        spread: (F,), by which features are divided, above 0.
        components: (K, F), orthonormal rows.
        scale: (K,), by which components are divided, above 0.
        shape: Stored shape of a sample, (H, W, C) or (F,).
        unit: Stored value that counts as 1.
        turned_back: Whether the result is features again, of the stored shape, instead of (K,).
    """

    def __init__(
        self,
        mean: np.ndarray,
        spread: np.ndarray,
        components: np.ndarray,
        scale: np.ndarray,
        shape: tuple[int, ...],
        unit: float,
        turned_back: bool,
    ) -> None:
        self.mean, self.spread, self.components, self.scale = (
            np.ascontiguousarray(values, dtype=np.float32) for values in (mean, spread, components, scale)
        )
        self.shape = tuple(shape)
        self.unit = unit
        self.turned_back = turned_back
        self._placed: dict[Any, tuple[Tensor, Tensor]] = {}

    def apply(self, x: Tensor) -> Tensor:
        if x.shape[1:] != self.shape:
            raise BadValue(
                f"The preprocessing was fitted on samples of shape {self.shape}, got {tuple(x.shape[1:])}. "
                "Bring the data to the size of the training data."
            )
        values = x if x.is_floating_point() else x.float()
        mean, matrix = self._like(values, inverse=False)
        found = values.flatten(1).sub_(mean) @ matrix
        return found.view(x.shape) if self.turned_back else found

    def inverse(self, x: Tensor) -> Tensor:
        mean, matrix = self._like(x, inverse=True)
        return (x.flatten(1) @ matrix + mean).view(-1, *self.shape)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape if self.turned_back else (len(self.scale),)

    def state(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "unit": self.unit, "turned_back": self.turned_back}

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def restored(cls, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Projection":
        mean, spread, components, scale = (arrays[name] for name in _ARRAYS)
        return cls(mean, spread, components, scale, tuple(state["shape"]), state["unit"], state["turned_back"])

    def _like(self, x: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        """The mean, in stored units, and the one matrix of `apply` or `inverse`, where x is and of its type."""
        key = (inverse, x.dtype, x.device)
        if key not in self._placed:
            mean, spread, components, scale = (torch.from_numpy(values) for values in self.arrays().values())
            spread = spread * self.unit
            if inverse:
                back = components * spread
                matrix = (components.T * scale) @ back if self.turned_back else scale[:, None] * back
            else:
                into = components.T / scale / spread[:, None]
                matrix = into @ components if self.turned_back else into
            self._placed[key] = ((mean * self.unit).to(x), matrix.contiguous().to(x))
        return self._placed[key]


def floor(x: np.ndarray, eps: float | None) -> float:
    """What is added to the variances of a whitening, as a share of their average: by the kind of data, unless told."""
    default = _IMAGE_EPS if x.ndim == 4 else _TABLE_EPS
    return default if eps is None else eps


def principal(
    id: str, x: np.ndarray, rows: np.ndarray, components: int | None, variance: float, standardized: bool | None
) -> Components:
    """The principal components of the training rows; what has no variance is not among them.

    Args:
        id: The member that asks, for messages.
        x: All of the data, uint8 (N, H, W, C) or (N, F).
        rows: Training rows, (n,) int64.
        components: How many to keep; None keeps what `variance` asks for.
        variance: Share of the variance to keep, in (0, 1]: the fewest components that hold it.
        standardized: Whether each feature is divided by its deviation first; None: those of a table are.

    Raises:
        BadData: There are no training rows, no feature varies, or there are more than `MAX_FEATURES` features.
        BadValue: More components are asked for than there are.
    """
    mean, covariance = moments(id, x, rows)
    deviation = np.sqrt(np.diagonal(covariance))
    varies = deviation > 0
    scaled = x.ndim == 2 if standardized is None else standardized
    spread = np.where(varies & scaled, deviation, 1.0)
    covariance /= np.outer(spread, spread)
    found, columns = torch.linalg.eigh(torch.from_numpy(covariance))  # rising
    values = np.maximum(found.numpy()[::-1], 0)
    total = values.sum()
    count = int((values > FLOOR**2 * values[0]).sum())  # along the others float32 holds nothing but rounding
    if count == 0:
        raise BadData(f"{id} needs features that vary, and in the training rows none does. Set preprocess=none.")
    if components is not None and components > count:
        raise BadValue(
            f"{id}.components={components} is more than there are: the {len(rows)} training rows vary along {count} "
            f"directions of {len(mean)}. Expected at most {count}."
        )
    if variance < 1:
        count = min(count, int(np.searchsorted(np.cumsum(values) / total, variance)) + 1)
    count = count if components is None else min(count, components)
    vectors = columns.numpy().T[::-1][:count]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    return Components(mean, spread, vectors * np.sign(largest), values[:count], float(total / varies.sum()))


def moments(id: str, x: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (F,) and covariance (F, F) of the training rows, float64, images in 0..1; a constant feature has exactly 0.

    One pass in blocks of 1024 rows, however large the data. Images are summed up in whole numbers, exactly.
    """
    features = int(np.prod(x.shape[1:])) if is_stored(x) else 0
    if features > MAX_FEATURES:
        way = "Bring the images to a smaller size with image_size=" if x.ndim == 4 else "Take preprocess=standardize"
        raise BadData(
            f"{id} needs the covariance of all {features} features, and takes at most {MAX_FEATURES}. {way}, or take "
            "zero_center."
        )
    whole = features > 0 and x.dtype == np.uint8
    shift, total, largest = (np.zeros(features) for _ in range(3))
    covariance = np.zeros((features, features))
    count = 0
    for stored in stored_chunks(x, rows, _BLOCK_ROWS * features):
        if count == 0:
            shift = np.full(features, float(_MIDDLE)) if whole else stored.mean(axis=0, dtype=np.float64)
        for end in (stored.min(axis=0), stored.max(axis=0)):
            largest = np.maximum(largest, np.abs(end.astype(np.float64)))
        block = stored.astype(np.float32) - np.float32(_MIDDLE) if whole else stored - shift
        total += block.sum(axis=0, dtype=np.float64)
        covariance += block.T @ block
        count += len(block)
    covariance /= count
    covariance -= np.outer(total / count, total / count)
    constant = np.sqrt(np.maximum(np.diagonal(covariance), 0)) <= FLOOR * largest
    covariance[constant, :] = 0
    covariance[:, constant] = 0
    unit = unit_of(x)
    return (shift + total / count) / unit, covariance / unit**2

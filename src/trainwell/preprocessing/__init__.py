"""Preprocessing: what is done to every input before the network, fitted on the training split only.

A member looks at the training rows and gives a fitted object, plain arrays inside, that is saved with the model::

    (x: np.ndarray, rows: np.ndarray, *, ...) -> Fitted

x is all of the data, uint8 images (N, H, W, C) or a table (N, F), possibly a memory map larger than memory; rows are
those of the training split, (n,) int64. State is in units of 0..1 for images (a stored 255 is 1); what is small, per
channel or per feature, is plain JSON, and what is large is arrays.

Facts of a member:
    centres: Whether the training rows have mean 0 behind it, each feature or channel by itself.
    standardises: Whether they have variance 1 too, a whitening at eps = 0; features that do not vary are 0.
    flattens: Whether images become rows, so that a network of convolutions cannot follow.
    by_position: Whether each place of an image is treated in its own way, so that a mirror image behind it is not what
        it would make of the mirror image.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from trainwell.draws import generator
from trainwell.errors import BadData, BadRun
from trainwell.family import Family

preprocessing = Family("preprocessing", __name__, "preprocessing")

MAX_IMAGES = 50_000  # images looked at; a fixed sample of them where there are more
_CHUNK_VALUES = 2**17
FLOOR = 1e-6  # a spread under this share of the largest value counts as constant: float32 holds little more


class Fitted(ABC):
    """A preprocessing with its state. A subclass names its `kind`, under which `from_json` finds it again."""

    kinds: ClassVar[dict[str, type["Fitted"]]] = {}
    kind: ClassVar[str]

    def __init_subclass__(cls, *, kind: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.kind = kind
        Fitted.kinds[kind] = cls

    @abstractmethod
    def apply(self, x: Tensor) -> Tensor:
        """Stored values, (N, H, W, C) in 0..255 or (N, F), -> what the network sees, float, see `output_shape`.

        A floating-point `x` may be overwritten.
        """

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Stored shape of a sample, (H, W, C) or (F,), -> its shape behind `apply`."""
        return shape

    @abstractmethod
    def inverse(self, x: Tensor) -> Tensor:
        """What the network sees -> stored values; `x` is left as it is."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Plain JSON from which `restored`, with the arrays, makes the same object."""

    def arrays(self) -> dict[str, np.ndarray]:
        """What is too large for JSON, by name, float32."""
        return {}

    @classmethod
    @abstractmethod
    def restored(cls, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Fitted":
        """The object that gave this state and these arrays."""

    def json(self) -> dict[str, Any]:
        """The state with its kind."""
        return {"kind": self.kind, **self.state()}


class Affine(Fitted, kind="affine"):
    """Shift and scale each feature or channel: (x / unit - offset) / scale.

    Args:
        offset: (F,) or (C,), or a single number for all.
        scale: The same shape, above 0.
        unit: Stored value that counts as 1: 255 for images, 1 for tables.
        constant: Indices of features that do not vary, whose scale is 1 for want of a spread.
    """

    def __init__(
        self, offset: np.ndarray, scale: np.ndarray, unit: float = 1.0, constant: tuple[int, ...] = ()
    ) -> None:
        self.offset = np.asarray(offset, dtype=np.float64)
        self.scale = np.asarray(scale, dtype=np.float64)
        self.unit = unit
        self.constant = constant
        self._tiled: dict[Any, tuple[Tensor, Tensor]] = {}

    def coefficients(self) -> tuple[np.ndarray, np.ndarray]:
        """(a, b), float64, such that `apply` is a * x + b."""
        return 1 / (self.unit * self.scale), -self.offset / self.scale

    def apply(self, x: Tensor) -> Tensor:
        if not x.is_floating_point():
            x = x.float()
        if not x.is_contiguous():
            x = x.contiguous()
        rows = x.flatten(1) if x.ndim > 1 else x[:, None]  # a view, as x is contiguous
        a, b = self._rows_like(rows)
        torch.addcmul(b, rows, a, out=rows)
        return x

    def inverse(self, x: Tensor) -> Tensor:
        stored = (self.scale * self.unit, self.offset * self.unit)
        scale, offset = (torch.as_tensor(v, device=x.device, dtype=x.dtype) for v in stored)
        return x * scale + offset

    def state(self) -> dict[str, Any]:
        return {
            "offset": self.offset.tolist(),
            "scale": self.scale.tolist(),
            "unit": self.unit,
            "constant": list(self.constant),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Affine":  # noqa: ARG003
        return cls(state["offset"], state["scale"], state["unit"], tuple(state["constant"]))

    def _rows_like(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The coefficients tiled over a flat sample; broadcasting 3 channels at a time costs several times more."""
        key = (rows.shape[1], rows.dtype, rows.device)
        if key not in self._tiled:
            a, b = self.coefficients()
            times = rows.shape[1] // a.size
            self._tiled[key] = tuple(  # type: ignore[assignment]
                torch.as_tensor(np.tile(v.reshape(-1), times), dtype=rows.dtype, device=rows.device) for v in (a, b)
            )
        return self._tiled[key]


def from_json(content: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> Fitted:
    """The object that gave this JSON and these arrays.

    Raises:
        BadRun: Its kind is not known, or something of it is missing.
    """
    kind = content.get("kind")
    if kind not in Fitted.kinds:
        preprocessing.names  # noqa: B018  # walks the family: a member may bring a kind of its own
    if kind not in Fitted.kinds:
        raise BadRun(f"There is no preprocessing of kind {kind!r} here. Known: {', '.join(sorted(Fitted.kinds))}.")
    try:
        return Fitted.kinds[str(kind)].restored(content, arrays or {})
    except KeyError as error:
        raise BadRun(
            f"The stored preprocessing of kind {kind!r} lacks {error}: a file of the run is missing or was changed. "
            "Train anew with --force."
        ) from error


def fit_target(y: np.ndarray) -> Affine:
    """Standardisation of regression targets, (n,) or (n, K), fitted on those of the training split."""
    return spread(y.reshape(len(y), -1), np.arange(len(y)))


def spread(x: np.ndarray, rows: np.ndarray) -> Affine:
    """Mean and standard deviation of each feature or channel."""
    count = 0
    shift, total, squares, largest = (np.zeros(1) for _ in range(4))
    for chunk in chunks(x, rows):
        if count == 0:
            shift = chunk.mean(axis=0)  # near the mean of all, so that nothing cancels below
        largest = np.maximum(largest, np.maximum(chunk.max(axis=0), -chunk.min(axis=0)))
        chunk -= shift
        total = total + chunk.sum(axis=0)
        squares = squares + np.einsum("nd,nd->d", chunk, chunk)
        count += len(chunk)
    # Of each pixel by itself until here; a channel's variance is that within its pixels and that between their means.
    mean = per_feature(shift + total / count, x)
    variance = per_feature(np.maximum(squares / count - (total / count) ** 2, 0), x)
    centre = mean.mean(axis=0)
    deviation = np.sqrt(variance.mean(axis=0) + ((mean - centre) ** 2).mean(axis=0))
    return affine(x, centre, deviation, per_feature(largest, x).max(axis=0))


def affine(x: np.ndarray, offset: np.ndarray, scale: np.ndarray, largest: np.ndarray) -> Affine:
    """Shift and scale with a floor: a feature whose scale is under `FLOOR` times its largest value gets scale 1."""
    constant = scale <= FLOOR * largest
    return Affine(offset, np.where(constant, 1.0, scale), unit_of(x), tuple(np.flatnonzero(constant).tolist()))


def unit_of(x: np.ndarray) -> float:
    """The stored value that counts as 1."""
    return 255.0 if x.ndim == 4 else 1.0


def chunks(x: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    """The training values as float64, (n, F) or, in 0..1, (n, H * W * C); about 1 MB at a time, free to overwrite.

    Raises:
        BadData: `x` is no array of numbers with rows and features.
    """
    for stored in stored_chunks(x, rows, _CHUNK_VALUES):
        yield stored * (1 / 255) if x.ndim == 4 else stored.astype(np.float64)


def is_stored(x: Any) -> bool:
    """Whether samples are an array or, as photos do, pass for one by a shape and rows that can be taken by number."""
    return not isinstance(x, Tensor) and hasattr(x, "ndim")


def stored_chunks(x: np.ndarray, rows: np.ndarray, values: int) -> Iterator[np.ndarray]:
    """The training values as they are stored, (n, F) or (n, H * W * C), about `values` of them at a time.

    Raises:
        BadData: `x` is no array of numbers with rows and features.
    """
    if not is_stored(x) or x.ndim not in (2, 4):
        raise BadData(
            "This preprocessing needs the data as an array, (N, H, W, C) or (N, F); a data set of one's own is read "
            "sample by sample. Set preprocess=none and prepare the samples in the data set."
        )
    if len(rows) == 0:
        raise BadData("There are no training rows to fit the preprocessing on.")
    if x.ndim == 4 and len(rows) > MAX_IMAGES:
        rows = np.sort(generator("preprocessing").choice(rows, MAX_IMAGES, replace=False))
    features = int(np.prod(x.shape[1:]))
    step = max(1, values // features)
    for start in range(0, len(rows), step):
        yield x[rows[start : start + step]].reshape(-1, features)


def per_feature(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Values of a flat sample as (pixels, C), or (1, F) for a table."""
    return values.reshape(-1, x.shape[-1])

"""What comes as X -> the values a network is trained on: arrays of numbers, frames with words, images."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from trainwell.data.columns import encode, fit_columns, is_frame, polars_frame
from trainwell.errors import BadData

Kind = Literal["numbers", "columns", "images"]
_MOST_CHANNELS = 4


@dataclass(frozen=True)
class Inputs:
    """How X is read; learnt once, and the same at every prediction.

    Args:
        kind: `numbers`, an array (N, F) or a frame of numbers; `columns`, a frame that holds words, dates or gaps;
            `images`, (N, H, W) or (N, H, W, C).
        columns: How each column becomes features, see `fit_columns`; of `columns` only.
        shape: Shape of an image as it is stored, (H, W, C); of `images` only.
        unit: Whether images come in 0..1 instead of as uint8.
    """

    kind: Kind
    columns: list[dict[str, Any]] = field(default_factory=list)
    shape: tuple[int, ...] = ()
    unit: bool = False

    def read(self, estimator: BaseEstimator, X: Any) -> np.ndarray:
        """The values of new rows: float (N, F), or uint8 (N, H, W, C).

        Raises:
            ValueError: They are not what the estimator was fitted on, are not finite, or there are none.
        """
        if self.kind == "numbers":
            return _numbers(estimator, X, reset=False)
        if self.kind == "columns":
            return self.encode(frame_of(estimator, X, reset=False))
        x = np.asarray(X)
        if x.ndim not in (3, 4):
            raise BadData(f"X has shape {x.shape}, and {type(estimator).__name__} was fitted on images.")
        return self.pixels(x)

    def encode(self, frame: pl.DataFrame) -> np.ndarray:
        """Features of the rows of a frame, float32 (N, F)."""
        return encode(frame, self.columns)

    def pixels(self, x: np.ndarray) -> np.ndarray:
        """Images as uint8, (N, H, W, C)."""
        x = x[..., None] if x.ndim == 3 else x
        if x.shape[1:] != self.shape:
            raise BadData(f"X holds images of shape {x.shape[1:]}, expected {self.shape}.")
        if len(x) == 0:
            raise BadData("X holds 0 images, expected at least one.")
        if _in_unit(x) != self.unit:
            ways = ("uint8", "floats in 0..1")
            raise BadData(f"X holds images as {ways[not self.unit]}; the fit had {ways[self.unit]}. Give the same.")
        return np.rint(x * 255).astype(np.uint8) if self.unit else np.ascontiguousarray(x)

    def json(self) -> dict[str, Any]:
        """Plain JSON from which `Inputs(**content)` makes the same, its shape a list."""
        return {"kind": self.kind, "columns": self.columns, "shape": list(self.shape), "unit": self.unit}


def learn(estimator: BaseEstimator, X: Any, rows: np.ndarray | None) -> tuple[Inputs, np.ndarray]:
    """Learn how to read X, and read it; sets `n_features_in_` and `feature_names_in_` of the estimator.

    Args:
        estimator: Whose X it is.
        X: All rows.
        rows: The rows to keep, (n,); None for all.

    Returns:
        How it is read, and the values of the rows kept.

    Raises:
        ValueError: X cannot be read, holds what is not finite, or has fewer than 2 rows.
    """
    ndim = getattr(X, "ndim", 2)
    if ndim in (3, 4):
        x = np.asarray(X)
        validate_data(estimator, x, skip_check_array=True)
        inputs = Inputs("images", shape=_image_shape(x), unit=_in_unit(x))
        return inputs, inputs.pixels(x if rows is None else x[rows])
    if _has_more_than_numbers(X):
        frame = frame_of(estimator, X, reset=True)
        frame = frame if rows is None else frame[rows]
        inputs = Inputs("columns", columns=fit_columns(frame, keep=True)[0])
        return inputs, inputs.encode(frame)
    x = _numbers(estimator, X, reset=True)
    return Inputs("numbers"), x if rows is None else x[rows]


def frame_of(estimator: BaseEstimator, X: Any, *, reset: bool) -> pl.DataFrame:
    """A frame of pandas or polars as one of polars, its columns checked by the estimator."""
    if not is_frame(X):
        raise BadData(
            f"X came as {type(X).__name__}, and {type(estimator).__name__} was fitted on a frame with columns of "
            "words, dates or gaps. Expected a frame with the same columns."
        )
    names = [str(name) for name in X.columns]
    if len(set(names)) < len(names):
        raise BadData(f"Columns of X share a name: {', '.join(names)}. Expected a name for each.")
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return polars_frame(X)


def _numbers(estimator: BaseEstimator, X: Any, *, reset: bool) -> np.ndarray:
    least = 2 if reset else 1
    kinds = [np.float64, np.float32]  # order: torch takes no array that is read backwards
    return validate_data(estimator, X, reset=reset, dtype=kinds, order="C", ensure_min_samples=least)


def _has_more_than_numbers(X: Any) -> bool:
    """Whether X is a frame with a column that is not of numbers, or has gaps."""
    if not is_frame(X):
        return False
    if isinstance(X, pl.DataFrame):
        plain = all(kind.is_numeric() or kind == pl.Boolean for kind in X.dtypes)
        return not plain or any(s.null_count() or (s.dtype.is_float() and s.is_nan().any()) for s in X)
    return any(getattr(kind, "kind", "O") not in "biuf" for kind in X.dtypes) or bool(X.isna().any(axis=None))


def _image_shape(x: np.ndarray) -> tuple[int, ...]:
    channels = x.shape[3] if x.ndim == 4 else 1
    if not 1 <= channels <= _MOST_CHANNELS:
        raise BadData(f"X has shape {x.shape}. Expected images (N, H, W) or (N, H, W, C) of 1 to 4 channels.")
    if len(x) < 2:
        raise BadData(f"X holds {len(x)} sample(s), expected at least 2 images.")
    return (*x.shape[1:3], channels)


def _in_unit(x: np.ndarray) -> bool:
    """Whether images are floats in 0..1 (else they are uint8)."""
    if x.dtype == np.uint8:
        return False
    if x.dtype.kind == "f" and x.size and float(x.min()) >= 0.0 and float(x.max()) <= 1.0:
        return True
    raise BadData(f"X holds images of type {x.dtype}. Expected uint8, or floats in 0..1 without NaN.")

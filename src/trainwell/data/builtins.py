"""Data sets by name that need no download: scikit-learn's real ones, and three made by a seeded generator."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn import datasets

from trainwell.data.arrays import open_arrays
from trainwell.data.dataset import Data
from trainwell.draws import generator

Arrays = tuple[dict[str, np.ndarray], tuple[str, ...] | None, tuple[str, ...] | None]
ROWS_PER_CLASS = 500


def builtin_names() -> list[str]:
    """Names of the built-in data sets, sorted."""
    return sorted(_MAKERS)


def open_builtin(name: str, **options: Any) -> Data:
    """The built-in of that name, read as arrays are; the data are the same in every run, whatever the seed."""
    arrays, class_names, columns = _MAKERS[name]()
    return open_arrays(arrays, source=name, class_names=class_names, columns=columns, **options)


def _digits() -> Arrays:
    bunch = datasets.load_digits()
    # 0..16 counts of ink per 4 x 4 block -> 0..255.
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    return {"x": images, "y": bunch.target}, tuple(str(digit) for digit in range(10)), None


def _classes(load: Callable[[], Any]) -> Arrays:
    bunch = load()
    arrays = {"x": bunch.data, "y": bunch.target}
    return arrays, tuple(map(str, bunch.target_names)), tuple(map(str, bunch.feature_names))


def _diabetes() -> Arrays:
    bunch = datasets.load_diabetes(scaled=False)
    return {"x": bunch.data, "y": bunch.target}, None, tuple(map(str, bunch.feature_names))


def _spirals() -> Arrays:
    """Three arms of one turn and a half each, with noise of 0.03 around a radius of up to 1."""
    rng = generator("spirals")
    y = np.repeat(np.arange(3), ROWS_PER_CLASS)
    radius = np.tile(np.linspace(0.05, 1, ROWS_PER_CLASS), 3)
    angle = 3 * np.pi * radius + 2 * np.pi / 3 * y
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1) + 0.03 * rng.standard_normal((len(y), 2))
    return _plane(x, y)


def _blobs() -> Arrays:
    """Three round normal clouds of deviation 1 whose centres lie 5.2 apart."""
    rng = generator("blobs")
    y = np.repeat(np.arange(3), ROWS_PER_CLASS)
    angle = 2 * np.pi / 3 * y
    return _plane(3 * np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.standard_normal((len(y), 2)), y)


def _circles() -> Arrays:
    """A circle of radius 0.5 inside one of radius 1, with noise of 0.1."""
    rng = generator("circles")
    y = np.repeat(np.arange(2), ROWS_PER_CLASS)
    radius = np.where(y == 0, 1.0, 0.5)
    angle = rng.uniform(0, 2 * np.pi, len(y))
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1) + 0.1 * rng.standard_normal((len(y), 2))
    return _plane(x, y)


def _plane(x: np.ndarray, y: np.ndarray) -> Arrays:
    return {"x": x, "y": y}, tuple(str(k) for k in range(int(y.max()) + 1)), ("across", "up")


_MAKERS: Mapping[str, Callable[[], Arrays]] = {
    "digits": _digits,
    "iris": functools.partial(_classes, datasets.load_iris),
    "wine": functools.partial(_classes, datasets.load_wine),
    "breast-cancer": functools.partial(_classes, datasets.load_breast_cancer),
    "diabetes": _diabetes,
    "spirals": _spirals,
    "blobs": _blobs,
    "circles": _circles,
}

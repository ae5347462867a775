"""What all tests share: a cache of their own, one thread, and a small data set that can be learnt."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if WORKER and hasattr(os, "sched_setaffinity"):
    # A core for each process of tests, and for what it starts: threads of two that share cores wait for each other.
    CORES = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {CORES[int(WORKER.removeprefix("gw")) % len(CORES)]})


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded data and calibrations of the tests never meet those of the user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAINWELL_CACHE", str(tmp_path_factory.mktemp("trainwell-cache")))
        yield


@pytest.fixture(scope="session")
def bright_quarters() -> Callable[..., dict[str, np.ndarray]]:
    """Noise images of which one quarter is brighter: four classes, easy to learn."""

    def make(count: int = 320, side: int = 8, channels: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
        draws = np.random.default_rng(seed)
        x = draws.integers(0, 120, (count, side, side, channels))
        y = np.arange(count) % 4
        half = side // 2
        for row, label in enumerate(y):
            top, left = half * (label // 2), half * (label % 2)
            x[row, top : top + half, left : left + half] += 100
        return {"x": x.astype(np.uint8), "y": y}

    return make


@pytest.fixture(scope="session")
def quarters(tmp_path_factory: pytest.TempPathFactory, bright_quarters: Callable[..., dict[str, np.ndarray]]) -> Path:
    """`bright_quarters` as an .npz file."""
    path = tmp_path_factory.mktemp("data") / "quarters.npz"
    np.savez(path, **bright_quarters())
    return path

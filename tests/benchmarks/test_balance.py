"""The benchmark of classes of unequal size: the long tail, the images, a round, and the table."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tables
from balance import WAYS, images, long_tail, measured


def test_a_long_tail_falls_by_equal_factors_in_a_drawn_order() -> None:
    counts = long_tail(1000, 50.0, np.random.default_rng(0))
    assert counts != sorted(counts)
    ordered = sorted(counts, reverse=True)
    assert (ordered[0], ordered[-1]) == (1000, 20)
    assert all(a / b == pytest.approx(50 ** (1 / 9), rel=0.03) for a, b in pairwise(ordered))


def test_a_round_is_measured_and_shown(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    for digit in range(10):
        (tmp_path / str(digit)).mkdir()
        for number in range(20):
            pixels = draws.integers(0, 60, (28, 28), dtype=np.uint8)
            pixels[:, digit * 2 : digit * 2 + 3] += 120
            Image.fromarray(pixels).save(tmp_path / str(digit) / f"{number}.png")
    counts = [20, 18, 16, 14, 12, 10, 8, 7, 6, 5]
    train = images(tmp_path, counts, draws)
    assert train[0].shape == (116, 28, 28, 1) and np.bincount(train[1]).tolist() == counts
    edits = ["model=mlp", "augment=none", "epochs=3", "keep=last", "views=one", "threads=1"]
    found = measured("prior", train, images(tmp_path, [4] * 10, draws), counts, edits)
    assert 0 <= found["macro_f1"] <= 1 and 0 <= found["rare_recall"] <= 1
    result = {
        "machine": {"processor": "P", "cores": 1, "versions": {}, "commit": "0123456789abcdef"},
        "settings": {"ratio": 4.0, "rare": 3},
        "rounds": [{"seed": seed, "results": dict.fromkeys(WAYS, found)} for seed in (0, 1)],
    }
    page = tables.balance(result)
    assert "| prior |" in page and "+0.0000 ± 0.0000 |" in page
    with pytest.raises(SystemExit, match="holds 20 PNG files, expected 21"):
        images(tmp_path, [21], draws)

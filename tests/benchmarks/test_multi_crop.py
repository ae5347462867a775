"""The benchmark of views at test time: its grid, a run measured, and the table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tables
from multi_crop import measured, ways
from trainwell import Options, fit


def test_the_grid_has_the_book() -> None:
    grid = ways(224)
    assert grid["the book: 10 crops, 5 scales"].scales == (224, 256, 384, 480, 640)
    assert grid["10 crops at 256"].scales == (256,)
    assert max(views.count for views in grid.values()) == 50
    assert ways(32)["5 crops at 256"].scales == (37,)


def test_a_run_is_measured_and_shown(bright_quarters: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    data = bright_quarters(120)
    edits = ["epochs=1", "model=mlp", "model.widths=8", "augment=none", "views=one", "precision=fp32"]
    run = fit(data, edits, out=tmp_path / "run", options=Options(checks=False))
    fresh = bright_quarters(40, seed=1)
    np.savez(tmp_path / "test.npz", **fresh)
    found = measured(run, str(tmp_path / "test.npz"))
    assert (found["samples"], found["side"], found["model"]) == (40, 8, "mlp")
    assert list(found["ways"]) == list(ways(8))
    machine = {"processor": "P", "cores": 1, "versions": {}, "commit": "0123456789abcdef"}
    page = tables.multi_crop({"machine": machine, "runs": {"quarters": found}})
    assert "**quarters**: 40 samples (test), mlp, input of 8 x 8." in page
    assert f"| one view | {found['one view']['accuracy']:.4f} |" in page
    assert all(f"| {way} |" in page for way in ways(8))
    np.savez(tmp_path / "seen.npz", **data)
    with pytest.raises(SystemExit, match="was trained on"):
        measured(run, str(tmp_path / "seen.npz"))

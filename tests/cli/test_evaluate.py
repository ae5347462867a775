"""`trainwell evaluate`: views, files, another run beside, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import Done, Finished


@pytest.fixture
def fresh(tmp_path: Path, bright_quarters: Callable[..., dict[str, Any]]) -> Path:
    """Samples that `quarters_run` has not seen."""
    path = tmp_path / "fresh.npz"
    np.savez(path, **bright_quarters(60, seed=1))
    return path


def test_all_that_is_printed_is_in_the_json(
    quarters_run: Finished, inside: Callable[..., Done], fresh: Path, tmp_path: Path
) -> None:
    asked = [
        "evaluate",
        quarters_run.path,
        fresh,
        "crops=10",
        "scales=9,12",
        "--temperature",
        "--out",
        tmp_path / "out",
    ]
    asked += ["--against", quarters_run.path]
    text = inside(*asked)
    assert text.code == 0, text.text
    found = json.loads(inside(*asked, "--json").out)
    lines = text.out.splitlines()
    assert lines[0] == f"accuracy {found['metrics']['accuracy']:.4f}"
    assert f"temperature {found['temperature']['value']:.4f}, fitted on {found['temperature']['fitted_on']}" in text.out
    assert "20 views: 5 crops and their mirror images at scales 9, 12" in lines
    assert found["views"]["count"] == 20
    for beside in found["views"]["beside"]:
        assert f"  {beside['test']['text']}" in lines
    assert found["against"]["text"] in lines
    assert all(f"  {path}" in lines and Path(path).exists() for path in found["written"])
    for mistake in found["mistakes"][:5]:
        assert any(mistake["file"] in line and f"({mistake['probability']:.4f})" in line for line in lines)
    assert "stored as 8 x 8" in text.err


def test_what_is_refused(quarters_run: Finished, inside: Callable[..., Done], fresh: Path) -> None:
    run = quarters_run.path
    inside("evaluate", run, fresh, "crops=3").refused("crops=3", "expected 1 (middle)")
    inside("evaluate", run, fresh, "crop=5").refused("Did you mean 'crops'")
    inside("evaluate", run, fresh, "scales=4").refused("scales=4", "8 x 8", "Give scales from 8 on")
    inside("evaluate", run, fresh, "crops=5", "scales=8").refused("all crops are the same")
    inside("evaluate", run, fresh, "--out", run).refused("leaves as it is")
    inside("evaluate", run, fresh, "--against", "nothing").refused("There is no run folder 'nothing'")

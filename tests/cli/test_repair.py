"""`trainwell fit --repair`."""

import json
from collections.abc import Callable
from pathlib import Path

from .conftest import Done

RUN = ("fit", "iris", "epochs=10", "model.skip=false", "--no-checks", "--threads", "1", "--out", "run")


def test_a_recipe_at_fault_is_mended_and_the_change_is_said(inside: Callable[..., Done], tmp_path: Path) -> None:
    done = inside(*RUN, "optimizer.lr=30", "--repair")
    assert done.code == 0, done.text
    stored = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert stored["recipe"]["optimizer"]["lr"] < 10
    for edit in stored["mended"]:
        assert f"repair: {edit}  (was " in done.text
    assert "90 % interval" in done.text


def test_a_run_that_goes_on_is_not_repaired(inside: Callable[..., Done]) -> None:
    inside(*RUN, "--resume", "--repair").refused("--repair")

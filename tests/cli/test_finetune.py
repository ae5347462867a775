"""`trainwell finetune`: killed in the middle, it goes on as if nothing had happened."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from trainwell.record import read_record

from .conftest import EASY, Done, Program

CALL = ("transfer=gradual", "freeze=whiten,blocks.0", "layer_decay=0.8", "feature_copies=1", "epochs=8")
SHARED = ("batch_size=32", "precision=fp32", "layout=contiguous", "--threads", "1", "--no-checks")


@pytest.fixture
def halves(tmp_path: Path, bright_quarters: Callable[..., Any]) -> Path:
    made = bright_quarters(count=160, seed=5)
    np.savez(tmp_path / "halves.npz", x=made["x"], y=made["y"] // 2)
    return tmp_path / "halves.npz"


def epochs(run: Path) -> int:
    """How many epoch lines the record holds; nothing is parsed, so that looking costs little."""
    try:
        return (run / "record.jsonl").read_bytes().count(b'{"kind": "epoch"')
    except FileNotFoundError:
        return 0


def test_killed_it_goes_on(
    program: Program, inside: Callable[..., Done], quarters: Path, halves: Path, tmp_path: Path
) -> None:
    assert inside("fit", quarters, *EASY, "epochs=3", "--no-checks", "--out", "source").code == 0
    call = ("finetune", halves, "--from", "source", *CALL, *SHARED)
    whole = inside(*call, "--out", "whole")
    assert whole.code == 0, whole.text
    process = program.start(*call, "--out", "run")
    while epochs(tmp_path / "run") < 3:
        assert process.poll() is None, f"ended before it was killed: {process.communicate()}"
        time.sleep(1e-4)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    done = inside(*call, "--out", "run", "--resume")
    assert done.code == 0 and "going on at step" in done.out, done.text
    for name in ("best/model.safetensors", "checkpoint.safetensors"):
        mine, other = load_file(tmp_path / "run" / name), load_file(tmp_path / "whole" / name)
        assert mine.keys() == other.keys()
        assert all(mine[key].numpy().tobytes() == other[key].numpy().tobytes() for key in mine), name
    for kind in ("trial", "epoch"):
        mine, other = ([line | {"seconds": 0} for line in read_record(tmp_path / at, kind)] for at in ("run", "whole"))
        assert mine == other


def test_what_is_missing_is_said(inside: Callable[..., Done], halves: Path) -> None:
    assert inside("finetune", halves).code == 2
    inside("finetune", halves, "--from", "nowhere/run").refused("There is no", "nowhere/run")
    inside("finetune", halves, "--from", "nowhere/run", "--resume").refused("--resume needs the run to go on with")

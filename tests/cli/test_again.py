"""A folder that holds a run: what a second call does with it."""

import fcntl
import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from trainwell.record import read_record

from .conftest import EASY, Done, Finished, Program

CALL = (*EASY, "epochs=6", "--no-checks", "--out", "run")


@pytest.fixture
def copied(quarters_run: Finished, tmp_path: Path) -> Path:
    """A copy of a finished run, in the folder of the program."""
    return Path(shutil.copytree(quarters_run.path, tmp_path / "run"))


def content(run: Path) -> dict[str, bytes]:
    return {str(p.relative_to(run)): p.read_bytes() for p in run.rglob("*") if p.is_file()}


def test_a_run_is_not_overwritten(copied: Path, inside: Callable[..., Done], quarters: Path) -> None:
    before = content(copied)
    inside("fit", quarters, *CALL).refused("run holds a run", "--resume", "--force", "--out")
    inside("fit", quarters, *CALL, "--force", "batch_size=32").refused("batch_size is given 2 times")
    inside("fit", quarters, *CALL, "--force", "loss=mse").refused("loss=mse is for regression")
    inside("check", quarters, "--out", "run").refused("run holds a run")
    assert content(copied) == before


def test_resuming_a_finished_run_does_nothing(copied: Path, inside: Callable[..., Done], quarters: Path) -> None:
    before = content(copied)
    done = inside("fit", quarters, *CALL, "--resume")
    assert (done.code, done.err) == (0, "")
    assert "run is finished: nothing to do. For more, give a larger epochs=" in done.out
    assert content(copied) == before


def test_resuming_with_something_else_is_refused(
    copied: Path, inside: Callable[..., Done], tmp_path: Path, quarters: Path
) -> None:
    before = content(copied)
    inside("fit", quarters, *CALL, "--resume", "optimizer.lr=0.01").refused(
        "was started with another recipe: optimizer:", '"lr": 0.01', "--force"
    )
    inside("fit", quarters, *CALL, "--resume", "--seed", 3).refused("seed: 0 -> 3")
    fewer = [part if part != "epochs=6" else "epochs=2" for part in CALL]
    inside("fit", quarters, *fewer, "--resume").refused("epochs=2 asks for less than the 6 epochs")
    other = dict(np.load(quarters))
    other["x"] = other["x"] ^ 1
    np.savez(tmp_path / "other.npz", **other)
    inside("fit", "other.npz", *CALL, "--resume").refused("The data has changed", "fingerprint")
    assert content(copied) == before


def test_more_epochs_are_a_segment_at_the_last_rate(copied: Path, inside: Callable[..., Done], quarters: Path) -> None:
    longer = [part if part != "epochs=6" else "epochs=8" for part in CALL]
    done = inside("fit", quarters, *longer, "--resume")
    assert done.code == 0, done.text
    assert "6 -> 8 epochs" in done.out
    assert "not the same as one long run" in done.out
    lines = read_record(copied, "epoch")
    assert [round(line["epoch"]) for line in lines] == list(range(1, 9))
    assert lines[6]["lr"] == lines[7]["lr"] == lines[5]["lr"]
    stored = json.loads((copied / "recipe.json").read_text())
    assert stored["segments"] == [6, 8]
    assert stored["recipe"]["epochs"] == 8
    assert "nothing to do" in inside("fit", quarters, *longer, "--resume").out


def test_force_starts_anew(copied: Path, inside: Callable[..., Done], quarters: Path) -> None:
    (copied / "notes.txt").write_text("mine")
    done = inside("fit", quarters, *CALL, "--force", "--seed", 1)
    assert done.code == 0, done.text
    assert json.loads((copied / "recipe.json").read_text())["recipe"]["seed"] == 1
    assert len(read_record(copied, "epoch")) == 6
    assert (copied / "notes.txt").read_text() == "mine"  # what is not of a run stays


def test_the_second_of_two_processes_is_refused(program: Program, inside: Callable[..., Done], quarters: Path) -> None:
    first = program.start("fit", quarters, *EASY, "epochs=1000", "--no-checks", "--out", "run")
    try:
        record = program.cwd / "run" / "record.jsonl"
        while not (record.exists() and b'"epoch"' in record.read_bytes()):
            assert first.poll() is None, first.communicate()
            time.sleep(0.01)
        inside("fit", quarters, *EASY, "epochs=1000", "--no-checks", "--out", "run", "--resume").refused(
            "run is in use by another process"
        )
        with (program.cwd / "run" / ".lock").open() as handle, pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        first.send_signal(signal.SIGTERM)
        out, err = first.communicate(timeout=60)
    assert first.returncode == 143, out + err


def test_same_seed_same_bits(
    quarters_run: Finished, program: Program, inside: Callable[..., Done], quarters: Path
) -> None:
    call = (*EASY, "epochs=6", "--no-checks")
    program("fit", quarters, *call, "--out", "same")
    inside("fit", quarters, *call, "--out", "other", "--seed", 1, "--threads", 2)
    reference = load_file(quarters_run.path / "best" / "model.safetensors")
    same, other = (load_file(program.cwd / name / "best" / "model.safetensors") for name in ("same", "other"))
    assert all(same[name].equal(tensor) for name, tensor in reference.items())
    assert not all(other[name].equal(tensor) for name, tensor in reference.items())
    recipe = json.loads((program.cwd / "other" / "recipe.json").read_text())["recipe"]
    assert (recipe["threads"], recipe["seed"]) == (2, 1)

"""A disk that fills up in the middle of a run: exit 3, one message, nothing good is lost."""

import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file

from trainwell.record import read_record

from .conftest import Done, Program

WIDE = ("model=mlp", "model.widths=512,512", "optimizer=adamw", "average=ema", "batch_size=32", "--no-checks")


def assert_one_message(done: Done) -> None:
    done.refused("Writing", "safetensors failed", "What was saved before is untouched", "--resume", code=3)


def assert_goes_on(program: Program, run: Path, *call: object) -> None:
    """The last good checkpoint loads, and the run ends as it would have."""
    assert not list(run.rglob("*.tmp"))
    step = read_record(run, "epoch")[-1]["step"]
    assert load_file(run / "checkpoint.safetensors")["loop.running_loss"].shape == ()
    done = program("fit", *call, "--resume")
    assert done.code == 0, done.text
    assert "going on at step" in done.out
    lines = read_record(run, "epoch")
    assert [round(line["epoch"]) for line in lines] == list(range(1, 41))
    assert lines[-1]["step"] > step


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A tmpfs with room for two checkpoints and a bit; None where mounting is not permitted."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode != 0:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path, leave: int) -> Path:
    filler = place / "filler"
    with filler.open("wb") as file:
        free = shutil.disk_usage(place).free
        file.write(b"\0" * max(0, free - leave))
    return filler


def test_a_disk_that_fills_up(small_disk: Path | None, program: Program, quarters: Path) -> None:
    if small_disk is None:
        a_file_that_cannot_grow(program, quarters)
        return
    run = small_disk / "run"
    call = (quarters, *WIDE, "epochs=40", "--out", run)
    process = program.start("fit", *call)
    while not (run / "checkpoint.safetensors").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(1e-3)
    filler = fill(small_disk, leave=2**20)
    out, err = process.communicate(timeout=120)
    assert_one_message(Done(process.returncode, out, err))
    filler.unlink()
    assert_goes_on(program, run, *call)


def limited(largest: int) -> Callable[[], None]:
    """To be run in a new process: no file may grow beyond so many bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))


def a_file_that_cannot_grow(program: Program, quarters: Path) -> None:
    """The same by a limit on the size of files, which the checkpoint reaches and the best weights do not."""
    call = (quarters, *WIDE, "epochs=40", "--out", "run")
    assert_one_message(program("fit", *call, preexec_fn=limited(3 * 2**20)))
    assert not (program.cwd / "run" / "checkpoint.safetensors").exists()
    assert load_file(program.cwd / "run" / "best" / "model.safetensors")
    done = program("fit", *call, "--resume")
    assert done.code == 0, done.text
    assert len(read_record(program.cwd / "run", "epoch")) == 40


def test_a_file_that_cannot_grow(program: Program, quarters: Path) -> None:
    a_file_that_cannot_grow(program, quarters)


def test_no_room_from_the_start(program: Program, quarters: Path) -> None:
    done = program("fit", quarters, *WIDE, "epochs=1", "--out", "run", preexec_fn=limited(100))
    done.refused("Writing", "data.json failed", "--out", code=3)

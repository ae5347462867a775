"""Whatever stops a run, it goes on as if nothing had happened: the weights are equal bit for bit."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from trainwell.record import read_record

from .conftest import Done, Program

# Everything that holds a state or draws a number: batch norm, dropout, augmentation, moments, an average.
TABLE_WIDE = ("model=mlp", "model.widths=512,256", "model.norm=batch", "model.dropout=dropout", "optimizer=adamw")
CONVNET = ("model=convnet", "model.width=24", "model.dropout=dropout", "optimizer=sgd", "optimizer.momentum=0.9")
SHARED = ("batch_size=32", "epochs=12", "augment=crop,mixup,cutout", "measure=gradient_norm", "measure_every=5")
EMA = (*TABLE_WIDE, *SHARED, "average=ema", "--threads", "1")
LOOKAHEAD = (*CONVNET, *SHARED, "average=lookahead", "--threads", "1")


def stop_when(program: Program, seen: Callable[[], bool], number: signal.Signals, *args: object) -> Done:
    """Start the program and send it a signal the moment something is seen; looks several thousand times a second."""
    process = program.start("fit", *args)
    while not seen():
        assert process.poll() is None, f"ended before it was stopped: {process.communicate()}"
        time.sleep(1e-4)  # leaves the core to the program
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    return Done(process.returncode, out, err)


def lines(run: Path, kind: str) -> int:
    """How many lines of a kind the record holds; nothing is parsed, so that looking costs little."""
    try:
        return (run / "record.jsonl").read_bytes().count(b'{"kind": "%s"' % kind.encode())
    except FileNotFoundError:
        return 0


def assert_equal_runs(run: Path, reference: Path) -> None:
    for name in ("best/model.safetensors", "checkpoint.safetensors"):
        mine, other = load_file(run / name), load_file(reference / name)
        assert mine.keys() == other.keys()
        for key in mine:
            assert mine[key].numpy().tobytes() == other[key].numpy().tobytes(), (name, key)
    for kind in ("epoch", "measure", "rate", "check"):
        mine, other = ([{**line, "seconds": 0} for line in read_record(path, kind)] for path in (run, reference))
        assert mine == other, kind


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory, in_folder: Callable[[Path], Program], quarters: Path
) -> Callable[[tuple[str, ...]], Path]:
    made: dict[tuple[str, ...], Path] = {}

    def reference(recipe: tuple[str, ...]) -> Path:
        if recipe not in made:
            program = in_folder(tmp_path_factory.mktemp("reference"))
            done = program("fit", quarters, *recipe, "--out", "run")
            assert done.code == 0, done.text
            made[recipe] = program.cwd / "run"
        return made[recipe]

    return reference


def killed_five_times(program: Program, quarters: Path, recipe: tuple[str, ...], reference: Path) -> None:
    run = program.cwd / "run"
    temporary, best = run / "checkpoint.safetensors.tmp", run / "best" / "model.safetensors.tmp"
    call = (quarters, *recipe, "--out", run)

    def kill(seen: Callable[[], bool], *more: str) -> None:
        done = stop_when(program, seen, signal.SIGKILL, *call, *more)
        assert done.code == -signal.SIGKILL, done.text

    kill(lambda: lines(run, "check") > 0)  # before the first step: nothing is saved yet
    assert not (run / "checkpoint.safetensors").exists()
    kill(lambda: lines(run, "epoch") >= 2, "--resume")  # at the end of an epoch
    before = lines(run, "measure")
    kill(lambda: lines(run, "measure") > before + 2, "--resume")  # within an epoch
    for _ in range(20):  # inside a save: what was being written is still there
        temporary.unlink(missing_ok=True)
        kill(temporary.exists, "--resume")
        if temporary.exists():
            break
    assert temporary.exists()
    kill(best.exists, "--resume")  # while the best weights are written
    done = program("fit", *call, "--resume")
    assert done.code == 0, done.text
    assert "going on at step" in done.out
    assert_equal_runs(run, reference)
    assert not temporary.exists()


def test_killed_at_five_moments(
    program: Program, quarters: Path, uninterrupted: Callable[[tuple[str, ...]], Path]
) -> None:
    killed_five_times(program, quarters, EMA, uninterrupted(EMA))


@pytest.mark.slow
def test_a_convnet_killed_at_five_moments(
    program: Program, quarters: Path, uninterrupted: Callable[[tuple[str, ...]], Path]
) -> None:
    killed_five_times(program, quarters, LOOKAHEAD, uninterrupted(LOOKAHEAD))


def test_ctrl_c_and_terminate(
    program: Program, quarters: Path, uninterrupted: Callable[[tuple[str, ...]], Path]
) -> None:
    reference, run = uninterrupted(EMA), program.cwd / "run"
    call = (quarters, *EMA, "--out", run)
    done = stop_when(program, lambda: lines(run, "measure") > 2, signal.SIGINT, *call)
    assert done.code == 130
    assert "Traceback" not in done.text
    assert "saved" in done.err
    assert f"--out {run} --resume" in done.err
    before = lines(run, "measure")
    done = stop_when(program, lambda: lines(run, "measure") > before + 2, signal.SIGTERM, *call, "--resume")
    assert done.code == 143
    assert "saved" in done.err
    done = program("fit", *call, "--resume")
    assert done.code == 0, done.text
    assert_equal_runs(run, reference)

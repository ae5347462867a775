"""What the program prints never depends on what files are called, nor on a terminal being there."""

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from trainwell.cli.screen import Terminal

from .conftest import EASY, PROGRAM, Done, Program

FOLDER = "a [red] b ["
NAME = f"{FOLDER}/x] :smile: " + "long" * 30


def test_names_that_look_like_markup(inside: Callable[..., Done], tmp_path: Path, quarters: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / f"{NAME}.npz").write_bytes(quarters.read_bytes())
    done = inside("fit", f"{NAME}.npz", *EASY, "epochs=1", "--no-checks", "--out", NAME)
    assert done.code in (0, 1), done.text
    assert f"run folder: {NAME}" in done.out.splitlines()


def test_on_a_terminal_too(program: Program, quarters: Path) -> None:
    (program.cwd / FOLDER).mkdir()
    (program.cwd / f"{NAME}.npz").write_bytes(quarters.read_bytes())
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(PROGRAM), "fit", f"{NAME}.npz", *EASY, "epochs=40", "--no-checks", "--out", NAME],
        cwd=program.cwd,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TERM": "xterm", "COLUMNS": "80"},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
    assert process.wait() in (0, 1), process.stderr
    text = shown.decode()
    assert "training" in text and "samples/s" in text
    assert f"run folder: {NAME}" in text.replace("\r\n", "\n").split("\n")


def test_plain_lines_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Terminal()
    line = {"train_accuracy": 0.5, "valid_accuracy": 0.25, "train_loss": 1.0, "valid_loss": 2.0, "seconds": 3.0}
    for epoch in range(100):
        screen.scored({"epoch": epoch + 1.0} | line)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "epoch 1      train loss 1.0000  valid loss 2.0000   accuracy train 0.5000  valid 0.2500  3.0 s"
    assert len(lines) == 20


def test_the_loss_is_read_seldom(capsys: pytest.CaptureFixture[str]) -> None:
    """Reading it may wait for the device, so a step must not."""
    reads: list[int] = []
    loss: Callable[[], float] = lambda: float(reads.append(1) or 0)  # noqa: E731
    screen = Terminal()
    for step in range(1000):
        screen.step(step, 1000, step * 32, loss)
    assert len(reads) <= 1
    assert capsys.readouterr().out == ""

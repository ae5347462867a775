"""The real program, in processes of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trainwell.cli.main import run

PROGRAM = Path(sys.executable).with_name("trainwell")
EASY = ("model.width=8", "batch_size=32", "precision=fp32", "layout=contiguous")


@dataclass(frozen=True)
class Done:
    """What a call of the program left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    def refused(self, *words: str, code: int = 2) -> None:
        """Assert one clear message on standard error, with these words in it, and no traceback."""
        assert self.code == code, self.text
        assert "Traceback" not in self.text
        assert self.err.count("trainwell:") == 1, self.text
        for word in words:
            assert word in self.err, self.text


@dataclass(frozen=True)
class Program:
    """`trainwell`, run in a folder, on one thread."""

    cwd: Path

    def __call__(self, *args: Any, **options: Any) -> Done:
        process = self.start(*args, **options)
        out, err = process.communicate(timeout=240)
        return Done(process.returncode, out, err)

    def start(self, *args: Any, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(PROGRAM), *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=options.pop("cwd", self.cwd),
            env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
            **options,
        )


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program, in a folder of the test."""
    return Program(tmp_path)


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The same program within this process, which saves its imports: for what needs no process of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*args: Any) -> Done:
        capfd.readouterr()
        code = run([str(arg) for arg in args])
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return call


@pytest.fixture(scope="session")
def in_folder() -> Callable[[Path], Program]:
    """The program, in a folder of choice."""
    return Program


@dataclass(frozen=True)
class Finished:
    """A finished run that several tests look at; it is not to be changed."""

    path: Path
    done: Done
    program: Program


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """`fit digits`, with fewer epochs."""
    program = Program(tmp_path_factory.mktemp("digits"))
    return Finished(program.cwd / "run", program("fit", "digits", "epochs=12", "--out", "run"), program)


@pytest.fixture(scope="session")
def quarters_run(tmp_path_factory: pytest.TempPathFactory, quarters: Path) -> Finished:
    """A short run on `quarters`, without checks."""
    program = Program(tmp_path_factory.mktemp("quarters"))
    return Finished(
        program.cwd / "run", program("fit", quarters, *EASY, "epochs=6", "--no-checks", "--out", "run"), program
    )

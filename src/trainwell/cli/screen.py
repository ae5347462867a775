"""What the verbs print: a bar on a terminal, plain lines in a log. Nothing that comes from files is read as markup."""

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_LOSSES = 0.5  # reading the loss may wait for the device
_MOST_PLAIN_LINES = 20


class Terminal:
    """The screen of the command line.

    Args:
        aside: Print to standard error, where standard output is for the result.
    """

    def __init__(self, aside: bool = False) -> None:
        self._stream: TextIO = sys.stderr if aside else sys.stdout
        self._console = Console(file=self._stream, markup=False, highlight=False, emoji=False)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last_line = time.monotonic()
        self._last_loss = 0.0
        self._epochs_seen = 0
        self._began: tuple[float, int] | None = None
        self._scores = ""

    def say(self, text: str) -> None:
        """One line."""
        self._print(text)

    def warn(self, text: str) -> None:
        """One line that asks for attention."""
        self._print(f"! {text}")

    def reading(self, done: int, total: int, what: str) -> None:
        """Files read so far."""
        if self._console.is_terminal:
            self._draw(what, done, total, "")
        elif self._due():
            self._print(f"{what}: {done:,} of {total:,}")

    def step(self, step: int, steps: int, samples: int, loss: Callable[[], float]) -> None:
        """A training step is done."""
        now = time.monotonic()
        if self._began is None:
            self._began = (now, samples)
        if now - self._last_loss < _SECONDS_BETWEEN_LOSSES:
            return
        self._last_loss = now
        if not (self._console.is_terminal or now - self._last_line >= _SECONDS_BETWEEN_LINES):
            return
        seconds, before = now - self._began[0], self._began[1]
        speed = (samples - before) / seconds if seconds > 0 else 0.0
        text = f"loss {loss():.4f}{self._scores}  {speed:,.0f} samples/s"
        if self._console.is_terminal:
            self._draw("training", step, steps, text)
        elif self._due():
            left = (steps - step) * seconds / max(1, step)
            self._print(f"step {step:,} of {steps:,}  {text}  about {left:.0f} s left")

    def scored(self, line: dict[str, Any]) -> None:
        """An epoch line was written."""
        name = next(name for name in ("balanced_accuracy", "accuracy", "r2") if f"train_{name}" in line)
        parts = [(part, line[f"{part}_{name}"]) for part in ("train", "valid") if f"{part}_{name}" in line]
        self._scores = "  " + "  ".join(f"{part} {value:.4f}" for part, value in parts)
        self._epochs_seen += 1
        if self._epochs_seen <= _MOST_PLAIN_LINES or self._due():
            losses = "  ".join(f"{part} loss {line[f'{part}_loss']:.4f}" for part, _ in parts)
            scores = self._scores.replace("  ", f"  {name.replace('_', ' ')} ", 1)
            self._print(f"epoch {line['epoch']:<6.4g} {losses} {scores}  {line['seconds']:.1f} s")

    def done(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None

    def _due(self) -> bool:
        now = time.monotonic()
        if now - self._last_line < _SECONDS_BETWEEN_LINES:
            return False
        self._last_line = now
        return True

    def _print(self, text: str) -> None:
        self._last_line = time.monotonic()
        if self._bar is not None:
            self._bar.console.print(text, soft_wrap=True)
        else:
            print(text, file=self._stream, flush=True)

    def _draw(self, what: str, done: int, total: int, text: str) -> None:
        if self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
            self._bar = Progress(
                *columns,
                TextColumn("{task.fields[text]}"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task(what, total=total, text=text)
            self._bar.start()
        assert self._task is not None, "a bar has a task"
        self._bar.update(self._task, completed=done, total=total, text=text)

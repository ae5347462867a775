"""Trainwell: the loop of `trainwell fit`, with augmentation, average of the weights, measurements and progress on."""

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from task import Task, Turn, digits
from trainwell.cli.screen import Terminal
from trainwell.data.dataset import Data
from trainwell.data.open import open_data
from trainwell.method.keeper import FolderKeeper
from trainwell.recipes import choose
from trainwell.record import Record, RunFolder
from trainwell.training.calibrate import calibrate
from trainwell.training.engine import running
from trainwell.training.interrupt import Stop
from trainwell.training.loop import Trainer
from trainwell.training.machine import keep_memory
from trainwell.training.setup import set_up, shape_of

EPOCHS = 1000.0  # more than all turns together take
EDITS = {
    "convnet": ["model=convnet"],
    "resnet18": ["model=resnet18", "norm_bias_rate=1"],
    "mlp": ["model=mlp", "model.widths=64", "loss=cross_entropy"],
}


class Clock:
    """Shows progress as the command line does, takes the time, and stops the loop when a turn is over.

    Args:
        warm_up: Steps of the turn that are not timed.
        steps: Steps of the turn that are.
    """

    def __init__(self, warm_up: int, steps: int) -> None:
        self.stop = Stop()
        self.seconds = 0.0
        self._screen = Terminal(aside=True)
        self._warm_up, self._last = warm_up, warm_up + steps
        self._steps = 0
        self._start = 0.0

    def step(self, step: int, steps: int, samples: int, loss: Callable[[], float]) -> None:
        """A training step is done."""
        self._screen.step(step, steps, samples, loss)
        self._steps += 1
        if self._steps == self._warm_up:
            self._start = time.perf_counter()
        if self._steps == self._last:
            self.seconds = time.perf_counter() - self._start
            self.stop.signal_name = "end of the turn"

    def scored(self, line: dict[str, Any]) -> None:
        """An epoch line was written."""
        self._screen.scored(line)


def prepare(task: Task, variant: str) -> Turn:
    """A turn of the loop, set up as `trainwell fit` sets it up.

    Args:
        task: What to train.
        variant: `fit`.
    """
    assert variant == "fit", variant
    keep_memory()
    device = torch.device("cpu")
    threads = torch.get_num_threads()
    data = _digits() if task.network == "mlp" else _images(task.data)
    chosen, _ = choose(shape_of(data))
    edits = [*EDITS[task.network], f"batch_size={task.batch}", f"epochs={EPOCHS}", f"seed={task.seed}"]
    setup = set_up(data, chosen.edit(edits), device)
    feed = setup.feeds["train"]
    x, y = next(feed.passes(256, 256))
    plan = setup.plan([EPOCHS])
    steps = len(plan.multipliers)
    found = calibrate(setup.model, setup.loss, x, y, device=device, threads=threads, batch_size=task.batch, steps=steps)
    engine = found.engine(device)
    model = engine.place(setup.model)
    trainer = Trainer(
        model,
        setup.optimizer(model, setup.rate),
        setup.rate,
        feed,
        None,
        engine,
        dataclasses.replace(plan, epoch_steps=[steps]),  # nobody pays for the end of an epoch
    )
    place = tempfile.TemporaryDirectory()
    folder = RunFolder(place.name)
    keeper = FolderKeeper(folder, Record(folder))

    def turn(warm_up: int, steps: int) -> float:
        assert Path(place.name).is_dir(), "the run folder lives as long as the turns do"
        clock = Clock(warm_up, steps)
        with running(engine):
            trainer.run(keeper, clock, clock.stop)
        return clock.seconds

    return turn


def _images(folder: Path) -> Data:
    with tempfile.TemporaryDirectory() as cache:
        return open_data(folder / "train", cache=Path(cache))


def _digits() -> Data:
    inputs, labels = digits()
    return Data(
        x=inputs.numpy(),
        y=labels.numpy(),
        kind="table",
        task="classification",
        classes=tuple("0123456789"),
        splits={"train": np.arange(len(labels))},
        fingerprint="digits",
        source="digits",
        quarantined=(),
        decoding={},
        facts={},
        notes=(),
    )

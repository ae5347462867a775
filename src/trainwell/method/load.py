"""`load`: a run made ready to say what it thinks of new samples."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from trainwell.data.dataset import Data
from trainwell.data.photos import Photos
from trainwell.data.views import Views
from trainwell.errors import BadValue
from trainwell.family import check_value
from trainwell.method.evaluation.answering import Answering
from trainwell.method.evaluation.sample import Sample
from trainwell.method.evaluation.temperature import COLDEST, HOTTEST, NO_PROBABILITIES, tempered
from trainwell.method.look import Options
from trainwell.method.predictions import Predictions
from trainwell.method.run import Run
from trainwell.method.samples.chunk import Chunk
from trainwell.method.samples.read import chunks
from trainwell.method.screen import Screen, Silent
from trainwell.training.evaluate import BATCH


def load(
    run: Run | str | Path, *, model: nn.Module | None = None, device: str = "auto", temperature: float | None = None
) -> "Predictor":
    """Make a run ready for predictions; its weights are read once.

    Example::

        predictor = trainwell.load("runs/flowers")
        predictor.predict("photos/").labels

    Args:
        run: The run, or its folder.
        model: The network object, where the run was made with one's own; its weights are replaced.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.
        temperature: Number by which logits are divided, as `evaluate` finds it; None leaves them as they are.

    Raises:
        BadRun: The folder holds no run with weights, or was made with a network that is not given.
        BadValue: There is no such device, or no such temperature.
    """
    return Predictor(run if isinstance(run, Run) else Run(run), model=model, device=device, temperature=temperature)


class Predictor:
    """A run's weights, ready.

    Args:
        run: The run.
        model: The network object, where the run was made with one's own.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.
        temperature: Number by which logits are divided, as `evaluate` finds it; None leaves them as they are.
    """

    def __init__(
        self, run: Run, *, model: nn.Module | None = None, device: str = "auto", temperature: float | None = None
    ) -> None:
        if temperature is not None:
            if run.description()["task"] != "classification":
                raise BadValue(NO_PROBABILITIES)
            check_value("temperature", temperature, float, f"[{COLDEST:g}, {HOTTEST:g}]")
        self.run = run
        self._temperature = temperature
        self._said = _Heard()
        self._answering = Answering(run, Options(device=device), self._said, model)
        self._description = self._answering.description
        self.classes: tuple[str, ...] = tuple(self._description["classes"])
        self._width = int(run.data["facts"].get("columns", 0))

    def predict(self, inputs: Any, *, views: Views | None = None, batch: int = BATCH) -> Predictions:
        """Probabilities of the classes, or values in the units of the target, of new samples.

        Files and arrays are read, scaled and prepared as the training data was; what is converted on the way is told in
        `notes`. A file that cannot be read is passed over and named in `broken`.

        Args:
            inputs: For images: paths of files or folders, one or many; images of Pillow; arrays or tensors, one image
                (H, W, C) or several (N, H, W, C), uint8 (floats in 0..1 or 0..255 are brought to that, as in training).
                For tables: a `.csv`, `.tsv`, `.parquet`, `.npz` or `.npy` file, a frame of pandas or polars, a mapping
                of columns, a list of rows that are mappings, or an array (N, F).
            views: Crops, scales and mirror images to average over; None takes what the run's recipe says.
            batch: Samples at once, at most.

        Raises:
            BadData: The input does not fit the run, or is not there.
            BadValue: The views cannot be had of such samples, or `batch` is out of range.
        """
        return Predictions.joined(list(self.stream(inputs, views=views, batch=batch)))

    def stream(
        self, inputs: Any, *, views: Views | None = None, batch: int = BATCH, screen: Screen | None = None
    ) -> Iterator[Predictions]:
        """What `predict` gives, part after part, for more files than fit into memory.

        Args:
            inputs: As `predict` takes them.
            views: As `predict` takes them.
            batch: As `predict` takes it.
            screen: Where to show how far it is.

        Raises:
            BadData: The input does not fit the run, or is not there.
            BadValue: The views cannot be had of such samples, or `batch` is out of range.
        """
        check_value("batch", batch, int, f"[1, {BATCH}]")
        if views is not None:
            self._answering.refuse(views)
        screen, done = screen or Silent(), 0
        self._said.forget()
        short_side = self._short_side(views)
        advised = views is None
        try:
            for chunk in chunks(inputs, self._description, width=self._width, short_side=short_side, batch=batch):
                answers = self._nothing()
                if chunk.x is not None:
                    sample = self._sample(chunk)
                    if not advised:
                        assert views is not None
                        self._answering.advise(views, sample)
                        advised = True
                    answered = self._answering.answer(sample, views)
                    answers = answered.predicted
                    if self._temperature is not None:
                        answers = tempered(answers, self._temperature)
                    if views is not None:
                        self._said.say(f"averaged over {answered.views}")
                answers = answers if self.classes or answers.shape[1] > 1 else answers[:, 0]
                notes = (*chunk.notes, *self._said.drained())
                yield Predictions(chunk.origins, self.classes, answers, chunk.broken, notes)
                done += len(chunk.origins) + len(chunk.broken)
                screen.reading(done, max(done, chunk.total), "predicting")
        finally:
            screen.done()

    def _nothing(self) -> np.ndarray:
        return np.empty((0, self._description["num_outputs"]))

    def _short_side(self, views: Views | None) -> int | None:
        """The short side at which photos have to be read for the views; None for what the run reads them at."""
        if views is None or views.plain:
            return None
        side, kept = self._answering.side, self._description["decoding"].get("short_side")
        wanted = views.short_side(side)
        enough = kept >= wanted if kept is not None else wanted == side and views.crops == 1
        return None if enough else wanted

    def _sample(self, chunk: Chunk) -> Sample:
        """The chunk as an evaluation takes it, with targets that nobody looks at."""
        description, count = self._description, len(chunk.origins)
        task, whole = description["task"], isinstance(chunk.x, Photos)
        shape = (count,) if task == "classification" else (count, description["num_outputs"])
        data = Data(
            x=chunk.x,  # type: ignore[arg-type]  # photos and tensors pass for arrays
            y=np.zeros(shape, np.int64 if task == "classification" else np.float32),
            kind=description["kind"],
            task=task,
            classes=self.classes,
            splits={"test": np.arange(count)},
            fingerprint="",
            source="",
            quarantined=(),
            decoding=description["decoding"] | {"short_side": chunk.short_side},
            facts={},
            notes=(),
            names=tuple(map(str, chunk.origins)) if whole else (),
        )
        return Sample(None, data, np.arange(count), "test", "test")


class _Heard(Silent):
    """Remembers what is said, each line once."""

    def __init__(self) -> None:
        self._lines: dict[str, bool] = {}

    def forget(self) -> None:
        """Begin anew."""
        self._lines.clear()

    def say(self, text: str) -> None:
        self._lines.setdefault(text, False)

    def warn(self, text: str) -> None:
        self.say(text)

    def drained(self) -> tuple[str, ...]:
        """The lines that were not yet given out."""
        new = tuple(text for text, out in self._lines.items() if not out)
        self._lines |= dict.fromkeys(new, True)
        return new

"""Where a run in training goes: its record, its checkpoint and its best weights, in the run folder."""

from typing import Any

from trainwell.record import BEST_WEIGHTS, CHECKPOINT, Record, RunFolder
from trainwell.report.events import Events
from trainwell.training.checkpoint import state_of, weights_of
from trainwell.training.loop import Trainer


class FolderKeeper:
    """Writes what the loop hands over into a run folder.

    Args:
        folder: The run.
        record: Its record, open.
        events: Follow the record as TensorBoard events; None where they are not asked for.
    """

    def __init__(self, folder: RunFolder, record: Record, events: Events | None = None) -> None:
        self._folder, self._record, self._events = folder, record, events

    def line(self, kind: str, values: dict[str, Any]) -> None:
        """Write a line of the record."""
        self._record.add(kind, **values)

    def save(self, trainer: Trainer) -> None:
        """Replace the checkpoint; the record is cut back to this length when the run is resumed from it."""
        tensors, state = state_of(trainer)
        self._folder.write_tensors(CHECKPOINT, tensors, state | {"record_offset": self._record.offset})
        if self._events is not None:
            self._events.catch_up(trainer.step, trainer.seconds)

    def best(self, trainer: Trainer) -> None:
        """Replace the best weights by those the model holds."""
        state = {"epoch": trainer.epoch, "step": trainer.step, "score": trainer.best_score}
        self._folder.write_tensors(BEST_WEIGHTS, weights_of(trainer.model), state)

"""Watching: what all callbacks share."""

from typing import Any

from trainwell.diagnoses import Diagnosis
from trainwell.diagnoses.watch import Doctor, watch
from trainwell.errors import BadValue


class Watching:
    """Holds a doctor from the start of a training to its end.

    Args:
        every: Steps between two looks; None for the schedule of `trainwell.diagnoses.watch.watch`.
        monitor: Name of a validation score, accuracy or R2, under which the loop logs it; None for none.

    Attributes:
        doctor: The doctor; None before the training.
    """

    def __init__(self, *, every: int | None = None, monitor: str | None = None) -> None:
        self.every, self.monitor = every, monitor
        self.doctor: Doctor | None = None

    def findings(self) -> Diagnosis:
        """What is wrong, by all that was seen so far.

        Raises:
            BadValue: The training has not begun.
        """
        if self.doctor is None:
            raise BadValue("Nothing was watched yet; give the callback to a trainer, and ask when it has trained.")
        return self.doctor.findings()

    def begin(self, model: Any, optimizer: Any, total_steps: int | None) -> None:
        """Watch a training that starts; one before it is let go."""
        self.end()
        self.doctor = watch(model, optimizer, every=self.every, total_steps=total_steps).__enter__()

    def end(self) -> None:
        """Take all hooks off."""
        if self.doctor is not None:
            self.doctor.close()

"""The doctor as a callback of Lightning's Trainer."""

import math
from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback

from trainwell.diagnoses.callbacks.watching import Watching
from trainwell.errors import BadValue


class LightningDoctor(Watching, Callback):
    """Watches a training: `Trainer(callbacks=[doctor])`, and `doctor.findings()` at any time.

    It sees the first optimizer, and the network as `training_step` runs it; of several processes each has a doctor of
    its own.

    Args:
        every: Steps between two looks; None for the schedule of `trainwell.diagnoses.watch.watch`.
        monitor: Name of a validation score, accuracy or R2, under which the module logs it; None for none.
    """

    _steps = 0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin."""
        if not trainer.optimizers:
            raise BadValue("configure_optimizers gave no optimizer; expected one to watch. Leave the doctor out.")
        steps = trainer.estimated_stepping_batches
        known = math.isfinite(steps) and steps >= 1
        self._steps = trainer.global_step
        self.begin(pl_module, trainer.optimizers[0], int(steps) if known else None)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *_: Any) -> None:
        """Take the loss, where the optimizer has stepped: of batches that are accumulated, with the last one."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if self.doctor is None or loss is None or trainer.global_step == self._steps:
            return
        self._steps = trainer.global_step
        # Lightning hands on the loss that it called backward() on: a part of the batch's where batches are accumulated.
        self.doctor.step(loss * trainer.accumulate_grad_batches if pl_module.automatic_optimization else loss)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Take the score."""
        value = None if self.monitor is None else trainer.callback_metrics.get(self.monitor)
        if self.doctor is not None and value is not None and not trainer.sanity_checking:
            self.doctor.score(value)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """End."""
        self.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG002
        """End."""
        self.end()

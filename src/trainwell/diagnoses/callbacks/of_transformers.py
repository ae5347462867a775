"""The doctor as a callback of Hugging Face's Trainer."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from transformers import TrainerCallback

from trainwell.diagnoses.callbacks.watching import Watching
from trainwell.errors import BadValue


class TransformersDoctor(Watching, TrainerCallback):
    """Watches a training: `Trainer(..., callbacks=[doctor])`, and `doctor.findings()` at any time.

    The loss is the one in the model's output; where the trainer works it out otherwise, the losses stay unseen.

    Args:
        every: Steps between two looks; None for the schedule of `trainwell.diagnoses.watch.watch`.
        monitor: Name of a score in the metrics of an evaluation, accuracy or R2: `eval_accuracy`; None for none.
    """

    _losses: list[Tensor]
    _hook: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Begin."""
        model, optimizer = kwargs.get("model"), kwargs.get("optimizer")
        if not isinstance(model, nn.Module) or optimizer is None:
            raise BadValue("The trainer has no model or no optimizer to watch. Leave the doctor out.")
        self.begin(model, optimizer, state.max_steps if state.max_steps > 0 else None)
        self._losses = []
        self._hook = model.register_forward_hook(self._keep)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Take the loss: the mean of the batches that made the step."""
        if self.doctor is not None and self._losses:
            self.doctor.step(sum(self._losses[1:], self._losses[0]) / len(self._losses))
        self._losses = []

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:  # noqa: ARG002
        """Take the score."""
        if self.doctor is not None and self.monitor is not None and metrics and self.monitor in metrics:
            self.doctor.score(metrics[self.monitor])

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """End."""
        self.end()

    def end(self) -> None:
        """Take all hooks off."""
        super().end()
        if self._hook is not None:
            self._hook.remove()

    def _keep(self, model: nn.Module, args: Any, output: Any) -> None:  # noqa: ARG002
        loss = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
        if model.training and isinstance(loss, Tensor) and loss.numel() == 1:
            self._losses.append(loss.detach())

"""Watch: a training in somebody's own loop seen as it goes, and judged by the rules of a checkup."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainwell.diagnoses import Diagnosis
from trainwell.diagnoses.evidence import Evidence, Facts, Look
from trainwell.diagnoses.judge import judge
from trainwell.diagnoses.watching.facts import constant_loss, facts_of
from trainwell.diagnoses.watching.passes import Passes, Seen
from trainwell.diagnoses.watching.schedule import next_look
from trainwell.diagnoses.watching.series import Series
from trainwell.diagnoses.watching.steps import Steps, Taken, step_change
from trainwell.errors import BadValue

_LOOKS = 64  # kept at most
_SCORES = ("train", "train_loss", "valid", "valid_loss")
_START = 5  # losses of the first steps
_UNSEEN = "what a loop does not hand on: the samples, and trainings with one thing changed"


@dataclass(eq=False)
class _Looked:
    """A look: the step it began at, what the optimizer did in it, and what the activations did from then on."""

    step: int
    taken: Taken | None = None
    seen: Seen | None = None


class Doctor:
    """Watches a training; made by `watch`, and to be used as a context manager.

    Args:
        model: The module that the loop calls.
        optimizer: Its optimizer.
        loss: The loss, for what it is called.
        every: Steps between two looks; None for the schedule of `trainwell.diagnoses.watching.schedule`.
        total_steps: Steps of the whole training; None where nobody knows.
    """

    def __init__(
        self, model: nn.Module, optimizer: Optimizer, loss: Any, every: int | None, total_steps: int | None
    ) -> None:
        self._loss, self._every, self._total = loss, every, total_steps
        self._model, self._optimizer = model, optimizer
        self._series = Series()
        self._looks: list[_Looked] = []
        self._next: int | None = 0
        self._hooks = contextlib.ExitStack()
        self._facts: Facts | None = None
        self._constant: float | None = None

    def __enter__(self) -> Self:
        self._passes = Passes(self._model)
        self._hooks.callback(self._passes.close)
        self._steps = Steps(self._passes.inner, self._optimizer, self._after_step)
        self._hooks.callback(self._steps.close)
        self._facts = facts_of(self._passes.inner, self._optimizer, self._loss)
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take all hooks off; what was seen is kept."""
        self._hooks.close()

    def step(self, loss: Tensor | float, metric: float | Tensor | Mapping[str, float | Tensor] | None = None) -> None:
        """Take in what a step gave; to be called after each step of the optimizer. It waits for no device.

        Args:
            loss: The loss of the batch, a scalar, before any scaling for mixed precision.
            metric: Score of validation samples, accuracy or R2, where it was measured after this step; or several
                numbers
                by name: `valid`, `train` (scores), `valid_loss`, `train_loss`.

        Raises:
            BadValue: The loss is no scalar, or a score has another name.
        """
        if not isinstance(loss, Tensor):
            loss = torch.tensor(float(loss))
        if loss.numel() != 1:
            raise BadValue(
                f"The loss has shape {tuple(loss.shape)}; expected a scalar. Give the mean over the batch, on which "
                "backward() was called."
            )
        if not self._series.taken and self._facts is not None:
            self._facts = facts_of(self._passes.inner, self._optimizer, self._loss, loss)
            self._constant = constant_loss(loss)
        self._series.add(loss.detach().reshape(()))
        if metric is not None:
            self.score(metric)

    def score(self, metric: float | Tensor | Mapping[str, float | Tensor]) -> None:
        """Take in scores that were measured after the last step; `step` tells what they may be.

        Raises:
            BadValue: A score has another name.
        """
        named = metric if isinstance(metric, Mapping) else {"valid": metric}
        unknown = sorted(set(named) - set(_SCORES))
        if unknown:
            raise BadValue(f"metric has {', '.join(map(repr, unknown))}; expected some of {', '.join(_SCORES)}.")
        self._series.score({name: torch.as_tensor(value).detach() for name, value in named.items()})

    def findings(self) -> Diagnosis:
        """What is wrong, by all that was seen so far; it may be asked for at any time, and waits for the device."""
        return judge(self.evidence())

    def evidence(self) -> Evidence:
        """All that was seen so far.

        Raises:
            BadValue: The doctor was not entered.
        """
        if self._facts is None:
            raise BadValue("Nothing was watched; enter it first: `with watch(model, optimizer) as doctor:`.")
        self._attach_seen()
        curves = self._series.curves(self._total)
        looked = [look for look in self._looks if look.taken is not None]
        taken = [look.taken for look in looked if look.taken is not None]
        return Evidence(
            facts=facts_of(
                self._passes.inner,
                self._optimizer,
                self._loss,
                start=self._facts,
                batch_size=self._passes.batch_size,
                steps=self._total or self._series.taken,
            ),
            architecture=self._passes.architecture,
            inputs=None,
            targets=None,
            pairing=None,
            neighbours=None,
            order=None,
            shift=None,
            reference=None,
            signal=None,
            symmetry=None,
            step_change=step_change(self._steps, taken, curves.losses[:_START]) if taken and curves else None,
            outputs=None,
            outputs_after=None,
            initial_constant=self._constant,
            watched=curves,
            looks=tuple(_look(look) for look in looked),
            again=None,
            unseen=tuple(self._unseen()),
        )

    def _begin(self) -> None:
        """Begin a look at the step that comes."""
        self._looks.append(_Looked(self._steps.taken))
        self._passes.look()
        self._steps.wanted = True
        self._next = None

    def _after_step(self) -> None:
        """Called behind each step of the optimizer."""
        self._passes.stepped()
        if self._next is None and not self._steps.wanted:
            looked = self._looks[-1]
            if looked.taken is None:
                looked.taken = self._steps.last
            self._next = next_look(looked.step, self._every, self._total, self._passes.due)
        if self._next is not None and self._steps.taken >= self._next:
            self._attach_seen()
            self._thin()
            self._begin()

    def _attach_seen(self) -> None:
        if self._looks and self._looks[-1].seen is None:
            self._looks[-1].seen = self._passes.seen

    def _thin(self) -> None:
        if len(self._looks) >= _LOOKS:
            self._looks = [self._looks[0], *self._looks[1:-1:2], self._looks[-1]]

    def _unseen(self) -> list[str]:
        found = []
        if not self._steps.taken:
            found.append("steps: optimizer.step() was not called on the optimizer that is watched")
        elif not self._passes.batch_size:
            found.append("activations: neither the model nor a part of it was called in training mode, with gradients")
        if not self._series.taken:
            found.append("losses: none was handed on")
        return [*found, *self._passes.unseen, _UNSEEN]


def _look(looked: _Looked) -> Look:
    taken = looked.taken
    assert taken is not None, "only finished looks are told"
    gradients: dict[str, float | None] = dict.fromkeys(taken.names)
    lengths = taken.gradients.tolist()
    gradients |= {taken.names[place]: length for place, length in zip(taken.graded, lengths, strict=True)}
    updates = zip(taken.names, taken.updates.tolist(), strict=True)
    return Look(
        step=looked.step,
        units=() if looked.seen is None else looked.seen.units(),
        gradients=gradients,
        updates={name: None if value != value else value for name, value in updates},
        norms=dict(zip(taken.names, taken.norms.tolist(), strict=True)),
        gradient_norm=float(torch.linalg.vector_norm(taken.gradients)) if lengths else None,
        noise=None,
    )


def watch(
    model: nn.Module,
    optimizer: Optimizer,
    loss: Any = None,
    *,
    every: int | None = None,
    total_steps: int | None = None,
) -> Doctor:
    """Watch a training in your own loop, by the same rules as a checkup.

    Only some steps are looked into, and nothing waits for the device until the findings are asked for. The training is
    to the bit what it is without a doctor. Mixed precision, accumulation, frozen layers, several processes and
    `torch.compile` need no care: gradients are read where the optimizer steps. What a look holds beside the training is
    some of the numbers of each weight; of a compiled network it takes a forward pass of its own.

    Example::

        with watch(model, optimizer, total_steps=epochs * len(loader)) as doctor:
            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                doctor.step(loss)
        print(doctor.findings())

    Args:
        model: The module that the loop calls: bare, compiled or wrapped.
        optimizer: The optimizer whose `step` the loop or its scaler calls.
        loss: The loss, for what it is called; without it, it is told by the graph of the first loss.
        every: Steps between two looks, at least 1; None for looks that are close at first and rarer later.
        total_steps: Steps of the whole training; with it, the last look is at its end.

    Raises:
        BadValue: An argument is not what it has to be.
    """
    if not isinstance(model, nn.Module):
        raise BadValue(f"model is {type(model).__name__}; expected the torch.nn.Module that the loop calls.")
    inner: Any = optimizer
    while isinstance(getattr(inner, "optimizer", None), Optimizer):  # those that wrap another one
        inner = inner.optimizer
    if not isinstance(inner, Optimizer):
        raise BadValue(f"optimizer is {type(optimizer).__name__}; expected a torch.optim.Optimizer.")
    for name, value in (("every", every), ("total_steps", total_steps)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise BadValue(f"{name}={value!r} is not possible: expected a whole number of 1 or more, or None.")
    return Doctor(model, inner, loss, every, total_steps)

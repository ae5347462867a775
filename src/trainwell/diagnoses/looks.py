"""Looks at the inside of a network while it trains: units, gradients, updates."""

import copy
import math

import torch
from torch import Tensor, nn

from trainwell.diagnoses.evidence import Look, Unit
from trainwell.measurements.collector import Collector
from trainwell.probes.contents import num_samples
from trainwell.probes.experiment import Batch, Loss
from trainwell.probes.overfit import without_dropout
from trainwell.probes.parts import Parts
from trainwell.probes.training import fresh_batch

_WHEN = (0.0, 0.1, 0.5, 1.0)  # of the training
_UNITS = 1000  # samples by which a dead unit is told from a rare one; fewer where the training is short
_LEAST = 200
_BATCHES = 4  # whose gradients are compared, in trainings of so many steps
_LONG = 100
_FLAT = 0.01  # share of the largest slope under which a value counts as flat


class Inside:
    """Takes looks while `trainwell.probes.training.train` runs; what it looks at is a copy, and nothing is changed.

    Args:
        parts: What is trained.
        sample: A batch to send gradients through.
        steps: How many will be taken.
        seed: Seed of the samples looked at.

    Attributes:
        looks: Those taken, the first before training.
        unseen: Why a look could not be taken, each reason once.
    """

    def __init__(self, parts: Parts, sample: Batch, steps: int, seed: int) -> None:
        self.parts = parts
        self.looks: list[Look] = []
        self.unseen: list[str] = []
        order = torch.randperm(len(parts.train), generator=torch.Generator().manual_seed(seed))
        # All looks together are to cost less than the training.
        units = max(_LEAST, min(_UNITS, steps * parts.batch_size // 12))
        self._units = parts.train.batch(order[:units])
        sizes = order[: _BATCHES * parts.batch_size].split(parts.batch_size) if steps >= _LONG else []
        self._batches = [parts.train.batch(numbers) for numbers in sizes if len(numbers) == parts.batch_size]
        self._sample = sample
        self._when = {round(part * steps) for part in _WHEN}
        self._before: dict[str, Tensor] = {}
        self._look(0)
        self._keep(0, parts.model)

    def after_step(self, step: int, model: nn.Module, loss: Tensor) -> None:  # noqa: ARG002
        """Look, if it is time; called after every step."""
        if step in self._when:
            self._look(step)
        self._keep(step, model)

    def _keep(self, step: int, model: nn.Module) -> None:
        if step + 1 in self._when:
            self._before = {name: p.detach().clone() for name, p in model.named_parameters()}

    def _look(self, step: int) -> None:
        try:
            self.looks.append(self._seen(step))
        except Exception as error:  # the user's own code: it cannot be copied, or takes no such batch
            reason = f"units and gradients: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            if reason not in self.unseen:
                self.unseen.append(reason)

    def _seen(self, step: int) -> Look:
        made = self.parts.copy()
        model, loss = made.model.train(), made.loss
        without_dropout(model)
        named = dict(model.named_parameters())
        units = self._activations(copy.deepcopy(model))
        every = [self._gradient(model, loss, batch) for batch in (self._sample, *self._batches)]
        first = every[0]
        norms = {name: float(p.detach().norm()) for name, p in named.items()}
        updates = {
            name: float((p.detach() - self._before[name]).norm()) / norms[name]
            if name in self._before and norms[name]
            else None
            for name, p in named.items()
        }
        known = [gradient for gradient in first.values() if gradient is not None]
        return Look(
            step=step,
            units=units,
            gradients={name: None if gradient is None else float(gradient.norm()) for name, gradient in first.items()},
            updates=updates,
            norms=norms,
            gradient_norm=math.sqrt(sum(float(gradient.square().sum()) for gradient in known)) if known else None,
            noise=_noise(every[1:]),
        )

    def _gradient(self, model: nn.Module, loss: Loss, batch: Batch) -> dict[str, Tensor | None]:
        model.zero_grad(set_to_none=True)
        x, y = fresh_batch(batch)
        value = loss(self.parts.forward(model, x), y)
        if value.requires_grad:
            value.backward()
        return {name: None if p.grad is None else p.grad.detach().clone() for name, p in model.named_parameters()}

    @torch.no_grad()
    def _activations(self, model: nn.Module) -> tuple[Unit, ...]:
        collector = Collector(model, slopes=True)
        x, _ = fresh_batch(self._units)
        count = num_samples(self._units)
        with collector.looking():
            self.parts.forward(model, x)
        found = []
        for name, output in collector.activations.items():
            values = output.float().reshape(-1, output.shape[-1])
            slopes = collector.slopes.get(name)
            rms = float(values.square().mean().sqrt())
            samples = output.float().reshape(count, -1) if len(output) == count else None
            spread = None if samples is None else float(samples.var(0, correction=0).mean().sqrt())
            found.append(
                Unit(
                    name=name,
                    num_units=output.shape[-1],
                    dead=float((values.amin(0) == values.amax(0)).float().mean()),
                    flat=None if slopes is None else float((slopes < _FLAT).float().mean()),
                    zeros=float((values == 0).float().mean()),
                    rms=rms,
                    between=None if spread is None or not rms else spread / rms,
                )
            )
        return tuple(found)


def _noise(gradients: list[dict[str, Tensor | None]]) -> float | None:
    """Spread of the gradients of several batches over the size of their mean, squared."""
    if len(gradients) < 2:
        return None
    names = [name for name, gradient in gradients[0].items() if gradient is not None]
    if not names:
        return None
    rows = torch.stack([_row(one, names) for one in gradients])
    mean = float(rows.mean(0).square().sum())
    spread = float(rows.var(0).sum())
    return spread / mean if mean and math.isfinite(spread / mean) else None


def _row(gradients: dict[str, Tensor | None], names: list[str]) -> Tensor:
    found = [gradients[name] for name in names]
    return torch.cat([gradient.reshape(-1) for gradient in found if gradient is not None])

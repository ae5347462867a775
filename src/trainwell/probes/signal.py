"""Signal: what one batch does on its way through the network, and what its gradient does on the way back.

Every operation that `probes.flow` sees is measured where it runs, functions (`F.relu`, `x + skip`) as well as modules.
Ratios carry no unit: they are the same for inputs, weights and losses in other units.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from trainwell.probes.contents import num_samples
from trainwell.probes.experiment import Batch, Forward, Loss, call, experiment
from trainwell.probes.meter import LAYERS, Meter, Point, ratio
from trainwell.probes.overfit import without_dropout


@dataclass(frozen=True, kw_only=True)
class Weight:
    """One parameter and its gradient.

    Args:
        name: Dotted name.
        shape: Its shape.
        trainable: Whether it is not frozen.
        norm: ||w||.
        gradient: ||g||, of the finite numbers; None where no gradient came.
        zeros: Share of the gradient that is exactly 0; None without a gradient.
        zero_units: Share of the rows (first axis) whose gradient is exactly 0; None without a gradient.
        finite: Share of the gradient that is neither NaN nor infinite; None without a gradient.
        pull: ||g|| ||w|| / |loss|: the relative change of the loss for a relative change of the weight along its
            gradient; the same in all units. None without a gradient, or where the loss is 0 or not finite.
    """

    name: str
    shape: tuple[int, ...]
    trainable: bool
    norm: float
    gradient: float | None
    zeros: float | None
    zero_units: float | None
    finite: float | None
    pull: float | None


@dataclass(frozen=True, kw_only=True)
class Signal:
    """Result of `signal`.

    The layers are the linear, convolutional and recurrent ones in the order they ran; a layer that ran twice counts
    twice. Growth is the factor per layer of a straight line through the logarithms. Ratios and growth are None where
    there are fewer than two layers, or where a number of theirs is 0 or missing; a ratio may be 0 itself.

    Args:
        num_samples: Samples in the batch: a unit that is active for one sample in a hundred looks dead in 32.
        loss: Of the batch; may be NaN or infinite.
        points: The operations with numbers, in the order they ran.
        weights: All parameters, in the order the model holds them; tied ones once.
        forward_ratio: Root mean square of the last layer's result over that of the first one's.
        forward_growth: Its growth per layer, forwards.
        gradient_ratio: Root mean square of the gradient at the first layer's result over that at the last one's.
        gradient_growth: Its growth per layer, backwards: under 1 where gradients vanish.
        pull_ratio: `pull` of the first layer's weight over that of the last one's.
        missing: Trainable parameters without a gradient: the loss does not reach them.
        zero: Parameters whose gradient is exactly 0.
        not_finite: Parameters whose gradient holds NaN or infinity.
        idle: Layers that did not run.
        unseen: What could not be looked at, in words.
    """

    num_samples: int
    loss: float
    points: tuple[Point, ...]
    weights: tuple[Weight, ...]
    forward_ratio: float | None
    forward_growth: float | None
    gradient_ratio: float | None
    gradient_growth: float | None
    pull_ratio: float | None
    missing: tuple[str, ...]
    zero: tuple[str, ...]
    not_finite: tuple[str, ...]
    idle: tuple[str, ...]
    unseen: tuple[str, ...]


def signal(model: nn.Module, loss: Loss, sample: Batch, *, forward: Forward | None = None, seed: int = 0) -> Signal:
    """Send a batch forwards and its gradient backwards, in training mode; no layer drops (`F.dropout` does).

    Operations inside a fused layer (the gates of an LSTM, the parts of a transformer layer that torch fuses) are not
    seen by themselves, and within reentrant checkpointing no gradient is. Gradients are those of the loss that is
    given, without scaling and clipping.

    Args:
        model: Any module; a copy is looked at.
        loss: (output, target) -> scalar.
        sample: (x, y), some hundreds of samples where dead units are to be told from rare ones.
        forward: (model, x) -> output, instead of `model(x)`.
        seed: Seed of what the model draws.

    Raises:
        BadValue: The network cannot be copied or fails on this batch, or the loss is no scalar.
    """
    plain = getattr(model, "_orig_mod", model)
    count = num_samples(sample)
    meters: list[Meter] = []

    def watched(copied: nn.Module, x: Any) -> Any:
        meters.append(Meter(copied, count))
        return meters[0].run(forward or call, copied, x)

    with experiment(plain, loss, watched, seed) as trial:
        without_dropout(trial.model)
        value, output = trial.loss(sample, 0)
        meter = meters[0]
        flow = meter.flow(output)
        if value.requires_grad:
            value.backward()
        measured = float(value.detach())
        weights = tuple(_weight(name, p, measured) for name, p in trial.model.named_parameters())
        names = {id(p): name for name, p in trial.model.named_parameters()}
        layers = [op for op in flow.of(*LAYERS) if op.number in meter.values]
        pulls = {weight.name: weight.pull for weight in weights}
        pulled = [pulls.get(names.get(id(op.weight), "")) for op in layers if op.weight is not None]
        points = tuple(meter.point(op) for op in flow.operations if op.number in meter.values)
    forwards = [meter.values[op.number].rms for op in layers]
    backwards = [None if (found := meter.gradient(op.number)) is None else found.rms for op in layers]
    unseen = [f"{gap}: came by a way that cannot be seen" for gap in flow.gaps] + meter.unseen
    if not value.requires_grad:
        unseen.append("gradients: the loss has no graph")
    return Signal(
        num_samples=count,
        loss=measured,
        points=points,
        weights=weights,
        forward_ratio=ratio(forwards[-1], forwards[0]) if len(forwards) > 1 else None,
        forward_growth=_growth(forwards),
        gradient_ratio=ratio(backwards[0], backwards[-1]) if len(backwards) > 1 else None,
        gradient_growth=_growth(backwards[::-1]),
        pull_ratio=ratio(pulled[0], pulled[-1]) if len(pulled) > 1 else None,
        missing=tuple(w.name for w in weights if w.trainable and w.gradient is None),
        zero=tuple(w.name for w in weights if w.zeros == 1.0),
        not_finite=tuple(w.name for w in weights if w.finite is not None and w.finite < 1.0),
        idle=flow.idle,
        unseen=tuple(dict.fromkeys(unseen)),
    )


def _weight(name: str, p: nn.Parameter, loss: float) -> Weight:
    norm = float(torch.linalg.vector_norm(p.detach().double()))
    known = {"name": name, "shape": tuple(p.shape), "trainable": p.requires_grad, "norm": norm}
    if p.grad is None or not p.numel():
        return Weight(**known, gradient=None, zeros=None, zero_units=None, finite=None, pull=None)  # type: ignore[arg-type]
    gradient = (p.grad.to_dense() if p.grad.is_sparse else p.grad).double()
    finite = gradient.isfinite()
    length = float(torch.linalg.vector_norm(gradient.where(finite, 0.0)))
    rows = gradient.reshape(len(gradient), -1) if gradient.ndim else gradient.reshape(1, 1)
    return Weight(
        **known,  # type: ignore[arg-type]
        gradient=length,
        zeros=float((gradient == 0).double().mean()),
        zero_units=float((rows == 0).all(1).double().mean()),
        finite=float(finite.double().mean()),
        pull=length * norm / abs(loss) if loss and math.isfinite(loss) else None,
    )


def _growth(numbers: Sequence[float | None]) -> float | None:
    """exp of the slope of the straight line through the logarithms, by least squares."""
    known = [number for number in numbers if number is not None and 0.0 < number < math.inf]
    if len(known) < 2 or len(known) < len(numbers):
        return None
    middle = (len(known) - 1) / 2
    total = sum((place - middle) * math.log(number) for place, number in enumerate(known))
    return math.exp(total / sum((place - middle) ** 2 for place in range(len(known))))

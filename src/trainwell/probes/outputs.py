"""Outputs: do they tell the samples apart at all, and do training and evaluation mode agree on them?"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainwell.probes.contents import digests, num_samples, pair, rows
from trainwell.probes.experiment import Batch, Forward
from trainwell.probes.passes import passes

_ROUNDING = 64 * torch.finfo(torch.float32).eps  # share of the largest value by which equal outputs may differ


@dataclass(frozen=True, kw_only=True)
class Mode:
    """The outputs of a batch in one mode.

    Args:
        scale: Root mean square of all outputs.
        spread: Standard deviation between the samples, of each output by itself, as a root mean square.
        alike: `spread` over `scale`: 0 where all samples get the same output; None where all outputs are 0.
        distinct: Share of the samples left if those of equal output, up to rounding, count once, of those left if equal
            inputs count once: 1 where different inputs get different outputs.
        finite: Share of the outputs that are neither NaN nor infinite; the others are left out of the rest.
    """

    scale: float
    spread: float
    alike: float | None
    distinct: float
    finite: float


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Result of `outputs`.

    Differences are root mean squares in units of the spread in evaluation mode, and None if that is 0.

    Args:
        num_samples: Samples in the batch.
        num_inputs: Different samples among them.
        num_outputs: Numbers that come out for a sample.
        evaluation: All modules in evaluation mode.
        training: All modules in training mode.
        gap: Difference between the two modes.
        gap_without_dropout: Difference that stays if no layer drops anything in training mode: that of batch norm's
            running statistics, as a rule, and of `F.dropout`, which stays on.
        noise: Difference between two passes in training mode with other draws: that of dropout, as a rule.
        agreement: Correlation of both modes over samples, outputs centred one by one, [-1, 1]; None where one of them
            is constant.
        same_class: Share of samples whose largest output is the same one in both modes; None for a single output.
        num_tracked: Batches that went into the running statistics of the batch norm that has seen the fewest; with few,
            a gap is a matter of course. None without such a layer.
        unseen: What could not be looked at, in words.
    """

    num_samples: int
    num_inputs: int
    num_outputs: int
    evaluation: Mode
    training: Mode
    gap: float | None
    gap_without_dropout: float | None
    noise: float | None
    agreement: float | None
    same_class: float | None
    num_tracked: int | None
    unseen: tuple[str, ...]


def outputs(model: nn.Module, sample: Batch, *, forward: Forward | None = None, seed: int = 0) -> Outputs | None:
    """Send a batch through in both modes; five forward passes.

    Args:
        model: Any module; a copy is looked at.
        sample: (x, y), some 64 samples; one is enough to compare the modes, if batch norm allows.
        forward: (model, x) -> output, instead of `model(x)`.
        seed: Seed of what the model draws.

    Returns:
        The figures; None where no output has an axis of samples.

    Raises:
        BadValue: A batch that is no pair or holds no tensor, or a network that cannot be copied or fails.
    """
    x, _ = pair(sample)
    count = num_samples(sample)
    with passes(model, forward, seed) as run:
        tracked = [b for name, b in run.model.named_buffers() if name.split(".")[-1] == "num_batches_tracked"]
        num_tracked = min((int(each) for each in tracked), default=None)
        before, unseen = rows(run.look(x, training=False), count)
        trained, _ = rows(run.look(x, training=True), count)
        redrawn, _ = rows(run.look(x, training=True, draw=1), count)
        steady, _ = rows(run.look(x, training=True, dropout=False), count)
    if before is None or trained is None or redrawn is None or steady is None:
        return None
    num_inputs = len(set(digests(x, count)))
    evaluation, training = _mode(before, num_inputs), _mode(trained, num_inputs)
    return Outputs(
        num_samples=count,
        num_inputs=num_inputs,
        num_outputs=before.shape[1],
        evaluation=evaluation,
        training=training,
        gap=_difference(trained, before, evaluation.spread),
        gap_without_dropout=_difference(steady, before, evaluation.spread),
        noise=_difference(redrawn, trained, evaluation.spread),
        agreement=_correlation(trained, before),
        same_class=float((trained.argmax(1) == before.argmax(1)).double().mean()) if before.shape[1] > 1 else None,
        num_tracked=num_tracked,
        unseen=tuple(unseen),
    )


def _mode(values: Tensor, num_inputs: int) -> Mode:
    finite = values.isfinite()
    values = values.where(finite, 0.0)
    scale, spread = _rms(values), _rms(values - values.mean(dim=0))
    # Rounded off to a grid, equal outputs fall on the same point (but for the few that lie between two points).
    grid = _ROUNDING * float(values.abs().max()) or 1.0
    kinds = len(torch.unique((values / grid).round(), dim=0))
    return Mode(
        scale=scale,
        spread=spread,
        alike=spread / scale if scale else None,
        distinct=min(1.0, kinds / num_inputs),
        finite=float(finite.double().mean()),
    )


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


def _difference(values: Tensor, before: Tensor, spread: float) -> float | None:
    both = values.isfinite() & before.isfinite()
    return _rms((values - before)[both]) / spread if spread and both.any() else None


def _correlation(one: Tensor, other: Tensor) -> float | None:
    a, b = one - one.mean(dim=0), other - other.mean(dim=0)
    size = float(a.norm() * b.norm())
    return float((a * b).sum()) / size if size and math.isfinite(size) else None

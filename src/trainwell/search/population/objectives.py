"""The loss of each member over its batch, and its score."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from trainwell.training.setup import Setup

_STACKED = ("cross_entropy", "mse")


class Objective:
    """The losses of K members.

    Cross-entropy without class weights or adjusted outputs, and the squared error, are worked out for all at once,
    smoothing included; other losses one after another.

    Args:
        setups: One a member.
    """

    def __init__(self, setups: Sequence[Setup]) -> None:
        self._setups = setups
        loss = setups[0].recipe.loss
        weighted = any(
            setup.recipe.loss.args.get("weights") is not None or setup.recipe.balance in ("weights", "prior")
            for setup in setups
        )
        self._name: str | None = loss.name if loss.name in _STACKED and not weighted else None
        smoothing = [float(setup.recipe.loss.args.get("smoothing", 0.0)) for setup in setups]
        self._smoothing = torch.tensor(smoothing, device=setups[0].device)[:, None] if any(smoothing) else None

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """What each member minimises, (K,).

        Args:
            output: (K, C, B).
            target: (K, B), (K, B, C) or values like them.
        """
        return self._losses(output, target, plain=False)

    def plain_losses(self, output: Tensor, target: Tensor) -> Tensor:
        """What is reported: without smoothing, class weights and adjustment of the outputs, (K,)."""
        return self._losses(output, target, plain=True)

    def _losses(self, output: Tensor, target: Tensor, plain: bool) -> Tensor:
        if self._name == "mse":
            return (output.transpose(1, 2) - target.view(len(output), output.shape[2], -1)).square().mean((1, 2))
        if self._name == "cross_entropy":
            terms = _cross_entropies(output, target, None if plain else self._smoothing)
            return terms.mean(1)
        each: list[Any] = [setup.plain_loss if plain else setup.loss for setup in self._setups]
        return torch.stack([loss(o.t(), t) for loss, o, t in zip(each, output, target, strict=True)])


def _cross_entropies(output: Tensor, target: Tensor, smoothing: Tensor | None) -> Tensor:
    """(K, B): of classes (K, B), or of distributions (K, B, C)."""
    logs = functional.log_softmax(output, dim=1)
    if target.is_floating_point():
        found = -(target.transpose(1, 2) * logs).sum(1)
    else:
        found = -logs.gather(1, target[:, None]).squeeze(1)
    return found if smoothing is None else (1 - smoothing) * found - smoothing * logs.mean(1)


def sums(output: Tensor, target: Tensor, num_classes: int | None) -> Tensor:
    """Of a batch, by member: the right answers, (K, 1); or squared residuals, squared targets and targets by column.

    Args:
        output: (K, C, B).
        target: (K, B), or (K, B, C).
        num_classes: None in regression.

    Returns:
        (K, 1) or (K, 3 C), float64.
    """
    if num_classes is not None:
        return (output.argmax(1) == target).sum(1, dtype=torch.float64)[:, None]
    y = target.double().view(len(output), output.shape[2], -1)
    residuals = (output.transpose(1, 2).double() - y).square().sum(1)
    return torch.cat((residuals, y.square().sum(1), y.sum(1)), dim=1)


def right_by_class(output: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Right answers of a batch by member and class, (K, C) int64.

    Args:
        output: (K, C, B).
        target: (K, B).
        num_classes: C.
    """
    right = (output.argmax(1) == target).long()
    return torch.zeros(len(output), num_classes, dtype=torch.int64, device=output.device).scatter_add_(1, target, right)


def metric(total: Tensor, num_classes: int | None) -> Tensor:
    """Accuracy or R2 of each member, (K,), from the mean of its `sums`."""
    if num_classes is not None:
        return total[:, 0]
    residual, squares, mean = total.view(len(total), 3, -1).unbind(1)
    spread = squares - mean**2
    return torch.where(spread > 0, 1 - residual / spread, 0.0).mean(1)

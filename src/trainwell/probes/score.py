"""Score: how good the outputs are, by a number that is the same for every loss: accuracy, or R2."""

import math
from typing import Any

import torch
from torch import Tensor

from trainwell.probes.contents import tensors
from trainwell.probes.parts import Task


def score(output: Any, target: Any, task: Task, loss: Any = None) -> float | None:
    """Accuracy of classes, or R2 of values, not below 0; None where output and target give neither.

    Classes are read from class numbers, one-hot rows, and columns of 0 and 1 or of -1 and 1. A single output says class
    1 above 0 where the loss takes logits or the targets are -1 and 1, otherwise above 1/2. Outputs (N, C, ...) against
    targets (N, ...) are counted place by place.

    Args:
        output: What the network gave, (N, ...).
        target: (N, ...).
        task: What the targets are.
        loss: The loss: it tells logits from probabilities.
    """
    found, wanted = (next((tensor for _, tensor in tensors(value)), None) for value in (output, target))
    if found is None or wanted is None or not len(found) or len(found) != len(wanted):
        return None
    found, wanted = found.detach().float(), wanted.detach()
    return _r2(found, wanted) if task == "regression" else _accuracy(found, wanted, loss)


def _r2(output: Tensor, target: Tensor) -> float | None:
    output, target = output.reshape(len(output), -1).double(), target.reshape(len(target), -1).double()
    if output.shape != target.shape:
        return 0.0
    if not output.isfinite().all():
        return 0.0
    total = float((target - target.mean(0)).square().sum())
    if not total or not math.isfinite(total):
        return None
    return max(0.0, 1 - float((output - target).square().sum()) / total)


def _accuracy(output: Tensor, target: Tensor, loss: Any) -> float | None:
    if output.ndim > 2 and target.ndim == output.ndim - 1 and output[:, 0].shape == target.shape:
        return float((output.argmax(1) == target).double().mean())
    if output.ndim == 3 and target.shape == output.shape[:2]:
        return float((output.argmax(2) == target).double().mean())
    output = output.reshape(len(output), -1)
    target = target.reshape(len(target), -1)
    rows = target.shape[1] > 1
    if rows and output.shape[1] == target.shape[1] and bool((target.float().sum(1) - 1).abs().max() > 1e-3):
        return float(((output > _middle(target, loss)) == (target > 0.5)).double().mean())  # several labels a sample
    if rows and output.shape[1] == target.shape[1]:
        return float((output.argmax(1) == target.argmax(1)).double().mean())
    if rows:
        return None
    classes = target[:, 0]
    if output.shape[1] > 1:
        return float((output.argmax(1) == classes.round().long()).double().mean())
    middle = _middle(target, loss)
    if bool((classes < 0).any()):
        classes = (classes > 0).long()
    if middle == 0.0:
        said = (output[:, 0] > 0).long()
    else:
        said = torch.nan_to_num(output[:, 0]).clamp(-1e6, 1e6).round().long()
    return float((said == classes.round().long()).double().mean())


def _middle(target: Tensor, loss: Any) -> float:
    names = {type(loss).__name__, getattr(loss, "__name__", "")}
    names |= {type(child).__name__ for child in loss.modules()} if isinstance(loss, torch.nn.Module) else set()
    logits = any(
        "withlogits" in name.lower().replace("_", "") or "softmargin" in name.lower().replace("_", "") for name in names
    )
    return 0.0 if logits or bool((target < 0).any()) else 0.5

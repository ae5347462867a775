"""Facts: what a training loop shows of its script, where nobody tells."""

import math
from collections.abc import Iterator
from typing import Any, Literal

from torch import Tensor, nn
from torch.optim import Optimizer

from trainwell.diagnoses.evidence import Facts, Group
from trainwell.diagnoses.script import groups_of, loss_facts

_DEPTH = 8  # operations behind a loss among which its kind is looked for

# What autograd calls the losses of torch, and the module that goes by them.
_GRAPHS = {
    "NllLoss": "NLLLoss",
    "NllLoss2D": "NLLLoss",
    "NllLossNd": "NLLLoss",
    "BinaryCrossEntropy": "BCELoss",
    "BinaryCrossEntropyWithLogits": "BCEWithLogitsLoss",
    "MseLoss": "MSELoss",
    "SmoothL1Loss": "SmoothL1Loss",
    "HuberLoss": "HuberLoss",
    "KlDiv": "KLDivLoss",
    "SoftMarginLoss": "SoftMarginLoss",
    "MultiMarginLoss": "MultiMarginLoss",
}
_MEAN = 1  # torch's number for `reduction="mean"`
_OF_VALUES = ("mse", "l1", "huber", "poisson", "gaussian")  # in the names of losses of a regression


def facts_of(
    model: nn.Module,
    optimizer: Optimizer,
    loss: Any,
    value: Tensor | None = None,
    *,
    start: Facts | None = None,
    batch_size: int = 0,
    steps: int = 0,
) -> Facts:
    """What is known of the script. Numbers of samples and epochs are 0: a loop does not show them.

    Args:
        model: The network.
        optimizer: The optimizer.
        loss: The loss, or None.
        value: A loss with its graph, by which it is named where `loss` is None.
        start: Facts from before the training: the rates are the larger of then and now, and the loss is named as then.
        batch_size: Samples of a batch; 0 where none was seen.
        steps: Steps of the whole training.
    """
    name, settings = ("", {}) if loss is None else loss_facts(loss)
    if loss is None and value is not None:
        name = _name(value)
    if start is not None and loss is None:
        name = start.loss
    groups = groups_of(optimizer)
    if start is not None:
        groups = tuple(_larger(group, before) for group, before in zip(groups, start.groups, strict=False))
    task: Literal["classification", "regression"] = "classification"
    if any(word in name.lower() for word in _OF_VALUES):
        task = "regression"
    return Facts(
        task=task,
        model=type(model).__name__,
        loss=name,
        loss_settings=settings,
        optimizer=type(optimizer).__name__,
        groups=groups,
        scheduler="",
        batch_size=batch_size,
        epochs=0,
        steps=steps,
        num_train=0,
        num_valid=0,
        own_valid=False,
        num_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        has_build=False,
        random_frozen=(),
        penalty=None,
    )


def constant_loss(value: Tensor) -> float | None:
    """Loss of the best constant output, as far as the graph of a loss tells: of classes that are equally frequent.

    Returns:
        log C of a mean cross entropy over C classes, log 2 of a binary one; None of any other loss, of a sum, and where
        something else was made of it.
    """
    node = value.grad_fn
    if node is None or getattr(node, "_saved_reduction", _MEAN) != _MEAN:
        return None
    name = node.name().removesuffix("Backward0")
    if name.startswith("BinaryCrossEntropy"):
        return math.log(2)
    behind = [following for following, _ in node.next_functions if following is not None]
    if _GRAPHS.get(name) != "NLLLoss" or not behind or not behind[0].name().startswith("LogSoftmax"):
        return None
    shape = behind[0]._input_metadata[0].shape
    return math.log(shape[1 if len(shape) > 1 else 0])


def _larger(group: Group, before: Group) -> Group:
    rates = [one.settings["lr"] for one in (group, before) if "lr" in one.settings]
    return Group(
        settings=group.settings | ({"lr": max(rates)} if rates else {}),
        num_parameters=group.num_parameters,
    )


def _name(value: Tensor) -> str:
    """Class of the loss by the operations that made it; empty where they are none of torch's losses."""
    names = list(_operations(value))
    found = next((_GRAPHS[name] for name in names if name in _GRAPHS), "")
    return "CrossEntropyLoss" if found == "NLLLoss" and "LogSoftmax" in names else found


def _operations(value: Tensor) -> Iterator[str]:
    level = [] if value.grad_fn is None else [value.grad_fn]
    for _ in range(_DEPTH):
        yield from (node.name().split("Backward")[0].split("::")[-1] for node in level)
        level = [following for node in level for following, _ in node.next_functions if following is not None]
        if len(level) > 8 * _DEPTH:
            return

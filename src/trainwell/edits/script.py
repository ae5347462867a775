"""Script: lines of Python that change a program's parts, carried out as a person would who pastes them.

What is tried and what is shown are the same lines, so that they cannot differ.
"""

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from trainwell.edits import Edited
from trainwell.probes.parts import Parts

SAMPLES = 20000  # from which statistics are taken, where there are more
_NAMES = ("model", "loss", "optimizer", "batch_size", "epochs")


def carried_out(parts: Parts, says: str, code: str) -> Edited:
    """The lines run on the parts, of which they may set model, loss, optimizer, batch size and epochs.

    Args:
        parts: Changed in place.
        says: What the lines do, in a few words.
        code: The lines. What they draw comes from torch's global generator.

    Returns:
        What was done.
    """
    names: dict[str, Any] = {name: getattr(parts, name) for name in _NAMES} | {"torch": torch, "nn": nn}
    exec(code, names)
    before = parts.optimizer
    for name in _NAMES:
        setattr(parts, name, names[name])
    if parts.optimizer is not before and parts.scheduler is not None:
        follow(parts, before)
    return Edited(says=says, code=code)


def mapped(parts: Parts, says: str, code: str, *, x: str = "x", y: str = "y") -> Edited:
    """Every sample exchanged, of training and of validation alike.

    Args:
        parts: Changed in place.
        says: What is done, in a few words.
        code: Lines that find what is needed in `train`, of which they see the first `SAMPLES`; perhaps none.
        x: The expression that makes new inputs of `x`; each sample of its own.
        y: The same of targets, of `y`.

    Returns:
        What was done.
    """
    names: dict[str, Any] = {"torch": torch, "nn": nn, "train": parts.train.first(SAMPLES)}
    exec(code, names)
    del names["train"]
    change = eval(f"lambda batch: (lambda x, y: ({x}, {y}))(*batch)", names)
    parts.train, parts.valid = parts.train.changed(change), parts.valid.changed(change)
    return Edited(says=says, code=f"{code}train, valid = (({x}, {y}) for x, y in (train, valid))")


def follow(parts: Parts, before: Optimizer) -> None:
    """Let the scheduler turn the optimizer that is there now, in proportion to its rates, instead of the one before."""
    scheduler, now = parts.scheduler, parts.optimizer
    if scheduler is None:
        return
    was = before.param_groups[0]
    top = was.get("max_lr", was.get("initial_lr", 0.0))  # what one-cycle schedules rise to, others start from
    for group in now.param_groups:
        if "initial_lr" not in group:  # not taken over from the one before
            factor = group["lr"] / top if top else 1.0
            group["initial_lr"] = was.get("initial_lr", top) * factor
            group |= {name: was[name] * factor for name in ("max_lr", "min_lr") if name in was}
    for each in [scheduler, *getattr(scheduler, "_schedulers", [])]:
        each.optimizer = now
        if hasattr(each, "base_lrs"):
            each.base_lrs = [group["initial_lr"] for group in now.param_groups]
        if hasattr(each, "cycle_momentum") and "momentum" not in now.param_groups[0]:
            each.cycle_momentum = False


def place(model: nn.Module, name: str) -> str:
    """How a script reaches a module: `model.body[2].act`."""
    text, here = "model", model
    for part in name.split(".") if name else []:
        if isinstance(here, nn.Sequential | nn.ModuleList):
            text += f"[{part}]"
        elif isinstance(here, nn.ModuleDict):
            text += f"[{part!r}]"
        elif part.isidentifier():
            text += f".{part}"
        else:
            text += f".get_submodule({part!r})"
        here = here.get_submodule(part)
    return text


def exchange(model: nn.Module, name: str, new: str) -> str:
    """The line that puts another module where one is; `new` is the expression that makes it."""
    where = place(model, name)
    if where.endswith(")"):
        return f"model.set_submodule({name!r}, {new})"
    return f"{where} = {new}"


def like_others(model: nn.Module) -> str:
    """What takes a new module to where the others are, in their type: `.to("cuda:0", torch.bfloat16)`, or nothing."""
    first = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
    device = [] if first.device.type == "cpu" else [f'"{first.device}"']
    kind = [] if first.dtype is torch.float32 else [str(first.dtype)]
    return f".to({', '.join([*device, *kind])})" if device or kind else ""


def names_of(model: nn.Module, module: nn.Module) -> list[str]:
    """All names under which a module is known in a model; more than one where it is used twice."""
    return [name for name, found in model.named_modules(remove_duplicate=False) if found is module]


def joined(optimizer: Optimizer, places: list[str]) -> str:
    """Lines by which the optimizer holds the parameters of new modules too, and starts afresh."""
    new = ", ".join(f"*{place}.parameters()" for place in places)
    return f'optimizer.param_groups[0]["params"] += [{new}]\n{afresh(optimizer)}'


def afresh(optimizer: Optimizer) -> str:
    """The line by which an optimizer forgets what it has seen."""
    if type(optimizer).__module__.startswith("torch.optim"):
        return "optimizer = type(optimizer)(optimizer.param_groups)  # afresh: its memory is of other weights"
    return "optimizer.state.clear()  # its memory is of other weights"

"""Copies of what belongs to a training program and torch cannot copy as it is: optimizers, schedulers, closures."""

import copy
import functools
import types
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class Carried:
    """Carries an optimizer through a deep copy, which gives the copy itself, with all its attributes."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    def __deepcopy__(self, memo: dict[int, Any]) -> Optimizer:
        return copy_optimizer(self.optimizer, memo)


def copy_optimizer(optimizer: Optimizer, memo: dict[int, Any]) -> Optimizer:
    """A copy with all attributes, which torch's own leaves out; without hooks and a step that others have wrapped."""
    made: Optimizer = object.__new__(type(optimizer))
    memo[id(optimizer)] = made
    for value in vars(optimizer).values():
        if isinstance(value, Optimizer) and id(value) not in memo:
            copy_optimizer(value, memo)
    for name, value in vars(optimizer).items():
        if name.endswith("_hooks"):
            made.__dict__[name] = type(value)()
        elif name != "step" and not isinstance(value, types.MethodType):
            made.__dict__[name] = copy.deepcopy(value, memo)
    return made


def copy_scheduler(scheduler: LRScheduler, memo: dict[int, Any]) -> LRScheduler:
    """A copy that steps the copy of its optimizer."""
    made: LRScheduler = object.__new__(type(scheduler))
    memo[id(scheduler)] = made
    for name, value in vars(scheduler).items():
        if not isinstance(value, types.MethodType):
            made.__dict__[name] = copy.deepcopy(value, memo)
    return made


def _rebound(function: types.FunctionType, memo: dict[int, Any]) -> Any:
    """The function, with what it reaches for outside of its arguments exchanged for its copies, where there are such.

    That is what it has closed over, what stands in its defaults, and what it names of the script it is in: the usual
    `loss = lambda output, target: criterion(output, target) + 0.01 * model.fc.weight.abs().sum()`.
    """
    if id(function) in memo:
        return memo[id(function)]
    if not _reaches(function, memo, set()):
        return function
    cells = [types.CellType() for _ in function.__closure__ or ()]
    world = {**function.__globals__}
    made = types.FunctionType(function.__code__, world, function.__name__, None, tuple(cells))
    memo[id(function)] = made  # before what it reaches for, which may be the function itself
    world |= {name: copied(value, memo) for name, value in _named(function).items()}
    made.__defaults__ = copied(function.__defaults__, memo)
    made.__kwdefaults__ = copied(function.__kwdefaults__, memo)
    for cell, before in zip(cells, function.__closure__ or (), strict=True):
        if before != types.CellType():  # nothing may have been put into it yet
            cell.cell_contents = copied(before.cell_contents, memo)
    return made


def copied(value: Any, memo: dict[int, Any]) -> Any:
    """The copy of what has one, or reaches for what has one; anything else itself."""
    if not _reaches(value, memo, set()):
        return value
    return _rebound(value, memo) if isinstance(value, types.FunctionType) else copy.deepcopy(value, memo)


def _reaches(value: Any, memo: dict[int, Any], seen: set[int]) -> bool:
    """Whether a value is, holds or calls a module or something that has a copy."""
    if id(value) in memo or isinstance(value, nn.Module):
        return True
    if id(value) in seen:
        return False
    seen.add(id(value))
    held: list[Any] = []
    if isinstance(value, types.FunctionType):
        held = [cell.cell_contents for cell in value.__closure__ or () if cell != types.CellType()]
        held += [*_named(value).values(), value.__defaults__, value.__kwdefaults__]
    elif isinstance(value, functools.partial):
        held = [value.func, *value.args, *value.keywords.values()]
    elif isinstance(value, types.MethodType):
        held = [value.__self__]
    elif isinstance(value, list | tuple | dict):
        held = list(value.values()) if isinstance(value, dict) else list(value)
    return any(_reaches(one, memo, seen) for one in held)


def _named(function: types.FunctionType) -> dict[str, Any]:
    """The global names that a function and those within it mention; of functions only those of the same script."""
    world, codes, names = function.__globals__, [function.__code__], set[str]()
    for code in codes:
        names.update(code.co_names)
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    found = {name: world[name] for name in names if name in world}
    return {n: v for n, v in found.items() if not isinstance(v, types.FunctionType) or v.__globals__ is world}

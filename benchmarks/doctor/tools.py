"""What faultbench asks for: `diagnose`, `repair`, and the repair that a dice would make."""

import contextlib
import random
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch.optim.lr_scheduler import LRScheduler
from torch.optim.optimizer import register_optimizer_step_post_hook

from trainwell.diagnoses import Diagnosis
from trainwell.diagnoses.checkup import checkup
from trainwell.diagnoses.repair import Repair
from trainwell.diagnoses.repair import repair as repaired
from trainwell.edits import apply, edits
from trainwell.errors import TrainwellError
from trainwell.family import Member, Part
from trainwell.probes.parts import Build, Parts, parts
from trainwell.probes.training import train as trained

_MOST = 3  # edits of one draw
_DRAWS = 50  # refused or dear, one after another, and a search ends
_RANGES = {("rate", "factor"): (0.01, 100.0), ("epochs", "factor"): (0.5, 3.0), ("optimizer", "lr"): (1e-4, 1.0)}


def diagnose(
    model: Any, loss: Any, optimizer: Any, train: Any, valid: Any, batch_size: int, epochs: int, task: str, build: Build
) -> Diagnosis:
    """A checkup, as `faultbench.py score` asks for it."""
    return checkup(model, loss, optimizer, train, valid, batch_size=batch_size, epochs=epochs, task=task, build=build)


def repair(
    model: Any,
    loss: Any,
    optimizer: Any,
    train: Any,
    valid: Any,
    batch_size: int,
    epochs: int,
    task: str,
    build: Build,
    scheduler: LRScheduler | None = None,
) -> Repair | None:
    """A repair, as `faultbench.py repair-score` asks for it; None where it leaves the program as it is."""
    size = {"batch_size": batch_size, "epochs": epochs}
    made = repaired(model, loss, optimizer, train, valid, **size, scheduler=scheduler, task=task, build=build)
    return made if made.changed else None


@dataclass(frozen=True)
class Edited:
    """A program as it is built, with edits made one after another.

    Args:
        edits: In their order.
        program: Builds it without them.
        task: What its targets are.
    """

    edits: tuple[Part, ...]
    program: Build
    task: str

    def build(self, seed: int) -> tuple[Any, ...]:
        """The edited program, with another random start: (model, loss, ..., batch_size, epochs)."""
        model, loss, optimizer, train, valid, batch_size, epochs = self.program(seed)
        made = parts(model, loss, optimizer, train, valid, batch_size=batch_size, epochs=epochs, task=self.task)
        for edit in self.edits:
            edits.build(edit, made)
        samples = made.train.whole(), made.valid.whole()
        return made.model, made.loss, made.optimizer, *samples, made.batch_size, made.epochs


def random_search(budget: int, seed: str) -> Callable[..., Edited | None]:
    """A tool that draws edits at random and keeps those that score best, each trained once, as the unedited program is.

    Args:
        budget: Steps of training that it may take in all.
        seed: Of the draws.
    """

    def tool(
        model: Any,
        loss: Any,
        optimizer: Any,
        train: Any,
        valid: Any,
        batch_size: int,
        epochs: int,
        task: str,
        build: Build,
    ) -> Edited | None:
        given = parts(model, loss, optimizer, train, valid, batch_size=batch_size, epochs=epochs, task=task)
        if budget < given.steps:
            return None
        unedited = trained(given.copy())
        best, left = unedited.end or 0.0, budget - unedited.taken
        kept: tuple[Part, ...] = ()
        dice, draws = random.Random(seed), 0
        while draws < _DRAWS:
            changes = drawn(dice)
            tried = attempt(given, changes)
            draws += 1
            if tried is None or tried.steps > left:
                continue
            try:
                curves = trained(tried)
            except (RuntimeError, ValueError, IndexError):
                continue  # what was drawn makes no program: its shapes do not fit
            left, draws = left - curves.taken, 0
            if curves.end is not None and curves.end > best:
                best, kept = curves.end, changes
        return Edited(kept, build, task) if kept else None

    return tool


def drawn(dice: random.Random) -> tuple[Part, ...]:
    """One to three different edits, each with hyper-parameters drawn from their ranges."""
    members = dice.sample(list(edits), dice.randint(1, _MOST))
    values = [{name: _value(member, name, dice) for name in member.hyper} for member in members]
    return tuple(edits.part(member.id, **given) for member, given in zip(members, values, strict=True))


def _value(member: Member, name: str, dice: random.Random) -> Any:
    choices = typing.get_args(member.types[name])
    if typing.get_origin(member.types[name]) is typing.Literal:
        return dice.choice(choices)
    if member.types[name] is bool:
        return dice.choice([False, True])
    known = _RANGES.get((member.id, name)) or member.tune.get(name)
    if known is None:
        return member.hyper[name].default
    if len(known) not in (2, 3) or isinstance(known[0], str):
        return dice.choice(known)
    low, high = known[:2]
    value = low * (high / low) ** dice.random() if low > 0 else low + (high - low) * dice.random()
    return round(value) if member.types[name] is int else value


def attempt(given: Parts, changes: tuple[Part, ...]) -> Parts | None:
    """A copy with the edits made; None where one of them is refused, or cannot be made behind another."""
    try:
        made, done = apply(given, *changes)
    except (TrainwellError, RuntimeError, ValueError):
        return None
    return None if any(one.why_not for one in done) else made


@contextlib.contextmanager
def counted(steps: list[int]) -> Iterator[None]:
    """Within it every step of any optimizer of this process adds one to `steps[0]`."""

    def add(*_: Any) -> None:
        steps[0] += 1

    handle = register_optimizer_step_post_hook(add)
    try:
        yield
    finally:
        handle.remove()

"""What a study stands on: the data, the recipe with every choice resolved, the checks, the length of a training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from trainwell.errors import BadData, Failed
from trainwell.method.advise import advise
from trainwell.method.check import check_setup
from trainwell.method.look import Look, Options, consequences
from trainwell.method.pace import choose, samples_to_time
from trainwell.method.screen import Screen
from trainwell.recipe import Recipe, parse_edit
from trainwell.search.ledger import Ledger
from trainwell.search.running.in_turn import InTurn
from trainwell.search.trial import Trial
from trainwell.search.work import Work
from trainwell.training.engine import Engine, running
from trainwell.training.interrupt import Stop
from trainwell.training.setup import Setup, set_up

_TIMED = (0.025, 0.1)  # of a full training, to know what one takes with its scores and all


@dataclass(frozen=True)
class Ground:
    """What a study stands on.

    Args:
        looked: Data and recipe.
        requested: The recipe as `fit` would take it for the winner: with the rate of the checks, not yet calibrated.
        recipe: The same with number format, layout and threads resolved: what the trials edit.
        device: Where to train.
        steps: Steps of a full training.
        noise: Standard error of the difference between two scores, by the number of validation samples.
    """

    looked: Look
    requested: Recipe
    recipe: Recipe
    device: torch.device
    steps: int
    noise: float

    def finish(self, edits: tuple[str, ...]) -> tuple[str, ...]:
        """The edits with those that follow from them: what the recipe had for a technique that is replaced."""
        edited = self.recipe.edit(edits)
        pinned = (*self.looked.pinned, *(parse_edit(edit)[0] for edit in edits))
        whole = consequences(self.recipe, edited, pinned)
        more = [
            f"{name}={getattr(whole, name)}" for name in _FOLLOWING if getattr(whole, name) != getattr(edited, name)
        ]
        return (*edits, *more)

    def epochs(self, edits: tuple[str, ...]) -> float:
        """Epochs of a full training with these edits."""
        return self.recipe.edit(edits).epochs

    def work(self, folds: int | None, given: nn.Module | None, keep_memory: bool) -> Work:
        """What the runners share."""
        return Work(
            self.looked.data, self.recipe, device=self.device, folds=folds, given=given, keep_memory=keep_memory
        )


_FOLLOWING = ("norm_bias_rate", "views", "warmup", "start")


def prepare(
    looked: Look,
    device: torch.device,
    options: Options,
    screen: Screen,
    model: nn.Module | None,
    stored: Mapping[str, Any] | None,
) -> tuple[Ground, Setup, Engine]:
    """Bind the recipe to the data, and decide how to compute; an earlier decision is kept.

    Raises:
        BadData: No validation split, by which settings are compared.
        Refused: The recipe asks for what this data cannot give.
    """
    if "valid" not in looked.data.splits:
        raise BadData(
            "A search compares settings on a validation split, and this data has none: too few rows. "
            "Add rows, or set valid_fraction."
        )
    setup = set_up(looked.data, looked.recipe, device, model)
    samples_to_time(setup)  # refuses a batch that cannot fit, before the network is given one
    calibration = choose(setup, options.cache, screen)
    engine = calibration.engine(device)
    resolved = looked.recipe.replace(
        precision=engine.precision,
        layout=engine.layout,
        compile="yes" if engine.compile else "no",
        threads=engine.threads,
    )
    requested = looked.recipe
    if stored is not None:
        resolved, requested = Recipe.from_json(stored["recipe"]), Recipe.from_json(stored["requested"])
        precision, layout, threads = resolved.precision, resolved.layout, resolved.threads
        engine = Engine(device, precision, layout, resolved.compile == "yes", threads or engine.threads)
    steps = setup.feeds["train"].stream.steps(resolved.epochs)
    samples = len(setup.feeds["valid"])
    noise = (2 * 0.25 / samples) ** 0.5 if looked.data.classes and setup.monitor == "valid_accuracy" else 0.0
    return Ground(looked, requested, resolved, device, steps, noise), setup, engine


def seconds_of_training(work: Work, stop: Stop) -> float:
    """Seconds of a full training of the recipe, one after another: two short ones tell what a step and a start take.

    Raises:
        Failed: It cannot be carried out.
        Interrupted: A signal came.
    """
    shorter, longer = (_seconds(work, share, stop) for share in _TIMED)
    slope = (longer - shorter) / (_TIMED[1] - _TIMED[0])
    if slope <= 0:  # so short that the start is all there is to time
        return longer / _TIMED[1]
    return slope + max(0.0, shorter - slope * _TIMED[0])


def _seconds(work: Work, share: float, stop: Stop) -> float:
    trial = Trial(number=0, edits=(), seed=work.recipe.seed, epochs=work.recipe.epochs * share, stage="timed")
    with InTurn(work, stop=stop) as runner:
        result = next(iter(runner.run([trial], lambda *_: True)))
    if result.state == "failed":
        raise Failed(f"The recipe's own settings cannot be trained: {result.why}")
    return result.seconds


def check_ground(ground: Ground, setup: Setup, engine: Engine, ledger: Ledger, screen: Screen) -> Ground:
    """The checks of the method, as `fit` makes them; a rate outside the interval is replaced as there."""
    for finding in advise(setup, screen):
        ledger.add("finding", **finding.json())
    pinned = "optimizer.lr" in ground.looked.pinned
    with running(engine):
        checked = check_setup(setup, engine, ledger.add, screen, rate_pinned=pinned)
    for finding in checked.findings:
        ledger.add("finding", **finding.json())
    if checked.rate is None:
        return ground
    edit = [f"optimizer.lr={checked.rate!r}"]
    return Ground(
        ground.looked,
        ground.requested.edit(edit),
        ground.recipe.edit(edit),
        ground.device,
        ground.steps,
        ground.noise,
    )


def rate_line(lines: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The last word of the record on the range of rates; None where there was no test, or it found no interval."""
    found = [line for line in lines if line["kind"] == "rate" and line.get("ok")]
    return found[-1] if found else None

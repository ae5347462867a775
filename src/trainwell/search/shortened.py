"""Shortened trainings, many at a time: the same plan at another rate, in a share of the steps.

The schedule is compressed with its warm-up, so that a shortened training ends settled, as a whole one does.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from trainwell.errors import Diverged, Failed
from trainwell.optimizers import optimizers
from trainwell.recipe import Recipe
from trainwell.search.population import Population, fusable
from trainwell.search.trial import Runner, Trial
from trainwell.training.engine import Engine
from trainwell.training.evaluate import score
from trainwell.training.loop import Trainer
from trainwell.training.setup import Setup, set_up

STAGE = "rate"
_SCORED = 2000  # samples: the loss is that of the same ones for all rates, so that few are enough
_FIRST_NUMBER = 1_000_000  # of trials that belong to no study


@dataclass(frozen=True)
class Shortened:
    """One training.

    Args:
        rate: Peak learning rate.
        seed: Added to the seed of the recipe.
        share: Of the steps of the recipe.
    """

    rate: float
    seed: int
    share: float


Train = Callable[[Sequence[Shortened]], list[float]]
"""Trains all of them, and gives the loss that each ends with: of the validation split, or of training samples where
there is none; infinite for one that diverged."""


def here(setup: Setup, engine: Engine) -> Train:
    """Trainings in this process, all from the weights of the setup, which stay as they are.

    Dense networks, and all on a GPU, are trained together where `fusable` allows it; others in turn.
    """

    def train(wanted: Sequence[Shortened]) -> list[float]:
        if _pays(setup, engine) and fusable([_setup_for(setup, one) for one in wanted[:2]]) is None:
            return _together([_setup_for(setup, one) for one in wanted], engine)
        return [_alone(_setup_for(setup, one), engine) for one in wanted]

    return train


def through(runner: Runner, recipe: Recipe) -> Train:
    """Trainings as trials of a runner, of which each seed has its own weights.

    Args:
        runner: Of a study.
        recipe: The recipe that its trials edit.

    Raises:
        Failed: A training could not be carried out.
    """

    def train(wanted: Sequence[Shortened]) -> list[float]:
        trials = {
            _FIRST_NUMBER + index: Trial(
                number=_FIRST_NUMBER + index,
                edits=(f"optimizer.lr={one.rate!r}",),
                seed=recipe.seed + one.seed,
                epochs=recipe.epochs * one.share,
                stage=STAGE,
            )
            for index, one in enumerate(wanted)
        }
        losses: dict[int, float] = {}
        for result in runner.run(list(trials.values()), lambda _trial, _score: True):
            if result.state == "failed":
                rate = wanted[result.number - _FIRST_NUMBER].rate
                raise Failed(f"The range test could not train at rate {rate:.3g}: {result.why}")
            reached = result.scores[-1].valid_loss if result.scores else math.inf
            losses[result.number] = reached if result.state == "complete" and math.isfinite(reached) else math.inf
        return [losses[number] for number in trials]

    return train


def loss_of(setup: Setup, model: nn.Module, engine: Engine) -> float:
    """The reported loss of a model, by which the rates are compared."""
    feed = setup.feeds.get("valid", setup.feeds["train"])
    loss = score(model, feed, engine, setup.plain_loss, _SCORED)["loss"]
    return loss if math.isfinite(loss) else math.inf


def _setup_for(setup: Setup, one: Shortened) -> Setup:
    recipe = setup.recipe.replace(
        optimizer=optimizers.part(setup.recipe.optimizer, lr=one.rate),
        epochs=setup.recipe.epochs * one.share,
        seed=setup.recipe.seed + one.seed,
        measure=(),
        patience=None,
        keep="last",
    )
    model = copy.deepcopy(setup.model)
    bound = set_up(setup.data, recipe, setup.device, model, setup)
    model.load_state_dict(setup.model.state_dict())  # its biases may have been filled anew
    return bound


def _pays(setup: Setup, engine: Engine) -> bool:
    if engine.precision != "fp32" or engine.compile:
        return False
    dense = not any(isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) for module in setup.model.modules())
    return dense or engine.device.type != "cpu"


def _together(setups: Sequence[Setup], engine: Engine) -> list[float]:
    population = Population(setups, engine)
    population.advance(max(member.steps for member in population.members))
    losses = []
    for index, (member, setup) in enumerate(zip(population.members, setups, strict=True)):
        if member.diverged:
            losses.append(math.inf)
            continue
        model = engine.place(setup.model)
        model.load_state_dict(population.weights(index))
        losses.append(loss_of(setup, model, engine))
    return losses


def _alone(setup: Setup, engine: Engine) -> float:
    model = engine.place(setup.model).train()
    plan = setup.plan([setup.recipe.epochs])
    optimizer = setup.optimizer(model, setup.rate)
    trainer = Trainer(model, optimizer, setup.rate, setup.feeds["train"], None, engine, plan)
    devices = [engine.device] if engine.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            while not trainer.finished:
                trainer.advance()
    except Diverged:
        return math.inf
    with trainer.averaged():
        return loss_of(setup, model, engine)

"""How fast trials run each way, from a moment of it."""

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from trainwell.search.population import Population
from trainwell.search.running.alone import trainer_of
from trainwell.search.trial import Trial
from trainwell.search.work import Work
from trainwell.training.engine import Engine, running
from trainwell.training.setup import Setup

_WARM_UP_STEPS = 3
_TURNS = 3


def ready_to_time(setups: Sequence[Setup], engine: Engine) -> Callable[[float], float]:
    """One training, or several as one population, past the first, slower steps.

    The rate is held at zero: timing does not depend on how a trial fares. The process has to be set up for the engine.

    Returns:
        Seconds -> steps a second, over so many seconds or to the end; of a population those of all its members.
    """
    steps = min(setup.feeds["train"].stream.steps(setup.recipe.epochs) for setup in setups)
    warm_up = min(_WARM_UP_STEPS, steps - 1)
    step: Callable[[], object]
    if len(setups) == 1:
        trainer = trainer_of(setups[0], engine)
        trainer.rate = 0.0
        step = trainer.advance
    else:
        population = Population(setups, engine)
        still = torch.zeros(len(setups), device=engine.device)
        step = functools.partial(population.advance, 1, still)
    for _ in range(warm_up):
        step()
    return lambda seconds: len(setups) * _rate(step, engine, seconds, steps - warm_up)


def rate_of(setups: Sequence[Setup], engine: Engine, seconds: float) -> float:
    """Steps a second of one training, or of all members of a population of several, in this process."""
    with running(engine):
        return ready_to_time(setups, engine)(seconds)


def alike(work: Work, first: Sequence[Trial], count: int) -> list[Setup]:
    """Setups of so many trials like the first ones: of one seed where those have one, else of a seed each."""
    one_seed = len({trial.seed for trial in first}) == 1
    taken = [first[place % len(first)] for place in range(count)]
    seeds = [first[0].seed + (0 if one_seed else place) for place in range(count)]
    return [work.set_up(replace(trial, seed=seed)) for trial, seed in zip(taken, seeds, strict=True)]


def _rate(step: Callable[[], object], engine: Engine, seconds: float, most: int) -> float:
    """Steps a second in the best of several turns: what else the machine does only ever adds."""
    best, left = 0.0, max(1, most)
    for _ in range(_TURNS):
        done, began = 0, time.perf_counter()
        while left and (done == 0 or time.perf_counter() - began < seconds / _TURNS):
            step()
            done += 1
            left -= 1
        if engine.device.type == "cuda":
            torch.cuda.synchronize(engine.device)
        best = max(best, done / (time.perf_counter() - began))
    return best

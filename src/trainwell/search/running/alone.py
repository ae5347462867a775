"""One trial, trained by itself in this process."""

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

from trainwell.errors import Diverged, Interrupted, OutOfMemory
from trainwell.search.trial import Judge, Result, Score, State, Trial
from trainwell.search.work import Work
from trainwell.training.engine import Engine
from trainwell.training.interrupt import Stop
from trainwell.training.loop import Trainer
from trainwell.training.memory import is_out_of_memory
from trainwell.training.setup import Setup


def train_alone(work: Work, trial: Trial, judge: Judge, engine: Engine, how: str, stop: Stop | None = None) -> Result:
    """Train a trial; what goes wrong in it is part of its result.

    The process has to be set up for the engine (`running`).

    Raises:
        Interrupted: `stop` was signalled; the trial has no result.
    """
    began = time.perf_counter()
    watch = _Watch(trial, judge, stop)
    state: State = "complete"
    why, keeps_best = "", True
    try:
        setup = work.set_up(trial)
        keeps_best = setup.recipe.keep == "best"
        watch.sign = -1.0 if setup.monitor.endswith("loss") else 1.0
        watch.monitor = setup.monitor
        trainer = trainer_of(setup, engine)
        trainer.run(watch, watch, watch.stop)
        if watch.pruned and not trainer.finished:
            state = "pruned"
    except Diverged as error:
        state, why = "diverged", str(error)
    except Exception as error:  # whatever a network of one's own or an edit may raise is the trial's result
        state, why = "failed", reason(error)
    if watch.broken is not None:
        raise watch.broken
    refuse_if_stopped(stop)
    seconds = time.perf_counter() - began
    return result_of(trial, state, watch.scores, seconds=seconds, how=how, why=why, keeps_best=keeps_best)


def trainer_of(setup: Setup, engine: Engine) -> Trainer:
    """A trainer at the first step of a setup."""
    model = engine.place(setup.model)
    feeds = setup.feeds
    plan = setup.plan([setup.recipe.epochs])
    optimizer = setup.optimizer(model, setup.rate)
    return Trainer(model, optimizer, setup.rate, feeds["train"], feeds.get("valid"), engine, plan)


def result_of(
    trial: Trial,
    state: State,
    scores: Iterable[Score],
    *,
    seconds: float,
    how: str,
    why: str = "",
    keeps_best: bool = True,
) -> Result:
    """The result of a training that ended so.

    Its value is that of the weights which a run of it would keep: the best finite score, or the last one where the
    recipe keeps the last weights and the training came to its end.
    """
    scores = tuple(scores)
    kept = scores if keeps_best or state != "complete" else scores[-1:]
    finite = [score.value for score in kept if math.isfinite(score.value)]
    value = max(finite, default=None) if state in ("complete", "pruned") else None
    if state == "complete" and value is None:
        state, why = "diverged", "no score was finite"
    return Result(number=trial.number, state=state, value=value, scores=scores, seconds=seconds, how=how, why=why)


def reason(error: Exception) -> str:
    """What a trial says of the error that ended it."""
    if is_out_of_memory(error) and not isinstance(error, OutOfMemory):
        return f"out of memory: {error}"
    return str(error) or type(error).__name__


def refuse_if_stopped(stop: Stop | None) -> None:
    """Raise `Interrupted` where the process has been asked to stop."""
    if stop is not None and stop.signal_name is not None:
        raise Interrupted(stop.signal_name, "Stopped; trials under way are lost, those that ended are kept.")


class _Watch:
    """Collects the scores of a training, asks the judge, and keeps no weights."""

    def __init__(self, trial: Trial, judge: Judge, outer: Stop | None) -> None:
        self.scores: list[Score] = []
        self.stop = Stop()
        self.monitor, self.sign = "", 1.0
        self.pruned = False
        self.broken: Exception | None = None  # by the judge: no fault of the trial
        self._trial, self._judge, self._outer = trial, judge, outer

    def line(self, kind: str, values: dict[str, Any]) -> None:
        """Take the score from an epoch line."""
        if kind != "epoch":
            return
        score = Score(
            step=values["step"],
            epoch=values["epoch"],
            value=self.sign * values[self.monitor],
            train_loss=values["objective"],
            valid_loss=values["valid_loss"],
        )
        self.scores.append(score)
        try:
            self.pruned = not self._judge(self._trial, score)
        except Exception as error:
            self.broken = error
        if self.pruned or self.broken is not None:
            self.stop.signal_name = "the judge"

    def step(self, step: int, steps: int, samples: int, loss: Callable[[], float]) -> None:
        """Pass a signal on to the training."""
        del step, steps, samples, loss
        if self._outer is not None and self._outer.signal_name is not None:
            self.stop.signal_name = self._outer.signal_name

    def scored(self, line: dict[str, Any]) -> None:
        """The score was taken from the line before."""

    def save(self, trainer: Trainer) -> None:
        """A trial is trained again from its start, never resumed."""

    def best(self, trainer: Trainer) -> None:
        """A trial leaves its scores behind, not its weights."""

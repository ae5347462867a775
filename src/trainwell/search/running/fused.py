"""Trials fused into one training: a population whose members leave when they are pruned and join when there is room."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from trainwell.errors import BadValue
from trainwell.search.population import Member, Population, fusable
from trainwell.search.running.alone import reason, refuse_if_stopped, result_of, train_alone
from trainwell.search.running.held import HeldRunner, silent
from trainwell.search.running.once import AskOnce
from trainwell.search.trial import Judge, Result, Score, State, Trial
from trainwell.search.work import Work
from trainwell.training.engine import running
from trainwell.training.interrupt import Stop
from trainwell.training.setup import Setup

T = TypeVar("T")
HOW = "fused"
_STEPS_BETWEEN_LOOKS = 100  # at whether to stop
_JOIN_SHARE = 0.5  # of the places have to be free: members that start together share their batches


@dataclass(eq=False)
class _Ready:
    """A trial bound to its data, that waits or trains.

    Args:
        trial: The trial.
        setup: The same bound to its data.
        scores: Of its training so far.
        seconds: Its share of the wall time so far.
    """

    trial: Trial
    setup: Setup
    scores: list[Score] = field(default_factory=list)
    seconds: float = 0.0

    def result(self, state: State, why: str = "") -> Result:
        """The result of a training that ended so."""
        keeps_best = self.setup.recipe.keep == "best"
        return result_of(self.trial, state, self.scores, seconds=self.seconds, how=HOW, why=why, keeps_best=keeps_best)


class Fused(HeldRunner):
    """Trains up to `width` trials as one; a trial that fits to no other is trained by itself.

    Args:
        work: What the trials share.
        width: Most members at a time.
        threads: Threads of the CPU; None takes those of the recipe.
        stop: Signalled when the study is to end.
        say: Where to say that trials could not be trained as one.

    Raises:
        BadValue: A width that fuses nothing, or a recipe that is to be compiled.
    """

    def __init__(
        self,
        work: Work,
        *,
        width: int,
        threads: int | None = None,
        stop: Stop | None = None,
        say: Callable[[str], None] = silent,
    ) -> None:
        if width < 2:
            raise BadValue(f"width={width} fuses nothing: expected at least 2 members.")
        if work.recipe.compile == "yes":
            raise BadValue("A fused training is not compiled. Leave compile=yes out, or run the trials in turn.")
        self._work, self._width, self._stop, self._say = work, width, stop, say
        self._engine = work.engine(threads)
        self._source: Iterator[Trial] = iter(())
        self._waiting: list[_Ready] = []
        self._unfit: list[Result] = []

    @property
    def chosen(self) -> str:
        return f"fused, up to {self._width} at once"

    def run(self, trials: Iterable[Trial], judge: Judge) -> Iterator[Result]:
        asked = AskOnce(judge)
        self._source, self._waiting, self._unfit = iter(trials), [], []
        while True:
            group = self._gather(None, self._width)
            yield from self._refused()
            if len(group) > 1:
                yield from self._together(group, asked)
            elif group:
                yield self._alone(group[0].trial, asked)
            elif not self._waiting:
                return

    def close(self) -> None:
        """There is nothing to end."""

    def _gather(self, anchor: Setup | None, room: int) -> list[_Ready]:
        """Trials that can be trained together with the anchor, or with one another: those that waited come first."""
        taken: list[_Ready] = []
        waiting, self._waiting = self._waiting, []
        for ready in waiting:
            anchor = self._place(ready, anchor, taken, room)
        while len(taken) < room and len(self._waiting) < self._width:
            trial = next(self._source, None)
            if trial is None:
                break
            try:
                with running(self._engine):
                    setup = self._work.set_up(trial)
            except Exception as error:  # whatever an edit or a network of one's own may raise is the trial's result
                self._unfit.append(result_of(trial, "failed", (), seconds=0.0, how=HOW, why=reason(error)))
                continue
            anchor = self._place(_Ready(trial, setup), anchor, taken, room)
        return sorted(taken, key=lambda ready: ready.trial.seed)  # those of one seed share their batches

    def _place(self, ready: _Ready, anchor: Setup | None, taken: list[_Ready], room: int) -> Setup:
        """Take a trial into the group, if it fits, or let it wait; returns the anchor."""
        fits = anchor is None or (len(taken) < room and fusable([anchor, ready.setup]) is None)
        (taken if fits else self._waiting).append(ready)
        return ready.setup if anchor is None else anchor

    def _refused(self) -> Iterator[Result]:
        while self._unfit:
            yield self._unfit.pop(0)

    def _alone(self, trial: Trial, judge: Judge) -> Result:
        refuse_if_stopped(self._stop)
        with running(self._engine):
            return train_alone(self._work, trial, judge, self._engine, "in turn", self._stop)

    def _together(self, present: list[_Ready], asked: AskOnce) -> Iterator[Result]:
        """Train a group, and those that join it, as a population; what that cannot do, its trials do one by one."""
        population = self._tried(len(present), Population, [ready.setup for ready in present], self._engine)
        while present and population is not None:
            refuse_if_stopped(self._stop)
            scored = self._tried(len(present), self._advance, population, present)
            if scored is None:
                break
            ended = self._ended(population.members, present, scored, asked)
            population.leave([place for place, ready in enumerate(present) if ready in ended])
            present = [ready for ready in present if ready not in ended]
            yield from ended.values()
            free = self._width - len(present)
            if not present or free < self._width * _JOIN_SHARE:
                continue
            joining = self._gather(present[0].setup, free)
            yield from self._refused()
            if joining:
                joined = self._tried(len(joining), self._join, population, joining)
                present += joining
                population = population if joined else None
        for ready in present:
            yield self._alone(ready.trial, asked)

    def _join(self, population: Population, joining: Sequence[_Ready]) -> bool:
        population.join([ready.setup for ready in joining])
        return True

    def _advance(self, population: Population, present: Sequence[_Ready]) -> list[Score | None]:
        """Train until the next members are due, or it is time to look around; returns their scores."""
        began = time.perf_counter()
        due = population.steps_to_score
        population.advance(min(due, _STEPS_BETWEEN_LOOKS))
        none: list[Score | None] = [None] * len(present)
        scored = population.scores() if due <= _STEPS_BETWEEN_LOOKS else none
        share = (time.perf_counter() - began) / len(present)
        for ready in present:
            ready.seconds += share
        return scored

    def _ended(
        self,
        members: Sequence[Member],
        present: Sequence[_Ready],
        scored: Sequence[Score | None],
        asked: AskOnce,
    ) -> dict[_Ready, Result]:
        """Results of those that are done, have diverged, or that the judge will not have go on."""
        ended: dict[_Ready, Result] = {}
        for ready, member, score in zip(present, members, scored, strict=True):
            if member.diverged:
                ended[ready] = ready.result("diverged", f"The loss is not finite at step {member.step}.")
                continue
            goes_on = True
            if score is not None:
                ready.scores.append(score)
                goes_on = asked(ready.trial, score)
            if member.finished:
                ended[ready] = ready.result("complete")
            elif not goes_on:
                ended[ready] = ready.result("pruned")
        return ended

    def _tried(self, count: int, call: Callable[..., T], *args: Any) -> T | None:
        """What a call on a population gives; None, and a word about it, where it fails."""
        try:
            with running(self._engine):
                return call(*args)
        except Exception as error:
            self._say(f"{count} trials could not be trained as one ({reason(error)}): they are trained in turn")
            return None

"""The way to run that is measured to be fastest, at the start of every run."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from operator import length_hint

from trainwell.errors import BadValue
from trainwell.search.population import fusable
from trainwell.search.running.alone import reason, refuse_if_stopped
from trainwell.search.running.fused import Fused
from trainwell.search.running.held import HeldRunner
from trainwell.search.running.in_turn import InTurn
from trainwell.search.running.parcel import refuse_objects
from trainwell.search.running.side_by_side import SideBySide
from trainwell.search.running.timing import alike, rate_of
from trainwell.search.trial import Judge, Result, Trial
from trainwell.search.work import Work
from trainwell.training.calibrate import choice
from trainwell.training.interrupt import Stop
from trainwell.training.machine import usable_threads

_SECONDS = 0.3  # for which each way is timed
_SECONDS_TO_START = 4.0  # of worker processes, which import torch
_WORTH_TIMING = 3.0  # seconds of training in turn up to which no other way is looked at
_FEW = 8  # members of a first, cheaper look at a population
_HOPELESS = 2.0  # times slower than the best with few members: more of them will not turn that
_ASSUMED_TRIALS = 8  # of a stream that does not tell its length


@dataclass(frozen=True)
class _Way:
    """A way to run that was timed.

    Args:
        runner: Who trains.
        seconds: For each trial.
        width: Trials fused into one in each worker, of those side by side.
    """

    runner: HeldRunner
    seconds: float
    width: int = 1


class Auto(HeldRunner):
    """Times a few steps of the first trials each way, and takes the fastest.

    Args:
        work: What the trials share.
        width: Most trials fused into one training.
        workers: Processes side by side; None takes one for each core.
        say: Where to say what was chosen.
        stop: Signalled when the study is to end.
    """

    def __init__(
        self, work: Work, *, width: int, workers: int | None, say: Callable[[str], None], stop: Stop | None
    ) -> None:
        self._work, self._width, self._say, self._stop = work, width, say, stop
        self._in_turn = InTurn(work, stop=stop)
        self._side = self._side_by_side(workers)
        self._chosen: HeldRunner = self._in_turn
        self._timed: dict[str, float] = {}  # seconds a trial, by way

    @property
    def chosen(self) -> str:
        return self._chosen.chosen

    def run(self, trials: Iterable[Trial], judge: Judge) -> Iterator[Result]:
        count = length_hint(trials, _ASSUMED_TRIALS)
        source = iter(trials)
        first = list(islice(source, 2))
        if first:
            refuse_if_stopped(self._stop)
            self._chosen = self._fastest(first, max(count, len(first)))
            self._say(self._line())
            yield from self._chosen.run(chain(first, source), judge)

    def close(self) -> None:
        if self._side is not None:
            self._side.close()

    def _side_by_side(self, workers: int | None) -> SideBySide | None:
        """The runner of several processes, where there may be one."""
        if (workers or usable_threads()) < 2 or self._work.device.type != "cpu":
            return None
        try:
            refuse_objects(self._work)
        except BadValue:
            return None
        return SideBySide(self._work, workers=workers, stop=self._stop)

    def _fastest(self, first: list[Trial], count: int) -> HeldRunner:
        """Time each way that may pay for so many trials like the first ones."""
        self._timed = {}
        try:
            setup = self._work.set_up(first[0])
            steps = setup.feeds["train"].stream.steps(setup.recipe.epochs)
            alone = steps / rate_of([setup], self._work.engine(), _SECONDS)
        except Exception:  # the run will say so of the trial
            return self._in_turn
        self._timed["in turn"] = alone
        ways = [_Way(self._in_turn, alone)]
        if alone * count > _WORTH_TIMING:
            fused = self._time_fused(first, steps, count)
            ways += fused
            best = min(way.seconds for way in ways)
            ways += self._time_side_by_side(first, steps, count, best, fuses=bool(fused))
        taken = ways[choice([way.seconds for way in ways])]
        if taken.runner is self._side:
            self._side.width = taken.width
        return taken.runner

    def _time_fused(self, first: list[Trial], steps: int, count: int) -> "list[_Way]":
        """The fused way, at the number of threads that suits it, unless a few members show that it does not pay."""
        members = min(self._width, count)
        if members < 2 or len(first) < 2 or self._work.recipe.compile == "yes":
            return []
        try:
            if fusable([self._work.set_up(trial) for trial in first]) is not None:
                return []
            on_cpu = self._work.device.type == "cpu"
            numbers = dict.fromkeys((usable_threads(), 1) if on_cpu else (self._work.engine().threads,))
            few = alike(self._work, first, min(_FEW, members))
            engines = [self._work.engine(threads) for threads in numbers]
            rates = [rate_of(few, engine, _SECONDS) for engine in engines]
            rate, engine = max(rates), engines[rates.index(max(rates))]
            if members > len(few) and steps / rate < _HOPELESS * self._timed["in turn"]:
                rate = rate_of(alike(self._work, first, members), engine, _SECONDS)
        except Exception as error:  # too many members for the memory, or a trial that cannot be
            self._say(f"{members} trials cannot be trained as one ({reason(error)})")
            return []
        seconds = self._timed["fused"] = steps / rate
        if seconds > _HOPELESS * self._timed["in turn"]:
            return []
        fused = Fused(self._work, width=members, threads=engine.threads, stop=self._stop, say=self._say)
        return [_Way(fused, seconds)]

    def _time_side_by_side(
        self, first: list[Trial], steps: int, count: int, best: float, *, fuses: bool
    ) -> "list[_Way]":
        """Worker processes, with a trial each and, where that may pay, with a fused group each."""
        side = self._side
        if side is None or count < 2:
            return []
        to_start = 0.0 if side.workers else _SECONDS_TO_START
        if best * count * (1 - 1 / side.most) < to_start:
            return []
        share = min(self._width, -(-count // side.most))
        widths = {"side by side": 1} | ({"side by side, fused": share} if fuses and share > 1 else {})
        ways = []
        for name, width in widths.items():
            rate = side.rate(first[:width], width, _SECONDS)
            if rate is not None:
                self._timed[name] = steps / rate
                ways.append(_Way(side, self._timed[name], width))
        return ways

    def _line(self) -> str:
        timed = ", ".join(f"{way} {seconds:.3g}" for way, seconds in self._timed.items())
        told = f" (seconds a trial: {timed})" if len(self._timed) > 1 else ""
        return f"running trials {self.chosen}{told}"

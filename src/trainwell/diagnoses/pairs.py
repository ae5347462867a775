"""Pairs: a program trained with and without edits, from the same start and on the same batches, within a budget."""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from scipy import stats

from trainwell.diagnoses.evidence import Evidence
from trainwell.edits import Edited, edits
from trainwell.errors import TrainwellError
from trainwell.family import Part
from trainwell.probes.parts import Build, Parts, of_build
from trainwell.probes.state import untouched
from trainwell.probes.training import Curves, train
from trainwell.probes.work import step_seconds

Changed = tuple[Parts, list[tuple[Part, Edited]]]  # a program, the edits that were made, and what each of them did

_SHORTEST = 30  # steps
_UNFIT = (TrainwellError, RuntimeError, ValueError, IndexError, TypeError)  # edits that do not go with this program
_LEVEL = 0.9  # of the interval: its lower end is passed by chance in one of twenty


@dataclass(frozen=True)
class Effect:
    """What edits do to the validation score: accuracy, or R2.

    Args:
        before: Scores without them, one a pair.
        after: Scores with them, of the same pairs.
        share: Of the steps that are planned, how many each training took.
    """

    before: tuple[float, ...]
    after: tuple[float, ...]
    share: float

    @property
    def mean(self) -> float:
        """Mean of the paired differences."""
        return sum(self._differences) / len(self._differences)

    @property
    def interval(self) -> tuple[float, float]:
        """Interval of the mean, at 90 %, by Student's t over the pairs; without end for a single one."""
        count = len(self._differences)
        if count < 2:
            return -math.inf, math.inf
        spread = math.sqrt(sum((each - self.mean) ** 2 for each in self._differences) / (count - 1))
        reach = float(stats.t.ppf((1 + _LEVEL) / 2, count - 1)) * spread / math.sqrt(count)
        return self.mean - reach, self.mean + reach

    @property
    def _differences(self) -> list[float]:
        return [after - before for before, after in zip(self.before, self.after, strict=True)]

    def __str__(self) -> str:
        low, high = self.interval
        means = [sum(values) / len(values) for values in (self.before, self.after)]
        part = "" if self.share >= 1 else f", after {self.share:.0%} of the steps"
        return (
            f"validation score {means[0]:.3f} -> {means[1]:.3f}: {self.mean:+.3f}, 90 % interval {low:+.3f} to "
            f"{high:+.3f} over {len(self.before)} pairs of trainings{part}"
        )


class Pairs:
    """Trainings of a program and of what edits make of it, each made once.

    Pair 0 is the program as given; further ones differ in order and draws, and in the start where it can be made anew.

    Args:
        given: The program; left as it is.
        build: (seed) -> the program made anew.
        seed: Seed of pair 0.
        budget: Seconds of work, about, by what the steps compute and not by a clock.
        until: Time (`time.monotonic`) at which to stop at the latest; None for no such time.
        make: (edits, pair) -> what `program` gives, where edits are made of something that the program stands for.

    Attributes:
        spent: Seconds of work so far, counted as `budget` is.
        trained: Scores, by the edits as JSON, the pair, and the share of the steps; None of what does not run.
    """

    def __init__(
        self,
        given: Parts,
        build: Build | None,
        seed: int,
        budget: float,
        until: float | None,
        make: Callable[[Sequence[Part], int], Changed] | None = None,
    ) -> None:
        self.given, self.build, self.seed, self.budget, self.until, self.make = given, build, seed, budget, until, make
        self.spent = 0.0
        self.whole = step_seconds(given) * given.steps
        self.trained: dict[tuple[str, int, float], float | None] = {}

    def recall(self, evidence: Evidence) -> None:
        """Take over the trainings of the evidence, which are of the same kind."""
        for curves, pair in ((evidence.watched, 0), (evidence.again, 1)):
            if curves is not None and not curves.cut:
                self.trained[_key(()), pair, 1.0] = _end(curves)

    @property
    def over(self) -> bool:
        """Whether budget or time are used up."""
        return self.spent >= self.budget or (self.until is not None and time.monotonic() > self.until)

    def program(self, changes: Sequence[Part], pair: int) -> Changed:
        """The program of a pair with edits made one after another; those that refuse are passed over.

        What an edit draws, new weights above all, comes from the seed of the pair.
        """
        if self.make is not None:
            return self.make(changes, pair)
        made = self.given
        if pair and self.build is not None and made.scheduler is None:  # a schedule is not made anew by `build`
            made = of_build(self.build, self.seed + pair, self.given)
        return edited(made, changes, self.seed + pair)

    def score(self, changes: Sequence[Part], pair: int, share: float = 1.0) -> float | None:
        """Validation score at the end of a training, or of its first part; None where there is none."""
        key = _key(changes), pair, share
        if key not in self.trained:
            self.trained[key] = self._score(changes, pair, share)
        return self.trained[key]

    def taken(self, changes: Sequence[Part]) -> tuple[Part, ...]:
        """Those of the edits that this program does not refuse; none where one of them breaks down."""
        try:
            return tuple(change for change, _ in self.program(changes, 0)[1])
        except _UNFIT:
            return ()

    def _score(self, changes: Sequence[Part], pair: int, share: float) -> float | None:
        try:
            made, done = self.program(changes, pair)
            if changes and not done:
                return None
            steps = min(made.steps, max(_SHORTEST, round(share * made.steps)))
            self.spent += steps * step_seconds(made)
            return _end(train(made, steps=steps, seed=self.seed + pair))
        except _UNFIT:
            return None

    def effect(self, changes: Sequence[Part], pairs: Sequence[int], share: float) -> Effect | None:
        """The effect over some pairs; None where one of them has no score."""
        before = [self.score((), pair, share) for pair in pairs]
        after = [self.score(changes, pair, share) for pair in pairs]
        if None in before or None in after:
            return None
        return Effect(tuple(map(float, before)), tuple(map(float, after)), share)  # type: ignore[arg-type]


def edited(given: Parts, changes: Sequence[Part], seed: int) -> Changed:
    """Copies of the parts with edits made one after another, and what each did; those that refuse are passed over."""
    made = given.copy()
    done = []
    with untouched(seed=seed), torch.inference_mode(False), torch.enable_grad():
        for change in changes:
            found = edits.build(change, made)
            if not found.why_not:
                done.append((change, found))
    return made, done


def _end(curves: Curves) -> float | None:
    if curves.end is None and curves.broke is not None:
        return 0.0
    return curves.end


def _key(changes: Sequence[Part]) -> str:
    return json.dumps([{"edit": change.name, **change.args} for change in changes], sort_keys=True)

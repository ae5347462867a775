"""A race: trainings of a stage, of which a pruner gives some up.

They are compared by the share of their way that they have come: with other batch sizes or epochs the same share takes
other numbers of steps.
"""

import math

from optuna.trial import Trial as OptunaTrial
from optuna.trial import TrialState

from trainwell.family import Part
from trainwell.search.pruners import Length, pruners
from trainwell.search.storage import in_memory, quiet
from trainwell.search.trial import Result, Score


class Race:
    """The trainings of one stage and seed.

    Args:
        pruner: One of `pruners`.
        length: How long a training of usual length is; the steps of others are turned into its steps.
    """

    def __init__(self, pruner: Part, length: Length) -> None:
        self._on = pruner.name != "none"
        self._steps = length.steps
        self._study = in_memory()
        with quiet():
            self._study.pruner = pruners.build(pruner, length)
        self._runners: dict[int, OptunaTrial] = {}
        self._epochs: dict[int, float] = {}
        self._ended: set[int] = set()

    def enter(self, number: int, epochs: float) -> None:
        """A training of so many epochs is about to start."""
        if self._on and number not in self._runners:
            self._epochs[number] = epochs
            with quiet():
                self._runners[number] = self._study.ask()

    def goes_on(self, number: int, score: Score) -> bool:
        """Whether a training goes on after this score."""
        if not self._on or not math.isfinite(score.value):
            return True
        with quiet():
            self._runners[number].report(score.value, round(self._steps * score.epoch / self._epochs[number]))
            return not self._runners[number].should_prune()

    def end(self, result: Result, epochs: float) -> None:
        """A training of so many epochs is over; scores of an earlier process are looked at here."""
        if not self._on or result.number in self._ended:
            return
        self._ended.add(result.number)
        if result.number not in self._runners:
            self.enter(result.number, epochs)
            for score in result.scores:
                self.goes_on(result.number, score)
        with quiet():
            if result.state == "complete" and result.value is not None:
                self._study.tell(self._runners[result.number], result.value)
            else:
                self._study.tell(self._runners[result.number], state=TrialState.FAIL)

"""A member of a population: one training, and how far it has come."""

import math
from dataclasses import dataclass, field

from torch import Tensor

from trainwell.draws import StepDraws, key
from trainwell.search.trial import Score
from trainwell.training.loop import Plan
from trainwell.training.setup import Setup


@dataclass(eq=False)
class Member:
    """One training in a population.

    Args:
        setup: What is trained.
        plan: Its steps, as the loop would take them alone.
        draws: Randomness of its layers.
        step: Steps done.
        scores: All scores, in order.
        best: The best of them by the monitor, as the loop chooses.
        kept: Weights given back: those of the best score, or where it has ended; None before.
        diverged: Whether the loss became NaN or infinite.
        stopped_early: Whether patience has ended.
    """

    setup: Setup
    plan: Plan
    draws: StepDraws
    step: int = 0
    scores: list[Score] = field(default_factory=list)
    best: Score | None = None
    kept: dict[str, Tensor] | None = None
    diverged: bool = False
    stopped_early: bool = False

    @staticmethod
    def of(setup: Setup) -> "Member":
        """A member at its first step."""
        plan = setup.plan([setup.recipe.epochs])
        return Member(setup, plan, StepDraws(key(plan.seed, "layers")))

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return len(self.plan.multipliers)

    @property
    def epoch(self) -> float:
        """Passes over the training split so far."""
        feed = self.setup.feeds["train"]
        return self.step * feed.batch_size / len(feed)

    @property
    def finished(self) -> bool:
        """Whether there is nothing more to train: the plan is carried out, patience has ended, or it diverged."""
        return self.step >= self.steps or self.stopped_early or self.diverged

    @property
    def due(self) -> bool:
        """Whether it stands where it is to be scored, and was not yet."""
        scored = bool(self.scores) and self.scores[-1].step == self.step
        return not scored and (self.diverged or self.step in self.plan.epoch_steps)

    @property
    def rate(self) -> float:
        """Learning rate of the next step."""
        return self.setup.rate * self.plan.multipliers[self.step]

    def add(self, score: Score) -> bool:
        """Take in a score; returns whether its weights are the best so far.

        A score of equal value is better where its loss is lower. Without a better one for as long as the plan has
        patience, the training ends.
        """
        self.scores.append(score)
        if not math.isfinite(score.value):
            return False
        if self.best is None or (score.value, -score.valid_loss) > (self.best.value, -self.best.valid_loss):
            self.best = score
            return True
        if self.plan.patience is not None:
            self.stopped_early = score.epoch - self.best.epoch >= self.plan.patience
        return False

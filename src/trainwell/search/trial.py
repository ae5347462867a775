"""A trial: one training of a study. Plain, frozen data, so that any process or machine can carry it out."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

State = Literal["complete", "pruned", "diverged", "failed"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is to be trained: the recipe of the study with these edits, this seed and this length.

    Args:
        number: Unique within the study.
        edits: `key=value` edits of the study's recipe.
        seed: Seed of every draw of this training, and not of the split.
        epochs: Length of the training; its schedule is stretched or shrunk to it.
        fold: Which fold of the cross-validation is held out; None for the data's own validation split.
        stage: The stage of the study that asked for it: `coarse`, `refine`, `final` ...
    """

    number: int
    edits: tuple[str, ...]
    seed: int
    epochs: float
    fold: int | None = None
    stage: str = ""

    def json(self) -> dict[str, Any]:
        """The trial as a flat JSON object."""
        return {**vars(self), "edits": list(self.edits)}

    @staticmethod
    def from_json(content: dict[str, Any]) -> "Trial":
        """A trial from `json`."""
        return Trial(**{**content, "edits": tuple(content["edits"])})


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a training was worth at one moment.

    Args:
        step: Steps done.
        epoch: Passes over the training split done.
        value: The monitored metric, such that higher is better (a loss comes with its sign turned); NaN once diverged.
        train_loss: Mean loss over the steps since the score before.
        valid_loss: Loss of the validation split, without smoothing.
    """

    step: int
    epoch: float
    value: float
    train_loss: float
    valid_loss: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a trial.

    Args:
        number: Of the trial.
        state: `complete`; `pruned` by the judge; `diverged`, a loss that is not finite; `failed`, with `why`.
        value: Best score of the monitored metric, higher is better; None where there is none.
        scores: All of them, in order.
        seconds: Wall time of this training; of a fused one, its share.
        how: How it was run: `in turn`, `side by side`, `fused`, `ray`.
        why: Of what failed: the message.
        folds: Of a cross-validated trial: the value of each fold, whose mean is `value`.
    """

    number: int
    state: State
    value: float | None
    scores: tuple[Score, ...]
    seconds: float
    how: str
    why: str = ""
    folds: tuple[float, ...] = ()


Judge = Callable[[Trial, Score], bool]
"""Asked after every score: whether to go on. A judge that always says yes prunes nothing."""


class Runner(Protocol):
    """Trains trials, and gives their results as they come, in any order; every trial gives one result."""

    def run(self, trials: Iterable[Trial], judge: Judge) -> Iterator[Result]:
        """Train all of them. `trials` is read as there is room, so that a sampler may learn from the results before."""

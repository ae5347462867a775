"""Pruners: which trainings are given up before their end.

A member takes the length of a training and gives the pruner of Optuna that is asked after every score::

    (length: Length, *, ...) -> BasePruner

A training is compared with the others of its stage at the same step. None is given up before `length.least` steps:
short trainings favour rates that are too high for long ones.
"""

from dataclasses import dataclass

from trainwell.family import Family

pruners = Family("pruners", __name__, "pruner")


@dataclass(frozen=True, kw_only=True)
class Length:
    """How long a training is.

    Args:
        steps: Steps of a whole one.
        least: Steps before which none is given up.
    """

    steps: int
    least: int

"""Quasi-random search: points that leave no part of the space empty."""

from typing import Literal

from optuna.samplers import BaseSampler
from scipy.stats import qmc

from trainwell.search.points import Given
from trainwell.search.strategies import Turn, strategies


@strategies.add("quasi_random", paper="https://jmlr.org/papers/v13/bergstra12a.html", learns=False)
def quasi_random(turn: Turn, *, sequence: Literal["sobol", "halton"] = "sobol") -> BaseSampler:
    """Quasi-random search: the points of a scrambled Sobol or Halton sequence, which leave no part of the space empty.

    Definition: proposal n is point n of a sequence of low discrepancy in the unit cube, scrambled by the seed of the
    stage; each coordinate is the share of the way through one range. It is worked out from n alone, so that a study
    that goes on has the point that it would have had.

    Reach for it when there are few trials, or many at once: it covers the space as random search does, with fewer gaps
    and no two points alike.

    Leave it when there are some dozens of trials one after another: tpe then learns where not to look.

    Cost: none.

    Args:
        turn: What is to be proposed.
        sequence: `sobol`, or `halton`, which is as even for any number of points.

    Returns:
        The sampler.

    Reference:
        Bergstra, Bengio, "Random Search for Hyper-Parameter Optimization", 2012, section 5: Sobol and Halton sequences
        beat plain draws there.
    """
    points = (qmc.Sobol if sequence == "sobol" else qmc.Halton)(len(turn.space), scramble=True, seed=turn.shared_seed)
    if turn.number:
        points.fast_forward(turn.number)
    return Given(turn.space.at(points.random(1)[0].tolist()))

"""Grid search: every combination of some values of each range."""

import itertools

from optuna.samplers import BaseSampler

from trainwell.draws import generator
from trainwell.search.points import Given
from trainwell.search.space import Space, product_size
from trainwell.search.strategies import Turn, strategies


@strategies.add("grid", paper="https://jmlr.org/papers/v13/bergstra12a.html", learns=False)
def grid(turn: Turn) -> BaseSampler | None:
    """Grid search: every combination of evenly spaced values of each range, in a random order.

    Definition: k values of each range with both of its ends, k the most for which all combinations fit into the trials
    there are, and 2 at least; the order is drawn by the seed. Where not even two of each fit, as many of the corners
    are tried as there are trials.

    Reach for it when there are one or two ranges and the result is to be drawn as a map.

    Leave it when there are more: three values of each of four ranges are 81 trials, and each range is still known at
    three places only.

    Cost: k to the power of the number of ranges in trials.

    Args:
        turn: What is to be proposed.

    Returns:
        The sampler; None once every combination was proposed.

    Reference:
        Bergstra, Bengio, "Random Search for Hyper-Parameter Optimization", 2012, whose figure 1 shows what it misses.
    """
    settings = turn.space.grid(values_each(turn.space, turn.count))
    if turn.number >= len(settings):
        return None
    return Given(settings[generator("grid", turn.seed).permutation(len(settings))[turn.number]])


def values_each(space: Space, count: int) -> int:
    """The most values of each range for which a grid has at most `count` points, and two at least."""
    if product_size(space, max(3, count)) == product_size(space, 2):
        return 2  # no range among them, only choices
    return next(values for values in itertools.count(2) if product_size(space, values + 1) > count)

"""Random search: every setting is drawn by itself."""

from optuna.samplers import BaseSampler, RandomSampler

from trainwell.search.strategies import Turn, strategies


@strategies.add("random", paper="https://jmlr.org/papers/v13/bergstra12a.html", learns=False)
def random(turn: Turn) -> BaseSampler:
    """Random search: every setting is drawn by itself, uniformly over the space.

    Definition: each value is uniform within its range, or its logarithm is where the range is logarithmic.

    Reach for it when few of the ranges matter and it is not known which: n draws try n values of each of them, where a
    grid of n points tries its d-th root.

    Leave it when there are fewer than some twenty trials, over which quasi_random spreads more evenly.

    Cost: none.

    Args:
        turn: What is to be proposed.

    Returns:
        The sampler.

    Reference:
        Bergstra, Bengio, "Random Search for Hyper-Parameter Optimization", 2012.
    """
    return RandomSampler(seed=turn.own_seed)

"""Hyperband: successive halving at several degrees of haste."""

from optuna.pruners import BasePruner, HyperbandPruner

from trainwell.search.pruners import Length, pruners


@pruners.add(
    "hyperband", paper="https://jmlr.org/papers/v18/16-558.html", tune={"factor": (2, 4)}, limits={"factor": "[2, inf)"}
)
def hyperband(length: Length, *, factor: int = 3) -> BasePruner:
    """Hyperband: successive halving in several brackets, from early rungs to none.

    Definition: bracket s begins its rungs at `factor` to the power s times `length.least` steps; trainings are dealt
    out to the brackets by their number.

    Reach for it when it is not known how early a training shows what it is worth.

    Leave it when there are fewer than some twenty trials, too few to fill the brackets.

    Cost: saves less than successive_halving, and errs less.

    Args:
        length: How long a training is.
        factor: One in so many goes on.

    Returns:
        The pruner.

    Reference:
        Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", 2018, algorithm 1.
    """
    return HyperbandPruner(
        min_resource=length.least, max_resource=max(length.steps, length.least), reduction_factor=factor
    )

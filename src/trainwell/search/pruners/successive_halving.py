"""Successive halving: only the best share of the trainings goes on from rung to rung."""

from optuna.pruners import BasePruner, SuccessiveHalvingPruner

from trainwell.search.pruners import Length, pruners


@pruners.add(
    "successive_halving",
    paper="https://arxiv.org/abs/1810.05934",
    tune={"factor": (2, 4)},
    limits={"factor": "[2, inf)"},
)
def successive_halving(length: Length, *, factor: int = 3) -> BasePruner:
    """Successive halving: at rungs of growing length, only the best of those that came so far go on.

    Definition: the first rung is at `length.least` steps, each further one at `factor` times the steps of that before;
    a training goes on where it is among the best 1 / factor of those that have reached the rung. It is asked as soon
    as it gets there, without waiting for the others.

    Reach for it when trainings are long and how they stand early says how they end.

    Leave it when rates fall late, as with a long warm-up or a high peak: what ends best may stand worst half way.

    Cost: saves about half of the steps or more.

    Args:
        length: How long a training is.
        factor: One in so many goes on.

    Returns:
        The pruner.

    Reference:
        Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020, algorithm 2 (ASHA).
    """
    return SuccessiveHalvingPruner(min_resource=length.least, reduction_factor=factor)

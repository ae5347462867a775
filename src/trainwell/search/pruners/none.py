"""No pruning."""

from optuna.pruners import BasePruner, NopPruner

from trainwell.search.pruners import Length, pruners


@pruners.add("none")
def none(length: Length) -> BasePruner:
    """Every training goes on to its end.

    Definition: nothing is given up.

    Reach for it when trainings are short, or are trained as one, where a member that leaves saves little.

    Leave it when a training takes minutes and most settings are plainly bad after a part of it.

    Cost: the whole length of every training.

    Args:
        length: How long a training is.

    Returns:
        The pruner.

    Reference:
        None: it is what is compared with.
    """
    del length
    return NopPruner()

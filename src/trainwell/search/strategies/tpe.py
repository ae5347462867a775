"""TPE: settings like the good ones so far, and unlike the bad ones."""

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler

from trainwell.search.strategies import Turn, strategies


@strategies.add(
    "tpe",
    paper="https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization",
    tune={"startup": (5, 20)},
    limits={"startup": "[1, inf)"},
    learns=True,
)
def tpe(turn: Turn, *, startup: int = 10) -> BaseSampler:
    """Tree-structured Parzen estimator: settings like the good ones so far, and unlike the bad ones.

    Definition: the trials so far are divided into the best and the rest; a density l is fitted to the settings of the
    best and g to those of the rest; of some draws from l the one with the largest l / g is proposed. Trials that are
    under way count as bad ones, so that neighbours are not asked for at the same time.

    Reach for it when there are some dozens of trials or more, one after another, and several ranges matter together.

    Leave it when many trials run at once, or are trained as one: most are then proposed before anything was seen.

    Cost: 1 to 3 ms a proposal.

    Args:
        turn: What is to be proposed.
        startup: Trials that are drawn at random before anything is fitted.

    Returns:
        The sampler.

    Reference:
        Bergstra, Bardenet, Bengio, Kegl, "Algorithms for Hyper-Parameter Optimization", 2011, section 4.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(
            n_startup_trials=startup, multivariate=True, group=True, constant_liar=True, seed=turn.own_seed
        )

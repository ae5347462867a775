"""Importances: how much of the spread of the trials each range accounts for."""

import math
import warnings
from collections.abc import Sequence

from optuna.exceptions import ExperimentalWarning
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from trainwell.search.space import Space
from trainwell.search.storage import frozen, in_memory, quiet
from trainwell.search.study import Outcome

LEAST = 10  # complete trials under which a forest sees patterns in noise


def importances(space: Space, outcomes: Sequence[Outcome], seed: int) -> dict[str, float] | None:
    """The share of each range in the spread of the values over one stage, the largest first.

    What is asked for only under some value of a choice is looked at among the trials that have it.

    Args:
        space: What was searched.
        outcomes: Of trials of the same length.
        seed: Of the forest.

    Returns:
        Shares by name, with sum 1; None where there are fewer than `LEAST` complete trials, or all ended alike.

    Reference:
        Hutter, Hoos, Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance", 2014 (fANOVA).
    """
    study = in_memory()
    complete = [o for o in outcomes if o.state == "complete" and o.value is not None and math.isfinite(o.value)]
    complete = [o for o in complete if space.holds(o.proposal.settings)]
    if len(complete) < LEAST or len({o.value for o in complete}) == 1:
        return None
    shared = set.intersection(*(set(o.proposal.settings) for o in complete))
    if not shared:
        return None
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.add_trials([frozen(space, o.proposal.settings, o.state, o.value) for o in complete])
        names = [name for name in space.names() if name in shared]
        found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed), params=names)
    return dict(found)

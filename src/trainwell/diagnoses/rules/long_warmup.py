"""A warm-up that takes most of the training."""

from trainwell.diagnoses.rules import Breach, Case, rules

_MOST = 0.5  # of the steps: what is left has to bring the rate down again


@rules.add("long_warmup", paper="https://arxiv.org/abs/1706.02677", severity="warning", looks_inside=False)
def long_warmup(case: Case) -> Breach | None:
    """Warm-up is a start, about a tenth of the steps: a rate that rises for more than half of them is hardly ever used.

    Definition: `warmup`, a share of the steps, is above 0.5.

    Reach for it whenever the warm-up is set by hand; it is asked by itself.

    Leave it (`silence=long_warmup`) for a range test by hand, in which the rate is to rise all the way.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach.

    Reference:
        Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.2: 5 of 90 epochs.
    """
    recipe = case.recipe
    if recipe.warmup <= _MOST:
        return None
    return Breach(
        f"warmup={recipe.warmup:g} spends {recipe.warmup:.0%} of the {recipe.epochs:g} epochs on warming up.",
        "Set warmup=0.1.",
        {"warmup": recipe.warmup},
    )

"""Patience that can run out while the rate still warms up."""

from trainwell.diagnoses.rules import Breach, Case, rules


@rules.add(
    "patience_in_warmup", paper="https://doi.org/10.1007/3-540-49430-8_3", severity="warning", looks_inside=False
)
def patience_in_warmup(case: Case) -> Breach | None:
    """A rate near 0 learns little: patience shorter than the warm-up can stop a training before it has begun.

    Definition: `patience`, in epochs, is less than the warm-up, `warmup` x `epochs`.

    Reach for it whenever both are set; it is asked by itself.

    Leave it (`silence=patience_in_warmup`) when `start` is near 1, so that the warm-up hardly slows anything.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach.

    Reference:
        Prechelt, "Early Stopping - But When?", 1998, section 2: slow criteria against stopping too soon.
    """
    recipe = case.recipe
    warming = recipe.warmup * recipe.epochs
    if recipe.patience is None or recipe.patience >= warming:
        return None
    return Breach(
        f"patience={recipe.patience} can run out within the {warming:.3g} epochs of warm-up "
        f"(warmup={recipe.warmup:g} of epochs={recipe.epochs:g}).",
        f"Set patience={int(warming) + 1} or more, or a shorter warmup.",
        {"patience": recipe.patience, "warmup_epochs": warming},
    )

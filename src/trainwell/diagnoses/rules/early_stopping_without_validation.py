"""Early stopping without a validation split."""

from trainwell.diagnoses.rules import Breach, Case, rules


@rules.add(
    "early_stopping_without_validation",
    paper="https://doi.org/10.1007/3-540-49430-8_3",
    severity="error",
    looks_inside=False,
    final=True,
)
def early_stopping_without_validation(case: Case) -> Breach | None:
    """Early stopping asks samples that are not trained on; the training loss goes on falling while these get worse.

    Definition: `patience` is set, or `monitor` names a metric of validation, and the data has no validation split.

    Reach for it whenever patience is set; it is asked by itself.

    Leave it: it cannot be left out to any use, since there is nothing to monitor.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach.

    Reference:
        Prechelt, "Early Stopping - But When?", 1998, section 1.
    """
    recipe = case.recipe
    if case.splits.get("valid", 0) > 0 or (recipe.patience is None and recipe.monitor == "auto"):
        return None
    asked = f"patience={recipe.patience}" if recipe.patience is not None else f"monitor={recipe.monitor}"
    return Breach(
        f"{asked} needs a validation split, and this data has none.",
        "Set patience=none and monitor=auto, or set samples aside: valid_fraction=0.1.",
    )

"""A warm-up in front of a schedule that warms up by itself."""

from trainwell.diagnoses.rules import Breach, Case, rules
from trainwell.schedules import schedules


@rules.add("double_warmup", paper="https://arxiv.org/abs/1708.07120", severity="warning", looks_inside=False)
def double_warmup(case: Case) -> Breach | None:
    """Two warm-ups in a row: the rate rises to its peak, falls back to the schedule's start, and rises again.

    Definition: `warmup` is above 0, and the schedule has the fact `own_warmup`.

    Reach for it with one_cycle and its like; it is asked by itself.

    Leave it (`silence=double_warmup`) only to see the effect.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach.

    Reference:
        Smith, Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2018,
        section 4: the one cycle begins with its own rise.
    """
    schedule = case.recipe.schedule.name
    if not schedules[schedule].facts.get("own_warmup") or case.recipe.warmup == 0:
        return None
    return Breach(
        f"schedule={schedule} warms up by itself, and warmup={case.recipe.warmup:g} stands in front of it.",
        "Set warmup=0.",
        {"warmup": case.recipe.warmup},
    )

"""Lookahead both as optimizer and as average."""

from trainwell.diagnoses.rules import Breach, Case, rules


@rules.add("lookahead_twice", paper="https://arxiv.org/abs/1907.08610", severity="warning", looks_inside=False)
def lookahead_twice(case: Case) -> Breach | None:
    """Lookahead within lookahead: the weights are drawn back twice to nearly the same slow weights.

    Definition: `optimizer` is lookahead, and so is `average`.

    Reach for it whenever lookahead is named; it is asked by itself.

    Leave it (`silence=lookahead_twice`) only to see the effect.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach.

    Reference:
        Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", 2019, section 2.
    """
    average = case.recipe.average
    if case.recipe.optimizer.name != "lookahead" or average is None or average.name != "lookahead":
        return None
    return Breach(
        "optimizer=lookahead and average=lookahead both draw the weights back to slow ones.",
        "Keep one: set average=none, or optimizer to the one within.",
    )

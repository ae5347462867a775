"""An L2 penalty beside weight decay."""

from trainwell.diagnoses.rules import Breach, Case, decay_of, rules
from trainwell.parameters import weights_of

_SQUARED = ("l2", "elastic")  # penalties that hold the square of the weights


@rules.add("decay_twice", paper="https://arxiv.org/abs/1711.05101", severity="warning", looks_inside=False)
def decay_twice(case: Case) -> Breach | None:
    """An L2 penalty and weight decay pull the same weights the same way: what is set in one is hidden by the other.

    Definition: `penalties` has l2 or elastic, and the optimizer's weight decay is not 0. Under plain SGD a penalty of
    strength s on the sum of squares is a weight decay of 2 s (of s where the penalty halves it).

    Reach for it whenever both are set; it is asked by itself.

    Leave it (`silence=decay_twice`) when the two are compared on purpose.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach.

    Reference:
        Loshchilov, Hutter, "Decoupled Weight Decay Regularization", 2019, proposition 1.
    """
    found = [part.name for part in case.recipe.penalties if part.name in _SQUARED]
    decay = max((decay_of(parameter, case.groups) for parameter in weights_of(case.model)), default=0.0)
    if not found or not decay:
        return None
    return Breach(
        f"penalties={','.join(found)} and a weight decay of {decay:g} both pull the weights towards 0.",
        f"Keep one: optimizer.weight_decay=0, or penalties without {' and '.join(found)}.",
        {"penalties": found, "weight_decay": decay},
    )

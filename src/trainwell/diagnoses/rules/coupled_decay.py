"""Weight decay through the gradient of an optimizer that divides it by its size."""

from trainwell.diagnoses.rules import Breach, Case, rules
from trainwell.optimizers import innermost, optimizers

_UNSCALED = ("sgd",)  # what does not divide the gradient: there coupled decay is decay


@rules.add("coupled_decay", paper="https://arxiv.org/abs/1711.05101", severity="warning", looks_inside=False)
def coupled_decay(case: Case) -> Breach | None:
    """Adam divides the gradient by its size, and the decay in it too: weights with large gradients hardly decay.

    Definition: the optimizer adds `weight_decay` to the gradient (its fact `decay` is `coupled`) and scales the
    gradient of each weight by itself, as adam, nadam, rmsprop and adagrad do. adamw and its kin shrink the weights
    beside the step.

    Reach for it whenever an adaptive optimizer decays; it is asked by itself.

    Leave it (`silence=coupled_decay`) to repeat a result that was had so.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach.

    Reference:
        Loshchilov, Hutter, "Decoupled Weight Decay Regularization", 2019, proposition 2.
    """
    inner = innermost(case.recipe.optimizer)
    decay = inner.args.get("weight_decay")
    if not decay or optimizers[inner.name].facts.get("decay") != "coupled" or inner.name in _UNSCALED:
        return None
    return Breach(
        f"{inner.name} divides weight_decay={decay:g} by the size of each gradient: weights decay unevenly.",
        "Set optimizer=adamw, whose decay stands beside the step, or optimizer.weight_decay=0.",
        {"weight_decay": decay},
    )

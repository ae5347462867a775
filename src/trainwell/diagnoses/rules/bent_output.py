"""An activation behind the last layer that the targets reach beyond."""

from trainwell.diagnoses.rules import Breach, Case, listed, rules
from trainwell.losses import losses
from trainwell.probes.flow import PASSIVE, Kind

_THROUGH: frozenset[Kind] = PASSIVE
_BOUNDED = {"logits": ("relu", "tanh", "softplus"), "values": ("relu", "tanh", "softplus", "sigmoid", "softmax")}


@rules.add("bent_output", paper="https://cs231n.github.io/neural-networks-1/", severity="warning", looks_inside=True)
def bent_output(case: Case) -> Breach | None:
    """An activation behind the last layer cuts off outputs that the loss needs.

    Definition: the last thing that the network does is ReLU, softplus or tanh (with values to predict, sigmoid and
    softmax too). Logits are to be any number; values to predict are standardised here, so that half of them lie below 0
    and some beyond 1. A last ReLU that gives 0 for a sample also gives it no gradient.

    Reach for it in every network; it is asked by itself.

    Leave it (`silence=bent_output`) where an output is scaled back to the range of the targets.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach.

    Reference:
        CS231n, "Neural Networks Part 1", "Output layer": the last layer has no activation.
    """
    expects = losses[case.recipe.loss.name].facts.get("expects")
    bounded = _BOUNDED.get(str(expects), ())
    found = [op for op in case.flow.last(_THROUGH) if op.kind == "activation" and op.id in bounded]
    if not found:
        return None
    return Breach(
        f"The network ends with {found[0].id} ({listed(found)}), and loss={case.recipe.loss.name} expects "
        f"{'any number' if expects == 'logits' else 'standardised values, negative ones too'}.",
        "Leave the last activation out of the network.",
        {"last": found[0].id},
    )

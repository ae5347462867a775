"""SELU with skip connections."""

from trainwell.data.dataset import count
from trainwell.diagnoses.rules import Breach, Case, listed, rules


@rules.add("selu_skip", paper="https://arxiv.org/abs/1706.02515", severity="warning", looks_inside=True)
def selu_skip(case: Case) -> Breach | None:
    """The sum of two signals of variance 1 has variance 2: SELU's fixed point holds for a plain stack only.

    Definition: between the layers of a network whose hidden layers are SELU nothing is added and nothing joined. A sum
    of outputs behind the last layer, as in a wide and deep network, changes nothing within the stack.

    Reach for it wherever hidden layers are SELU; it is asked by itself.

    Leave it (`silence=selu_skip`) when SELU is wanted as a mere activation, as ELU would be.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the number of sums.

    Reference:
        Klambauer et al., "Self-Normalizing Neural Networks", 2017, theorem 1, which is on stacks.
    """
    if not case.hidden("selu"):
        return None
    found = [op for op in case.flow.of("add", "join") if case.flow.leads_on(op) and case.flow.comes_from_layer(op)]
    if not found:
        return None
    return Breach(
        f"SELU needs a plain stack of layers, and this network adds or joins signals at "
        f"{count(len(found), 'place')} ({listed(found)}).",
        "Set model=mlp or another plain stack, or keep the skips and take model.activation=relu with a norm.",
        {"places": len(found)},
    )

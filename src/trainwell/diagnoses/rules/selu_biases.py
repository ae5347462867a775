"""SELU behind biases that do not start at zero."""

from trainwell.diagnoses.rules import Breach, Case, listed, rules
from trainwell.probes.flow import PASSIVE, Kind

_THROUGH: frozenset[Kind] = PASSIVE | {"pool", "dropout"}


@rules.add("selu_biases", paper="https://arxiv.org/abs/1706.02515", severity="warning", looks_inside=True)
def selu_biases(case: Case) -> Breach | None:
    """SELU keeps mean 0 only where the biases start at zero.

    Definition: every bias of a layer in front of a SELU is 0 before training. torch's own layers start with random
    biases within 1 / sqrt(fan_in).

    Reach for it wherever hidden layers are SELU; it is asked by itself.

    Leave it (`silence=selu_biases`) when the weights are not fresh, as those of a network trained before.

    Cost: one pass over the biases.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the largest bias.

    Reference:
        Klambauer et al., "Self-Normalizing Neural Networks", 2017, section 2, "Initialization".
    """
    layers = {layer for op in case.hidden("selu") for layer in case.flow.before(op, _THROUGH) if layer.kind == "layer"}
    off = [layer for layer in layers if layer.bias is not None and bool(layer.bias.detach().any())]
    if not off:
        return None
    off.sort(key=lambda layer: layer.number)
    largest = max(float(layer.bias.detach().abs().max()) for layer in off if layer.bias is not None)
    return Breach(
        f"SELU expects biases that start at 0; those of {listed(off)} reach {largest:.2g}.",
        "Set bias=0." if case.recipe.bias else "Set them to zero where the network is built.",
        {"largest": largest},
    )

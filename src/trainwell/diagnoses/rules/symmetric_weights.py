"""Hidden layers whose units all start alike."""

from trainwell.diagnoses.rules import Breach, Case, listed, rules
from trainwell.probes.flow import PASSIVE, Kind, Operation

_THROUGH: frozenset[Kind] = PASSIVE | {"norm", "dropout", "scale", "pool"}


@rules.add(
    "symmetric_weights", paper="https://cs231n.github.io/neural-networks-2/", severity="warning", looks_inside=True
)
def symmetric_weights(case: Case) -> Breach | None:
    """Units that start alike get the same gradient and stay alike for ever.

    Definition: all rows of a hidden layer's weight are equal, zero included, and its biases too. A last layer at zero
    is sound, and so is the last layer of a residual branch, which then starts as nothing.

    Reach for it in every network; it is asked by itself.

    Leave it (`silence=symmetric_weights`) when the symmetry is what is to be seen.

    Cost: one pass over the weights.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the layers.

    Reference:
        CS231n, "Neural Networks Part 2", "Pitfall: all zero initialization".
    """
    flow = case.flow
    found = [
        layer
        for layer in flow.hidden
        if _alike(layer) and not any(reader.kind == "add" for reader in flow.behind(layer, _THROUGH))
    ]
    if not found:
        return None
    return Breach(
        f"All units of {listed(found)} start alike, and will stay so: the layer is worth a single unit.",
        case.change("Draw the weights at random, by He's rule or Glorot's.", initializer="auto"),
        {"layers": [layer.name for layer in found]},
    )


def _alike(layer: Operation) -> bool:
    if layer.weight is None or layer.fan_in is None or not layer.weight.requires_grad or len(layer.weight) < 2:
        return False
    weight, bias = layer.weight.detach(), layer.bias
    return bool((weight == weight[:1]).all()) and (bias is None or bool((bias.detach() == bias.detach()[0]).all()))

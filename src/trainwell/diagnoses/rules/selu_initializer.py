"""SELU on weights that were not drawn by LeCun's rule."""

from trainwell.diagnoses.rules import Breach, Case, listed, rules
from trainwell.probes.flow import PASSIVE, Kind, Operation

_NEAR = (0.75, 1.33)  # 1/sqrt(3) of torch's own rule, sqrt(2) of He's and small fixed spreads lie outside
_LEAST = 100  # weights under which the spread of the draw itself is known to no better than 7 %
_THROUGH: frozenset[Kind] = PASSIVE | {"pool", "dropout", "norm"}


@rules.add("selu_initializer", paper="https://arxiv.org/abs/1706.02515", severity="warning", looks_inside=True)
def selu_initializer(case: Case) -> Breach | None:
    """SELU keeps its signal at variance 1 only with weights of variance 1 / fan_in.

    Definition: sqrt(fan_in mean(w^2)) of each layer in front of a SELU is to be near 1. Measured on the weights
    themselves: another rule of the same variance (lecun_uniform, an orthogonal square) does as well as lecun_normal,
    which is the only one that the notes name.

    Reach for it wherever hidden layers are SELU; it is asked by itself.

    Leave it (`silence=selu_initializer`) when the weights are not fresh, as those of a network trained before.

    Cost: one pass over the weights.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the layer farthest off.

    Reference:
        Klambauer et al., "Self-Normalizing Neural Networks", 2017, section 2, "Initialization".
    """
    flow = case.flow
    layers = [layer for op in case.hidden("selu") for layer in flow.before(op, _THROUGH) if layer.kind == "layer"]
    off: dict[Operation, float] = {}
    for layer in layers:
        spread = layer.spread
        known = spread is not None and layer.weight is not None and layer.weight.numel() >= _LEAST
        if known and spread is not None and not _NEAR[0] <= spread <= _NEAR[1]:
            off[layer] = spread
    if not off:
        return None
    worst = max(off, key=lambda layer: abs(off[layer] - 1.0))
    return Breach(
        f"SELU expects weights of spread 1 / sqrt(fan_in); that of {worst.name} is {off[worst]:.2g} times as large "
        f"({len(off)} of {len(layers)} layers are off: {listed(list(off))}).",
        case.change("Draw them from a normal of that spread, or scale them to it.", initializer="lecun_normal"),
        {layer.name: spread for layer, spread in off.items()},
    )

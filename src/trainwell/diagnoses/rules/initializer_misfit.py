"""Weights whose spread does not fit the activation behind them."""

import math

from trainwell.activations import activations
from trainwell.diagnoses.rules import Breach, Case, rules
from trainwell.models import models
from trainwell.probes.flow import PASSIVE, Flow, Kind, Operation

# With a named initializer the spread is a choice. In a network from outside it is mostly torch's own rule, 0.41 of what
# ReLU wants in each layer, with which up to seven layers do train: a thousand is its seventh power and a little more.
_CHOSEN, _OUTSIDE = 10.0, 1000.0
# Glorot's mean of both fans gives up to sqrt(2) more than 1 / fan_in does, which is no fault of the rule.
_SATURATES = 1.7
_THROUGH: frozenset[Kind] = PASSIVE | {"pool", "dropout", "scale"}


@rules.add("initializer_misfit", paper="https://arxiv.org/abs/1502.01852", severity="warning", looks_inside=True)
def initializer_misfit(case: Case) -> Breach | None:
    """The spread of the signal grows or shrinks from layer to layer unless the weights fit the activation.

    Definition: a hidden layer multiplies the spread by sqrt(fan_in mean(w^2)) / gain, with the gain that the activation
    wants (sqrt(2) for ReLU). Fires where the product over the layers between two norms leaves 1/10 .. 10 for a network
    of ours, 1/1000 .. 1000 for one from outside; and where a single layer in front of sigmoid or tanh is more than 1.7
    times too large, which saturates at once. Measured on the weights as they are. A first convolution does not count,
    since neighbouring pixels are alike; nor do frozen weights, nor those at zero.

    Reach for it in every network; it is asked by itself.

    Leave it (`silence=initializer_misfit`) when the weights are not fresh, or the effect is what is to be seen.

    Cost: one pass over the weights.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the factor.

    Reference:
        He et al., "Delving Deep into Rectifiers", 2015, section 2.2; Glorot, Bengio, "Understanding the difficulty of
        training deep feedforward neural networks", 2010, section 4.2.
    """
    flow = case.flow
    factors = {layer.number: _factor(flow, layer) for layer in flow.hidden}
    spread: dict[int, float] = {}  # log of the product so far, along the way that keeps most of the signal
    for op in flow.operations:
        before = max((spread[number] for number in op.inputs if number >= 0), default=0.0)
        spread[op.number] = 0.0 if op.kind == "norm" else before + math.log(factors.get(op.number) or 1.0)
    ends = [spread[number] for head in flow.heads for number in head.inputs if number >= 0]
    worst = math.exp(max(ends, key=abs, default=0.0))
    ours = "initializer" in models[case.recipe.model.name].hyper
    allowed = _CHOSEN if ours else _OUTSIDE
    change = case.change("Initialise them by He's rule (ReLU and its kin) or Glorot's (tanh).", initializer="auto")
    if not 1 / allowed <= worst <= allowed:
        what = "shrinks" if worst < 1 else "grows"
        times = max(worst, 1 / worst)
        return Breach(
            f"The signal {what} {times:.2g} times on its way through the layers: the weights are too "
            f"{'small' if worst < 1 else 'large'} for the activations behind them.",
            change,
            {"factor": worst},
        )
    for layer in flow.hidden:
        factor = factors[layer.number]
        saturating = [op for op in _activations(flow, layer) if activations[op.id].facts.get("saturates") == "both"]
        if factor is not None and saturating and factor > _SATURATES:
            return Breach(
                f"The weights of {layer.name} are {factor:.2g} times as large as {saturating[0].id} wants, "
                "which saturates from the start.",
                change,
                {"factor": factor},
            )
    return None


def _factor(flow: Flow, layer: Operation) -> float | None:
    """Spread behind the activation as a multiple of that before the layer; None where it does not follow."""
    first = not flow.comes_from_layer(layer) and layer.id.startswith("conv")
    if first or layer.weight is None or not layer.weight.requires_grad:
        return None
    gains = [activations[op.id].facts.get("gain") for op in _activations(flow, layer)]
    return layer.spread / gains[0] if layer.spread and gains and gains[0] else None


def _activations(flow: Flow, layer: Operation) -> list[Operation]:
    return [op for op in flow.behind(layer, _THROUGH) if op.kind == "activation" and op.id in activations]

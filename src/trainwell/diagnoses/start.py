"""Start: how far the weights of each layer are from what keeps a signal alive, and what is left of it in the end."""

import math
from dataclasses import dataclass

from trainwell.activations import activations
from trainwell.diagnoses.evidence import Architecture, Evidence
from trainwell.probes.flow import Operation
from trainwell.probes.kinds import Kind
from trainwell.probes.signal import Signal

_THROUGH: frozenset[Kind] = frozenset({"shape", "dropout", "pool", "scale"})


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The start of a linear layer or convolution without a norm directly behind it.

    Args:
        name: Of the layer.
        activation: Id of the activation behind it; empty where there is none, or one that no family knows.
        factor: Its spread, sqrt(fan_in mean(w^2)), over the one under which the activation hands on the second moment
            that the layer was given. torch's own start gives 0.4 for ReLU, He's rule 1; 0 for weights that are 0.
        bias: Mean of its bias in units of that spread, of inputs of size 1; 0 without a bias.
    """

    name: str
    activation: str
    factor: float
    bias: float

    @property
    def mendable(self) -> bool:
        """Whether weights can make the activation hand on what it got: not one that is flat on both sides off centre.

        Most of what a sigmoid gives is its mean, 1/2, and its slope is 1/4 at most: larger weights only saturate it.
        """
        facts = activations[self.activation].facts if self.activation else {}
        return facts.get("saturates") != "both" or bool(facts.get("zero_centred", True))


def fits(architecture: Architecture) -> tuple[Fit, ...]:
    """The hidden layers whose spread matters, in the order they ran; one that ran twice stands there once."""
    return _fits(architecture, architecture.flow().hidden)


def heads(architecture: Architecture) -> tuple[Fit, ...]:
    """The same of the layers behind which there is no other one."""
    return _fits(architecture, architecture.flow().heads)


def product(found: tuple[Fit, ...]) -> float | None:
    """Factor of all layers together; None without any, 0 where one of them is 0."""
    return math.prod(fit.factor for fit in found) if found else None


def narrowest(architecture: Architecture) -> int | None:
    """Units of the narrowest hidden layer; None where none is known."""
    shapes = [architecture.layers[op.number].shape for op in architecture.flow().hidden]
    return min((shape[0] for shape in shapes if shape), default=None)


def left(evidence: Evidence) -> float | None:
    """How much of what tells samples apart is left behind the hidden layers.

    Returns:
        Spread between the samples in the result of the last hidden layer over that of the first one, both measured;
        None with fewer than two, or where one was not seen.
    """
    if evidence.signal is None or evidence.architecture is None:
        return None
    spreads = [_between(evidence.signal, op) for op in evidence.architecture.flow().hidden]
    if len(spreads) < 2 or spreads[0] is None or spreads[-1] is None or not spreads[0]:
        return None
    return spreads[-1] / spreads[0]


def _between(signal: Signal, op: Operation) -> float | None:
    point = next((point for point in signal.points if point.number == op.number), None)
    return None if point is None or point.values.between is None else point.values.rms * point.values.between


def _fits(architecture: Architecture, layers: list[Operation]) -> tuple[Fit, ...]:
    flow = architecture.flow()
    found: dict[str, Fit] = {}
    for op in layers:
        layer = architecture.layers[op.number]
        behind = flow.behind(flow.operations[op.number], _THROUGH)
        if layer.spread is None or any(next.kind == "norm" for next in behind):
            continue
        which = next((next.id for next in behind if next.kind == "activation" and next.id in activations), "")
        wanted = activations[which].facts.get("gain", 1.0) if which else 1.0
        found.setdefault(
            op.name, Fit(name=op.name, activation=which, factor=layer.spread / wanted, bias=layer.bias_mean or 0.0)
        )
    return tuple(found.values())

"""Auto: the initializer that the activation wants."""

import torch
from torch import Tensor

from trainwell.activations import activations
from trainwell.initializers import Fans, initializers


def choice(activation: str) -> str:
    """Id of the initializer that the activation of this id wants; He's for one that does not say."""
    return str(activations[activation].facts.get("initializer", "he_normal"))


@initializers.add("auto", paper="https://arxiv.org/abs/1502.01852")
def auto(
    tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0, activation: str | None = None
) -> None:
    """Fill as the activation wants: Glorot for none, tanh and sigmoid, He for ReLU and its kin, LeCun for SELU.

    Args:
        tensor: Filled in place.
        fans: Inputs and outputs of a unit.
        generator: Source of the draws.
        gain: Factor on top of the gain of the activation.
        activation: Id of the activation that follows; none is what `initialize` knows, and by itself ReLU.

    Reference:
        He et al., "Delving Deep into Rectifiers", 2015, section 2.2, and the papers of the other rules.
    """
    follows = activation or "relu"
    chosen = initializers[choice(follows)]
    own = activations[follows].facts["gain"] if chosen.facts.get("wants_gain") else 1.0
    chosen.make(tensor, fans, generator, gain=gain * own)

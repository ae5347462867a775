"""Auto: the initializer that the activation wants."""

from typing import Any

import torch
from torch import Tensor

from trainwell.activations import activations
from trainwell.family import Part
from trainwell.initializers import Fans, choice, gain_handed, initializers


@initializers.add("auto", paper="https://arxiv.org/abs/1502.01852", parts={"activation": activations})
def auto(
    tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0, activation: Part | str | None = None
) -> None:
    """Fill as the activation wants.

    Definition: the initializer that the activation states, with its gain. Glorot's, uniform, for none, tanh, softmax
    and sigmoid (with its gain of 4; gradients of a deep sigmoid stack shrink nevertheless); He's, normal, for ReLU and
    its kin, ELU, GELU, swish, mish, softplus and maxout; LeCun's, normal, for SELU.

    Reach for it when nothing speaks for another one: the signal then keeps its spread under any activation.

    Leave it when a norm behind every layer makes the scale of the weights moot and a start such as `dirac` is wanted,
    or when the layers are to be scaled by the data (`lsuv`).

    Cost: that of the initializer chosen; nothing to tune.

    Args:
        tensor: Filled in place.
        fans: Inputs and outputs of a unit.
        generator: Source of the draws.
        gain: Factor on top of the gain of the activation.
        activation: The activation that follows; none is what `initialize` knows, and by itself ReLU.

    Raises:
        UnknownName: There is no such activation.

    Reference:
        He et al., "Delving Deep into Rectifiers", 2015, section 2.2, and the papers of the other rules.
    """
    follows: Any = activation or "relu"
    chosen = choice(follows)
    initializers[chosen].make(tensor, fans, generator, gain=gain * gain_handed(chosen, follows))

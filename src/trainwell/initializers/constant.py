"""Constant: every weight the same."""

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add("constant")
def constant(
    tensor: Tensor,
    fans: Fans,  # noqa: ARG001
    generator: torch.Generator,  # noqa: ARG001
    *,
    value: float = 0.01,
    gain: float = 1.0,
) -> None:
    """Set every weight to one value: to see what symmetry does, or for a bias.

    Args:
        tensor: Filled in place.
        fans: Not needed.
        generator: Not needed.
        value: The value.
        gain: Factor on it.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 8.4, on breaking symmetry.
    """
    tensor.fill_(value * gain)

"""Zeros: every weight 0."""

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add("zeros")
def zeros(tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0) -> None:  # noqa: ARG001
    """Set every weight to 0: for biases and last layers of branches.

    In hidden layers it keeps all units of a layer equal for ever, as each gets the same gradient.

    Args:
        tensor: Filled in place.
        fans: Not needed.
        generator: Not needed.
        gain: A factor on 0.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 8.4, on breaking symmetry.
    """
    tensor.zero_()

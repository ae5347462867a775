"""Zeros: every weight 0."""

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add("zeros", paper="https://www.deeplearningbook.org/contents/optimization.html", variance=0.0)
def zeros(tensor: Tensor, fans: Fans, generator: torch.Generator, *, gain: float = 1.0) -> None:  # noqa: ARG001
    """Set every weight to 0.

    Definition: w = 0. In hidden layers all units of a layer stay equal for ever, as each gets the same gradient, and
    with zeros in two layers that gradient is 0: nothing but the last bias learns.

    Reach for it when it is for biases, or for the last layer of a residual branch, which then starts as the identity.

    Leave it when the layers are hidden ones: draw their weights.

    Cost: none.

    Args:
        tensor: Filled in place.
        fans: Not needed.
        generator: Not needed.
        gain: A factor on 0.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 8.4, on breaking symmetry.
    """
    tensor.zero_()

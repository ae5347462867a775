"""Constant: every weight the same."""

import torch
from torch import Tensor

from trainwell.initializers import Fans, initializers


@initializers.add("constant", paper="https://www.deeplearningbook.org/contents/optimization.html", by_fans=False)
def constant(
    tensor: Tensor,
    fans: Fans,  # noqa: ARG001
    generator: torch.Generator,  # noqa: ARG001
    *,
    value: float = 0.01,
    gain: float = 1.0,
) -> None:
    """Set every weight to one value.

    Definition: w = value. The units of a layer are equal and, as they get the same gradient, stay so: the layer is as
    good as one unit.

    Reach for it when it is for biases, or to see what symmetry does.

    Leave it when the layers are hidden ones: draw their weights.

    Cost: none.

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

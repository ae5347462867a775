"""Clippings: hold gradients within bounds before the step.

A member takes the parameters, changes their gradients in place and gives their norm as it was before::

    (parameters: list[Tensor], *, ...) -> Tensor      # scalar, float32, on the device; nothing waits for it

A NaN or infinite gradient is not mended: the norm shows it, and `norm` makes all gradients NaN.
"""

from torch import Tensor

from trainwell.family import Family

clippings = Family("clippings", __name__, "clipping")


def gradients(parameters: list[Tensor]) -> list[Tensor]:
    """The gradients there are."""
    return [parameter.grad for parameter in parameters if parameter.grad is not None]

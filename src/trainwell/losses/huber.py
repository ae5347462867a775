"""Huber: squared near 0, absolute far from it."""

from torch import Tensor
from torch.nn import functional

from trainwell.losses import aligned, losses


@losses.add("huber", tune={"delta": (0.1, 10.0, "log")}, limits={"delta": "(0, inf)"}, task="regression")
def huber(output: Tensor, target: Tensor, *, delta: float = 1.0) -> Tensor:
    """Mean over rows and outputs of e^2 / 2 where |e| <= delta, delta (|e| - delta / 2) beyond.

    Reach for it when some targets are wildly off and the mean of the rest is wanted.

    Args:
        output: Predictions, (N,), (N, 1) or (N, K).
        target: Values, of as many rows and numbers.
        delta: Where the square ends, in units of the target.

    Returns:
        Scalar, at least 0.

    Raises:
        BadValue: The shapes do not fit.

    Reference:
        Huber, "Robust Estimation of a Location Parameter", 1964.
    """
    return functional.huber_loss(*aligned(output, target), delta=delta)

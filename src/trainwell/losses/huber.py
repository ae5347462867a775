"""Huber: squared near 0, absolute far from it."""

from torch import Tensor
from torch.nn import functional

from trainwell.losses import aligned, losses


@losses.add(
    "huber",
    paper="https://doi.org/10.1214/aoms/1177703732",
    tune={"delta": (0.1, 10.0, "log")},
    limits={"delta": "(0, inf)"},
    task="regression",
    soft_targets=False,
    expects="values",
)
def huber(output: Tensor, target: Tensor, *, delta: float = 1.0) -> Tensor:
    """Half the squared error where it is small, and a straight line where it is large.

    Definition: the mean over rows and outputs of e^2 / 2 where |e| <= delta, and delta (|e| - delta / 2) beyond, with
    e = output - target. The slope is e, cut to [-delta, delta]. As delta grows it becomes mse / 2; divided by delta it
    becomes mae as delta shrinks.

    Reach for it when some targets are wildly off and the mean of the rest is wanted.

    Leave it when large errors are real and to be paid in full (`mse`), or when the median is wanted (`mae`).

    Cost: negligible; delta has to fit the unit of the target. 1 suits standardised targets.

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

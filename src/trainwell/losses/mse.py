"""Mean squared error."""

from torch import Tensor
from torch.nn import functional

from trainwell.losses import aligned, losses


@losses.add("mse", task="regression")
def mse(output: Tensor, target: Tensor) -> Tensor:
    """Mean over rows and outputs of (output - target)^2.

    Fits the mean of the target; one wild value pulls hard.

    Args:
        output: Predictions, (N,), (N, 1) or (N, K).
        target: Values, of as many rows and numbers.

    Returns:
        Scalar, at least 0.

    Raises:
        BadValue: The shapes do not fit.

    Reference:
        Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 2009, section 2.4.
    """
    return functional.mse_loss(*aligned(output, target))

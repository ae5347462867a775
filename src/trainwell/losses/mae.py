"""Mean absolute error."""

from torch import Tensor
from torch.nn import functional

from trainwell.losses import aligned, losses


@losses.add("mae", task="regression")
def mae(output: Tensor, target: Tensor) -> Tensor:
    """Mean over rows and outputs of |output - target|.

    Fits the median of the target; wild values pull no harder than others.

    Args:
        output: Predictions, (N,), (N, 1) or (N, K).
        target: Values, of as many rows and numbers.

    Returns:
        Scalar, at least 0.

    Raises:
        BadValue: The shapes do not fit.

    Reference:
        Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 2009, section 10.6.
    """
    return functional.l1_loss(*aligned(output, target))

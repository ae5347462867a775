"""Mean squared error."""

from torch import Tensor
from torch.nn import functional

from trainwell.losses import aligned, losses


@losses.add(
    "mse",
    paper="https://hastie.su.domains/ElemStatLearn/",
    task="regression",
    soft_targets=False,
    expects="values",
)
def mse(output: Tensor, target: Tensor) -> Tensor:
    """The mean squared error: the best guess is the mean of the target.

    Definition: the mean over rows and outputs of (output - target)^2; its slope is 2 (output - target). A network that
    gives the mean of the target starts at its variance, which is 1 for standardised targets.

    Reach for it when values are to be predicted: it is the default, and right where errors are about normal.

    Leave it when some targets are wildly off: an error ten times as large pulls ten times as hard and costs a hundred
    times as much. `huber` and `mae` bound the pull.

    Cost: negligible. Its size, and so the best rate, goes with the square of the target's unit: standardise the target.

    Args:
        output: Predictions, (N,), (N, 1) or (N, K).
        target: Values, of as many rows and numbers.

    Returns:
        Scalar, at least 0, in the squared unit of the target.

    Raises:
        BadValue: The shapes do not fit.

    Reference:
        Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 2009, section 2.4.
    """
    return functional.mse_loss(*aligned(output, target))

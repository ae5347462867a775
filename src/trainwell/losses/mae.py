"""Mean absolute error."""

from torch import Tensor
from torch.nn import functional

from trainwell.losses import aligned, losses


@losses.add(
    "mae",
    paper="https://hastie.su.domains/ElemStatLearn/",
    task="regression",
    soft_targets=False,
    expects="values",
)
def mae(output: Tensor, target: Tensor) -> Tensor:
    """The mean absolute error: the best guess is the median of the target.

    Definition: the mean over rows and outputs of |output - target|; its slope is 1 or -1, however far off the output
    is.

    Reach for it when wild targets are to pull no harder than others, or the median is what is wanted.

    Leave it when the mean is wanted, as of sums of money that add up. Near the target the slope does not shrink, so the
    steps have to: without a falling rate it does not settle. `huber` is smooth there.

    Cost: negligible; it converges more slowly than `mse` at the end.

    Args:
        output: Predictions, (N,), (N, 1) or (N, K).
        target: Values, of as many rows and numbers.

    Returns:
        Scalar, at least 0, in the unit of the target.

    Raises:
        BadValue: The shapes do not fit.

    Reference:
        Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 2009, section 10.6.
    """
    return functional.l1_loss(*aligned(output, target))

"""Binary cross-entropy: each output is a yes or no of its own."""

from torch import Tensor
from torch.nn import functional

from trainwell.losses import aligned, losses


@losses.add("bce", task="classification")
def bce(output: Tensor, target: Tensor) -> Tensor:
    """Mean over rows and outputs of -t log sigmoid(o) - (1 - t) log sigmoid(-o).

    Args:
        output: Logits, (N, K), or (N,) or (N, 1) for a single question.
        target: Probabilities or labels of the same shape, or the class of each row, (N,) int64 with K > 1: then class
            k asks "k or not k".

    Returns:
        Scalar, at least 0 for hard targets.

    Raises:
        BadValue: The shapes do not fit.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.2.2.2.
    """
    if not target.is_floating_point() and target.ndim == 1 and output.ndim == 2 and output.shape[1] > 1:
        target = functional.one_hot(target, output.shape[1])
    return functional.binary_cross_entropy_with_logits(*aligned(output, target))

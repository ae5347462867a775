"""Binary cross-entropy: each output is a yes or no of its own."""

from torch import Tensor
from torch.nn import functional

from trainwell.losses import aligned, losses


@losses.add(
    "bce",
    paper="https://www.deeplearningbook.org/contents/mlp.html",
    task="classification",
    soft_targets=True,
    expects="logits",
)
def bce(output: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy: each output answers a yes-or-no question of its own.

    Definition: the mean over rows and outputs of -t log sigmoid(o) - (1 - t) log sigmoid(-o). Given classes, output k
    asks "k or not k". A network that knows nothing starts at log 2.

    Reach for it when a sample may have several labels or none, or when there is a single question. Wightman et
    al. ("ResNet strikes back", 2021) train on mixed images with it, with a full yes to both classes.

    Leave it when each sample has exactly one class and a probability over the classes is wanted: `cross_entropy` makes
    them compete.

    Cost: negligible. As the mean goes over the outputs too, gradients are about C times smaller than those of
    cross-entropy, and the best rate of plain SGD as much higher.

    Args:
        output: Logits, (N, K), or (N,) or (N, 1) for a single question.
        target: Probabilities or labels of the same shape, or the class of each row, (N,) int64 with K > 1: then class
            k asks "k or not k".

    Returns:
        Scalar, at least 0.

    Raises:
        BadValue: The shapes do not fit.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.2.2.2.
    """
    if not target.is_floating_point() and target.ndim == 1 and output.ndim == 2 and output.shape[1] > 1:
        target = functional.one_hot(target, output.shape[1])
    return functional.binary_cross_entropy_with_logits(*aligned(output, target))

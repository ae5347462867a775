"""Hinge: the right class is to lead every other by a margin."""

from torch import Tensor
from torch.nn import functional

from trainwell.errors import BadValue
from trainwell.losses import is_soft, losses, wide


@losses.add(
    "hinge",
    paper="https://cs231n.github.io/linear-classify/",
    tune={"margin": (0.1, 10.0, "log")},
    limits={"margin": "(0, inf)"},
    task="classification",
    soft_targets=False,
    expects="logits",
)
def hinge(output: Tensor, target: Tensor, *, margin: float = 1.0) -> Tensor:
    """The multi-class support vector machine: how far the right class is from leading every other by a margin.

    Definition: the mean over the batch of sum_{j != y} max(0, o_j - o_y + margin), the form of Weston and Watkins that
    CS231n prints. (Crammer and Singer take the largest term in place of the sum; torch's `multi_margin_loss` divides
    the sum by C.) Equal scores lose (C - 1) margin: that is where a network starts that knows nothing.

    Reach for it when only the order of the classes counts and not their probabilities: a sample that leads by the
    margin is done with, and the rest get the whole effort.

    Leave it when probabilities are wanted, when images are mixed or labels smoothed (it takes no distributions), or
    when in doubt: cross-entropy is the usual choice.

    Cost: negligible. The margin and the size of the weights trade against each other, so it hardly needs tuning.

    Args:
        output: Scores, (N, C).
        target: Class of each row, (N,) int64.
        margin: By how much the score of the right class is to exceed every other.

    Returns:
        Scalar, at least 0.

    Raises:
        BadValue: The shapes do not fit, or the target is a distribution.

    Reference:
        Weston, Watkins, "Support Vector Machines for Multi-Class Pattern Recognition", 1999; CS231n, "Linear
        Classification", section "Multiclass Support Vector Machine loss".
    """
    if is_soft(output, target):
        raise BadValue(
            "The loss hinge takes the class of each row, (N,) int64, and a distribution came. Choose cross_entropy, "
            "focal or bce, or leave out what mixes the targets."
        )
    return functional.multi_margin_loss(wide(output), target, margin=margin) * output.shape[1]

"""Cross-entropy: minus the log of the probability given to the right class."""

from torch import Tensor
from torch.nn import functional

from trainwell.losses import losses


@losses.add(
    "cross_entropy",
    paper="https://arxiv.org/abs/1512.00567",
    tune={"smoothing": (0.0, 0.2)},
    limits={"smoothing": "[0, 1)"},
    task="classification",
)
def cross_entropy(output: Tensor, target: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Mean over the batch of -sum_k t_k log softmax(output)_k.

    Args:
        output: Logits, (N, C).
        target: Class of each row, (N,) int64, or a distribution over the classes, (N, C) floating.
        smoothing: Share of the target that is spread evenly over all classes.

    Returns:
        Scalar, at least the entropy of the smoothed target.

    Reference:
        Bridle, "Probabilistic Interpretation of Feedforward Classification Network Outputs", 1990; smoothing: Szegedy
        et al., "Rethinking the Inception Architecture for Computer Vision", 2016, section 7.
    """
    soft = target.float() if target.is_floating_point() else target
    return functional.cross_entropy(output.float(), soft, label_smoothing=smoothing)

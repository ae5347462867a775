"""Batch norm: mean and variance of a feature over the batch."""

from torch import nn

from trainwell.norms import check_dimensions, norms

_CLASSES = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@norms.add(
    "batch",
    paper="https://arxiv.org/abs/1502.03167",
    tune={"momentum": (0.01, 0.5, "log")},
    limits={"eps": "(0, inf)", "momentum": "(0, 1]"},
    over_batch=True,
)
def batch(
    features: int, dimensions: int, *, eps: float = 1e-5, momentum: float = 0.1, learn_scale: bool = True
) -> nn.Module:
    """Normalise each feature by the batch in training, by running statistics in evaluation; then scale and shift.

    In training it needs more than one value a feature: a batch of one row is refused by torch.

    Args:
        features: Number of features or channels.
        dimensions: Dimensions beyond them.
        eps: Added to the variance.
        momentum: Weight of the newest batch in the running statistics (torch's sense; many papers give 1 - this).
        learn_scale: Whether the scale is learnt; otherwise it stays 1.

    Returns:
        torch's batch norm.

    Reference:
        Ioffe, Szegedy, "Batch Normalization", 2015, algorithm 1.
    """
    check_dimensions("batch", dimensions)
    module = _CLASSES[dimensions](features, eps=eps, momentum=momentum)
    module.weight.requires_grad_(learn_scale)
    return module

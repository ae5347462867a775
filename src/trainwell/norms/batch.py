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
    smallest_batch=2,
    needs_positions=False,
    absorbs_bias=True,
    normalises=True,
)
def batch(
    features: int, dimensions: int, *, eps: float = 1e-5, momentum: float = 0.1, learn_scale: bool = True
) -> nn.Module:
    """Normalise each feature by the batch in training, by running statistics in evaluation; then scale and shift.

    y = weight (x - mean) / sqrt(variance + eps) + bias, mean and variance of a feature over the batch and all
    positions, with divisor N. The running statistics, running <- (1 - momentum) running + momentum batch, keep the
    variance with divisor N - 1, as torch does. A bias in front of it has no effect.

    Reach for it when a network of convolutions trains on batches of 16 and more: it widens the range of rates and of
    initial scales that train.

    Leave it when batches have one or two rows, when samples of a batch depend on each other, in recurrent networks, or
    when training and use see different data, whose statistics differ.

    Cost: two passes over the signal, two parameters and two running numbers a feature; training and evaluation compute
    different things. The noise of the batch statistics regularises a little.

    Args:
        features: Number of features or channels.
        dimensions: Dimensions beyond them, 0 to 3.
        eps: Added to the variance.
        momentum: Weight of the newest batch in the running statistics (torch's sense; many papers give 1 - this).
        learn_scale: Whether the scale is learnt; otherwise it stays 1.

    Returns:
        torch's batch norm, (N, F, ...) -> the same shape. In training it refuses a single row.

    Raises:
        BadValue: There are more than 3 dimensions.

    Reference:
        Ioffe, Szegedy, "Batch Normalization", 2015, algorithm 1.
    """
    check_dimensions("batch", dimensions)
    module = _CLASSES[dimensions](features, eps=eps, momentum=momentum)
    module.weight.requires_grad_(learn_scale)
    return module

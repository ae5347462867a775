"""Instance norm: mean and variance of each channel of each sample."""

from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.norms import check_dimensions, norms


class InstanceNorm(nn.GroupNorm):
    """torch's group norm with a channel a group: what its instance norm computes, and it keeps channels-last memory.

    Args:
        features: Number of channels.
        eps: Added to the variance.
    """

    def __init__(self, features: int, eps: float) -> None:
        super().__init__(features, features, eps=eps)

    def forward(self, maps: Tensor) -> Tensor:
        """The normalised maps; a map of one position is refused, as every value would become the shift."""
        if maps[0, 0].numel() == 1:
            raise BadValue(
                f"instance norm got maps of one position, {tuple(maps.shape)}: each value is its own mean, and nothing "
                "of the signal would be left. Pool less, use larger images, or take group or layer."
            )
        return super().forward(maps)


@norms.add(
    "instance",
    paper="https://arxiv.org/abs/1607.08022",
    limits={"eps": "(0, inf)"},
    over_batch=False,
    smallest_batch=1,
    needs_positions=True,
    absorbs_bias=True,
    normalises=True,
)
def instance(features: int, dimensions: int, *, eps: float = 1e-5) -> nn.Module:
    """Normalise each channel of each sample over its positions; then scale and shift each channel.

    y = weight (x - mean) / sqrt(variance + eps) + bias, one mean and variance for each sample and channel. Contrast and
    brightness of a sample are divided out. The same in training and evaluation; a bias in front of it has no effect.
    torch's instance norm leaves out weight and bias unless asked; here they are learnt, as with the other norms.

    Reach for it when contrast says nothing about the answer: style transfer, images from several scanners.

    Leave it when the strength of a channel is the evidence, as in most classification, or when pooling leaves maps of a
    few positions, over which a mean says little.

    Cost: two passes over the signal, two parameters a channel, nothing to tune.

    Args:
        features: Number of channels.
        dimensions: Dimensions beyond them, 1 to 3, over which the mean is taken.
        eps: Added to the variance.

    Returns:
        (N, C, ...) -> the same shape.

    Raises:
        BadValue: The input is rows, or later a map of a single position.

    Reference:
        Ulyanov, Vedaldi, Lempitsky, "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016,
        section 2, equation 3.
    """
    check_dimensions("instance", dimensions, lowest=1)
    return InstanceNorm(features, eps)

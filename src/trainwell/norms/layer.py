"""Layer norm: mean and variance over the features of a sample."""

from torch import nn

from trainwell.norms import check_dimensions, norms


@norms.add("layer", paper="https://arxiv.org/abs/1607.06450", limits={"eps": "(0, inf)"})
def layer(features: int, dimensions: int, *, eps: float = 1e-5) -> nn.Module:
    """Normalise each sample by itself: one mean and one variance a sample; then scale and shift each feature.

    The same in training and evaluation, and with a batch of one.

    Args:
        features: Number of features or channels.
        dimensions: Dimensions beyond them, over which the mean is taken too.
        eps: Added to the variance.

    Returns:
        torch's layer norm for rows; for images group norm with one group, which is the same thing over (C, H, W).

    Reference:
        Ba, Kiros, Hinton, "Layer Normalization", 2016, equation 3.
    """
    check_dimensions("layer", dimensions)
    return nn.LayerNorm(features, eps=eps) if dimensions == 0 else nn.GroupNorm(1, features, eps=eps)

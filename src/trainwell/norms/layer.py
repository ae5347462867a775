"""Layer norm: mean and variance over the features of a sample."""

from torch import nn

from trainwell.norms import check_dimensions, norms


@norms.add(
    "layer",
    paper="https://arxiv.org/abs/1607.06450",
    limits={"eps": "(0, inf)"},
    over_batch=False,
    smallest_batch=1,
    needs_positions=False,
    absorbs_bias=False,
    normalises=True,
)
def layer(features: int, dimensions: int, *, eps: float = 1e-5) -> nn.Module:
    """Normalise each sample by itself, over all its features; then scale and shift each feature.

    y = weight (x - mean) / sqrt(variance + eps) + bias, with one mean and one variance a sample, over features and
    positions: two numbers a sample (the notes say as many as there are dimensions, which is batch norm). The same in
    training and evaluation, and with a batch of one.

    Reach for it when the network is recurrent or a transformer, or the batch is small and the inputs are rows.

    Leave it when a network of convolutions has batches large enough for batch norm, or the size of a sample as a whole
    carries the answer: it is divided out.

    Cost: two passes over the signal, two parameters a feature, nothing to tune.

    Args:
        features: Number of features or channels.
        dimensions: Dimensions beyond them, 0 to 3, over which the mean is taken too.
        eps: Added to the variance.

    Returns:
        torch's layer norm for rows, (N, F) -> (N, F); for maps group norm with one group, which is the same thing over
        (C, H, W).

    Raises:
        BadValue: There are more than 3 dimensions.

    Reference:
        Ba, Kiros, Hinton, "Layer Normalization", 2016, equation 3.
    """
    check_dimensions("layer", dimensions)
    return nn.LayerNorm(features, eps=eps) if dimensions == 0 else nn.GroupNorm(1, features, eps=eps)

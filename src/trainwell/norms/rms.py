"""RMS norm: divide by the root of the mean square."""

from torch import Tensor, nn
from torch.nn import functional

from trainwell.norms import check_dimensions, norms


class RMSNorm(nn.RMSNorm):
    """torch's RMS norm, over the second dimension of maps too."""

    def forward(self, x: Tensor) -> Tensor:
        """The normalised signal."""
        # Under autocast the scale is float32 and the signal may not be: torch warns of that and takes a slower path.
        weight = self.weight.to(x.dtype)
        if x.ndim == 2:
            return functional.rms_norm(x, self.normalized_shape, weight, self.eps)
        return functional.rms_norm(x.movedim(1, -1), self.normalized_shape, weight, self.eps).movedim(-1, 1)


@norms.add(
    "rms",
    paper="https://arxiv.org/abs/1910.07467",
    limits={"eps": "(0, inf)"},
    over_batch=False,
    smallest_batch=1,
    needs_positions=False,
    absorbs_bias=False,
    normalises=True,
)
def rms(features: int, dimensions: int, *, eps: float = 1e-6) -> nn.Module:
    """Divide the features of each sample, at each position, by the root of their mean square; then scale each.

    y = weight x / sqrt(mean(x^2) + eps), the mean over the features. Layer norm without centring and without a shift.
    On maps each position is normalised over its channels, as a token is; layer norm here takes positions together. The
    same in training and evaluation. eps is inside the root, as in torch; the paper has none.

    Reach for it when layer norm would be taken and every bit of time counts: transformers, recurrent networks.

    Leave it when the mean of the features drifts away from 0, as behind activations that are not centred: it is kept.

    Cost: one pass for the mean square and one to scale, one parameter a feature, nothing to tune.

    Args:
        features: Number of features or channels.
        dimensions: Dimensions beyond them, 0 to 3.
        eps: Added to the mean square.

    Returns:
        (N, F, ...) -> the same shape. It has no `bias`.

    Raises:
        BadValue: There are more than 3 dimensions.

    Reference:
        Zhang, Sennrich, "Root Mean Square Layer Normalization", 2019, equation 4.
    """
    check_dimensions("rms", dimensions)
    return RMSNorm(features, eps=eps)

"""Channel dropout: switch whole maps off at random."""

from torch import Tensor, nn

from trainwell.dropouts import Masking, dropouts


class ChannelDropout(Masking):
    """Each channel of each sample is dropped as a whole."""

    def forward(self, values: Tensor) -> Tensor:
        """The maps, masked in training."""
        return self.masked(values, values.shape[:2] + (1,) * (values.ndim - 2)) if self.active else values


@dropouts.add(
    "channel_dropout",
    paper="https://arxiv.org/abs/1411.4280",
    tune={"p": (0.05, 0.5)},
    limits={"p": "[0, 1)"},
    keeps_moments=False,
)
def channel_dropout(*, p: float = 0.5) -> nn.Module:
    """Switch each channel of each sample off as a whole in training, with probability p.

    Training: y = m x / (1 - p), with one m a sample and channel, 0 with probability p and 1 otherwise; evaluation:
    y = x. Neighbouring positions of a map tell much the same, so that dropping single values hides little. On rows,
    (N, F), each feature is a channel of one value: plain dropout.

    Reach for it when a network of convolutions overfits.

    Leave it when there are few channels, or the dropout stands in front of a batch norm.

    Cost: one random number a channel and sample, less than dropout. Tune p.

    Args:
        p: Probability of dropping; 0 is the identity.

    Returns:
        (N, C, ...) -> the same shape, as torch's `Dropout1d`, `Dropout2d` and `Dropout3d`.

    Reference:
        Tompson et al., "Efficient Object Localization Using Convolutional Networks", 2015, section 3.2.
    """
    return ChannelDropout(p)

"""DropConnect: switch weights off at random."""

from torch import Tensor, nn
from torch.func import functional_call

from trainwell.dropouts import Masking, dropouts
from trainwell.errors import BadValue

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d


class DropConnect(Masking):
    """A layer whose weights are masked anew in every forward pass of the training.

    Args:
        wrapped: The layer.
        p: Probability of dropping.
    """

    def __init__(self, wrapped: Layer, p: float) -> None:
        super().__init__(p)
        self.wrapped = wrapped

    def forward(self, values: Tensor) -> Tensor:
        """Output of the layer."""
        if not self.active:
            return self.wrapped(values)
        return functional_call(self.wrapped, {"weight": self.masked(self.wrapped.weight)}, (values,))


@dropouts.add(
    "dropconnect",
    paper="https://proceedings.mlr.press/v28/wan13.html",
    tune={"p": (0.1, 0.6)},
    limits={"p": "[0, 1)"},
    wraps="layer",
    keeps_moments=False,
)
def dropconnect(wrapped: nn.Module, *, p: float = 0.5) -> nn.Module:
    """Switch each weight of a layer off by itself in training, with probability p.

    Training: y = (M * W) x / (1 - p) + bias, with each entry of M 0 with probability p and 1 otherwise; evaluation:
    y = W x + bias. Where this differs from the paper: one mask a step for the whole batch, not one a sample, which
    would take N copies of the weights; the bias is kept; and evaluation uses the mean of the weights, not samples of a
    normal with the moments of the output.

    Reach for it when dropout helps and finer noise is wanted, on wide fully connected layers.

    Leave it when the weights are far more than the values that pass through, as masks are drawn for the weights; or
    when the layer in front of a batch norm is to be wrapped, whose running variance would be that of training.

    Cost: one random number a weight and a masked copy of the weights a step, whatever the batch. Tune p.

    Args:
        wrapped: A linear layer or a convolution of 1 to 3 dimensions. It stays what it is: initializers, penalties and
            decay find its parameters, called `wrapped.weight` and `wrapped.bias` in the state.
        p: Probability of dropping; 0 is the layer itself.

    Returns:
        The layer in its wrapper: the same shapes in and out.

    Raises:
        BadValue: The layer is neither linear nor a convolution.

    Reference:
        Wan et al., "Regularization of Neural Networks using DropConnect", 2013, section 3.
    """
    if not isinstance(wrapped, Layer):
        raise BadValue(
            f"dropconnect drops the weights of a linear layer or a convolution, got {type(wrapped).__name__}. "
            "Wrap the layer itself, or take dropout behind it."
        )
    return DropConnect(wrapped, p)

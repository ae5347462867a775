"""RReLU: a leaky ReLU that draws its slope."""

import math

import torch
from torch import Tensor, nn

from trainwell.activations import activations
from trainwell.draws import StepDraws
from trainwell.errors import BadValue


class RandomLeakyReLU(nn.Module):
    """Slopes below 0 that are drawn in training and fixed in evaluation.

    Masks come from draws keyed by (seed, step, layer) once `trainwell.dropouts.attach` has been called, and from
    torch's default generator before.

    Args:
        lower: Least slope.
        upper: Largest slope.
    """

    draws: StepDraws | None = None
    layer: int = 0

    def __init__(self, lower: float, upper: float) -> None:
        super().__init__()
        self.lower, self.upper = lower, upper

    def forward(self, values: Tensor) -> Tensor:
        """(any shape) -> (the same shape)."""
        generator = None if self.draws is None else self.draws.generator(self.layer, values.device)
        return torch.rrelu(values, self.lower, self.upper, self.training, generator)

    def extra_repr(self) -> str:
        """The slopes."""
        return f"lower={self.lower}, upper={self.upper}"


@activations.add(
    "rrelu",
    paper="https://arxiv.org/abs/1505.00853",
    limits={"lower": "[0, 1)", "upper": "[0, 1)"},
    range=(-math.inf, math.inf),
    zero_centred=False,
    saturates="never",
    smooth=False,
    monotone=True,
    convex=True,
    uses_exp=False,
    gain=math.sqrt(2.0 / (1.0 + ((1 / 8 + 1 / 3) / 2) ** 2)),
    initializer="he_normal",
)
def rrelu(*, lower: float = 1 / 8, upper: float = 1 / 3) -> nn.Module:
    """Leaky ReLU whose slope below 0 is drawn anew for each value in training.

    Definition: x above 0, a x below; in training a is uniform in [lower, upper), of its own for every value, at test
    time it is their mean. (The paper writes x / a with a in [3, 8] and divides by the mean of a, 5.5, at test time:
    0.182, less than the mean slope 0.229 that torch and this one use.)

    Reach for it when data is scarce and a leaky ReLU overfits: the draws regularise.

    Leave it when the network underfits, or where dropout does that work already.

    Cost: a random number for each negative value in training, about as dear as dropout; as `leaky_relu` at test time.

    Args:
        lower: Least slope.
        upper: Largest slope; equal to `lower` it is a leaky ReLU.

    Returns:
        (any shape) -> (the same shape), any number.

    Raises:
        BadValue: `lower` is above `upper`.

    Reference:
        Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network", 2015, section 2.4.
    """
    if lower > upper:
        raise BadValue(f"rrelu.lower={lower} is above rrelu.upper={upper}: expected the least slope first.")
    return RandomLeakyReLU(lower, upper)

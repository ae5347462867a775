"""Leaky ReLU: let a little of the negative side through."""

import math

from torch import nn

from trainwell.activations import activations


@activations.add(
    "leaky_relu",
    paper="https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf",
    tune={"slope": (0.001, 0.3, "log")},
    limits={"slope": "[0, 1)"},
    range=(-math.inf, math.inf),
    zero_centred=False,
    saturates="never",
    smooth=False,
    monotone=True,
    convex=True,
    uses_exp=False,
    gain=math.sqrt(2.0 / (1.0 + 0.01**2)),
    initializer="he_normal",
)
def leaky_relu(*, slope: float = 0.01) -> nn.Module:
    """ReLU with a small slope below 0: a unit that has gone negative can come back.

    Definition: x above 0, slope * x below. Its gain is sqrt(2 / (1 + slope^2)). A unit revives at a pace in proportion
    to the slope: 0.01 can be too slow to be of use where the unit lies far below 0, 0.2 revives it.

    Reach for it when a share of the ReLUs is dead that matters, or as a trial beside ReLU.

    Leave it when few units are dead: it is then as good as ReLU, not better.

    Cost: one comparison and one product; no parameters, the slope to choose.

    Args:
        slope: Slope below 0; 0 is ReLU.

    Returns:
        (any shape) -> (the same shape), any number.

    Reference:
        Maas, Hannun, Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", 2013, equation 2.
    """
    return nn.LeakyReLU(slope)

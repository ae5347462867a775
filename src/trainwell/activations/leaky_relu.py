"""Leaky ReLU: let a little of the negative side through."""

import math

from torch import nn

from trainwell.activations import activations


@activations.add(
    "leaky_relu",
    paper="https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf",
    tune={"slope": (0.001, 0.3, "log")},
    limits={"slope": "[0, 1)"},
    gain=math.sqrt(2.0 / (1.0 + 0.01**2)),
    initializer="he_normal",
    zero_centred=False,
    saturates="never",
    monotone=True,
)
def leaky_relu(*, slope: float = 0.01) -> nn.Module:
    """x above 0, slope * x below: a unit that has gone negative can come back.

    Reach for it when many ReLUs are dead; the slope decides how fast they revive.

    Args:
        slope: Slope below 0; 0 is ReLU.

    Returns:
        x -> x where x > 0, else slope * x.

    Reference:
        Maas, Hannun, Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", 2013, equation 2.
    """
    return nn.LeakyReLU(slope)

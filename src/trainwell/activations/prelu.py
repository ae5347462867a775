"""PReLU: a leaky ReLU that learns its slope."""

import math

from torch import nn

from trainwell.activations import activations


@activations.add(
    "prelu",
    paper="https://arxiv.org/abs/1502.01852",
    limits={"slope": "[0, 1)"},
    range=(-math.inf, math.inf),
    zero_centred=False,
    saturates="never",
    smooth=False,
    monotone=True,
    convex=True,
    uses_exp=False,
    gain=math.sqrt(2.0 / (1.0 + 0.25**2)),
    initializer="he_normal",
)
def prelu(*, slope: float = 0.25) -> nn.Module:
    """Leaky ReLU whose slope below 0 is learnt, one number for the layer.

    Definition: x above 0, a x below, with a learnt by the gradient sum of x over the negative inputs. This is the
    paper's "channel-shared" form, which needs not know the number of channels. The slope may leave [0, 1) as it learns;
    the facts hold for where it starts. It is no weight: decay and penalties leave it alone, as the paper does, since
    they would pull it towards ReLU.

    Reach for it when there is data enough to learn it, in place of trying slopes of `leaky_relu`.

    Leave it when data is scarce: it is one more way to overfit.

    Cost: as `leaky_relu`, and one parameter a layer, whose gradient is a sum over the whole layer.

    Args:
        slope: Where the slope starts.

    Returns:
        (any shape) -> (the same shape), any number.

    Reference:
        He et al., "Delving Deep into Rectifiers", 2015, section 2.1.
    """
    return nn.PReLU(init=slope)

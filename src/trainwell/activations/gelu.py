"""GELU: weigh the input by the chance that a normal draw lies below it."""

from torch import nn

from trainwell.activations import activations


@activations.add(
    "gelu",
    paper="https://arxiv.org/abs/1606.08415",
    gain=1.533530,
    initializer="he_normal",
    zero_centred=False,
    saturates="below",
    monotone=False,
)
def gelu() -> nn.Module:
    """x Phi(x): smooth, not monotone, not convex; its minimum is -0.170 at -0.752.

    Returns:
        x -> x Phi(x), in [-0.170, inf).

    Reference:
        Hendrycks, Gimpel, "Gaussian Error Linear Units", 2016, section 2.
    """
    return nn.GELU()

"""ELU: an exponential below 0."""

from torch import nn

from trainwell.activations import activations


@activations.add(
    "elu",
    paper="https://arxiv.org/abs/1511.07289",
    limits={"alpha": "(0, inf)"},
    gain=1.245198,
    initializer="he_normal",
    zero_centred=False,
    saturates="below",
    monotone=True,
)
def elu(*, alpha: float = 1.0) -> nn.Module:
    """x above 0, alpha (e^x - 1) below: mean output nearer 0, smooth at 0 when alpha = 1.

    Args:
        alpha: The limit on the far negative side is -alpha.

    Returns:
        x -> elu(x), in (-alpha, inf).

    Reference:
        Clevert, Unterthiner, Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units", 2016,
        equation 15.
    """
    return nn.ELU(alpha)

"""Polynomial: the rate falls as a power of what is left of the run."""

from trainwell.schedules import schedules


@schedules.add(
    "polynomial",
    paper="https://arxiv.org/abs/1606.00915",
    tune={"power": (0.5, 3.0), "final": (0.0, 0.1)},
    limits={"power": "(0, inf)", "final": "[0, 1]"},
    needs_loss=False,
    own_warmup=False,
)
def polynomial(progress: float, *, power: float = 0.9, final: float = 0.0) -> float:
    """The rate falls as a power of what is left of the run.

    Definition: final + (1 - final) (1 - progress)^power. A power of 1 is `linear`; below it the rate stays high for
    longer and falls off at the end, above it the other way round. The default is that of DeepLab.

    Reach for it when a paper of segmentation is followed, or `linear` is to be bent a little.

    Leave it when there is no reason for a power: `linear` has none to choose.

    Cost: nothing; the power is to be chosen.

    Args:
        progress: In [0, 1].
        power: Exponent.
        final: Multiplier at the end.

    Returns:
        In [final, 1].

    Reference:
        Chen et al., "DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous Convolution, and Fully
        Connected CRFs", 2018, section 4.1.
    """
    return final + (1.0 - final) * (1.0 - progress) ** power
